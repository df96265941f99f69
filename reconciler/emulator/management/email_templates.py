"""E-mail templates of a project, and the default of each type [2.14, 2.15, 1.5]."""

import re
from collections.abc import Mapping
from typing import Final

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given
from reconciler.emulator.core.search import arranged
from reconciler.emulator.core.store import Fields, Row

TYPES: Final = (
    *("LOGIN", "SIGNUP", "INVITE", "RESET_PASSWORD", "ONE_TIME_PASSCODE", "ONE_TIME_PASSCODE_SIGNUP"),
    *("VERIFY_EMAIL_PASSWORD_RESET", "UNLOCK", "PREBUILT"),
)
FONTS: Final = (
    *("ARIAL", "BRUSH_SCRIPT_MT", "COURIER_NEW", "GEORGIA", "HELVETICA", "TAHOMA", "TIMES_NEW_ROMAN"),
    *("TREBUCHET_MS", "VERDANA"),
)
ALIGNMENTS: Final = ("LEFT", "CENTER")
PLACEHOLDERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("LOGIN", "SIGNUP", "INVITE"), "{{magic_link_url}}"),
    **dict.fromkeys(("ONE_TIME_PASSCODE", "ONE_TIME_PASSCODE_SIGNUP"), "{{otp_code}}"),
    **dict.fromkeys(("RESET_PASSWORD", "VERIFY_EMAIL_PASSWORD_RESET"), "{{reset_password_url}}"),
}
SENDER: Final = ("from_local_part", "from_domain", "from_name", "reply_to_local_part", "reply_to_name")
LOCAL_PART: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}")
COLOR: Final = re.compile(r"#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
PARAMETERS: Final = "invalid_email_template_parameters"
PREBUILT: Final = "prebuilt_customization"
CUSTOM: Final = "custom_html_customization"
KINDS: Final = (PREBUILT, CUSTOM)

MOST: Final = 100


def create(call: Call) -> Answer:
    """``POST …/email_templates``."""
    id_: str | None = given(call.body, "template_id", str, call.behaviour, "invalid_template_id")
    if not id_:
        raise Refusal("invalid_template_id", "template_id is required.")
    if call.store.get(_collection(call), id_) is not None:
        raise Refusal("duplicate_email_template_vanity_id", "Another template has this template_id.")
    if call.store.count(_collection(call)) >= MOST:
        raise Refusal("too_many_email_templates", f"A project may have at most {MOST} e-mail templates.")
    return {"email_template": _keep(call, {"template_id": id_, **_stated(call, call.body)})}


def list_all(call: Call) -> Answer:
    """``GET …/email_templates``."""
    rows = arranged(call.store.children(_collection(call)), call.behaviour, lambda row: row.id)
    return {"email_templates": [row.fields for row in rows]}


def get(call: Call) -> Answer:
    """``GET …/email_templates/{template_id}``."""
    return {"email_template": _found(call, call.path["template_id"]).fields}


def update(call: Call) -> Answer:
    """``PUT …/email_templates/{template_id}``."""
    row = _found(call, call.path["template_id"])
    before = {name: value for name, value in row.fields.items() if value is not None}
    body = call.body
    if call.behaviour.template_put == "merges":
        stays = before.keys() - set(KINDS) if set(KINDS) & body.keys() else before.keys()
        body = {**{name: before[name] for name in stays}, **body}
    stated = _stated(call, body)
    switches = any(stated[kind] is None for kind in before.keys() & set(KINDS))
    if switches and call.behaviour.template_switch == "refused":
        raise Refusal("invalid_argument", "A template cannot become one of the other kind.")
    return {"email_template": _keep(call, {"template_id": row.id, **stated}, row)}


def delete(call: Call) -> Answer:
    """``DELETE …/email_templates/{template_id}``: refused while the template is a default."""
    row = _found(call, call.path["template_id"])
    if row.id in _defaults(call).values():
        raise Refusal("cannot_delete_default_email_template", "The template is a default.")
    call.store.remove(row)
    return {}


def set_default(call: Call) -> Answer:
    """``POST …/default_email_templates/{email_template_type}``."""
    type_ = _type(call)
    id_: str | None = given(call.body, "template_id", str, call.behaviour, "invalid_template_id")
    if not id_:
        raise Refusal("invalid_template_id", "template_id is required.")
    row = _found(call, id_)
    own = (row.fields.get(CUSTOM) or {}).get("template_type", "PREBUILT")
    if own != type_ and call.behaviour.default_template_type == "matching":
        raise Refusal("invalid_argument", f"The template is one for {own}.")
    _keep_defaults(call, {**_defaults(call), type_: row.id})
    return {}


def get_default(call: Call) -> Answer:
    """``GET …/default_email_templates/{email_template_type}``: an error where no default is set."""
    id_ = _defaults(call).get(_type(call))
    if id_ is None:
        raise Refusal("email_template_not_found", "There is no default template of this type.")
    return {"template_id": id_}


def unset_default(call: Call) -> Answer:
    """``DELETE …/default_email_templates/{email_template_type}``: the prebuilt default can only be replaced."""
    type_ = _type(call)
    if type_ == "PREBUILT":
        raise Refusal("invalid_argument", "The default prebuilt template cannot be unset.")
    _keep_defaults(call, {other: id_ for other, id_ in _defaults(call).items() if other != type_})
    return {}


def _customization(body: Fields, behaviour: Behaviour) -> tuple[str, Fields]:
    """Return the kind of customization in the request, and its fields.

    Raises:
        Refusal: where the request does not have exactly one kind, or an invalid field.
    """
    stated = [(kind, given(body, kind, dict, behaviour, "invalid_argument")) for kind in KINDS if kind in body]
    if len(stated) != 1:
        raise Refusal("invalid_argument", f"Exactly one of {' and '.join(KINDS)} must be given.")
    kind, fields = stated[0]
    return kind, _prebuilt(fields, behaviour) if kind == PREBUILT else _custom(fields, behaviour)


def _stated_sender(body: Fields, behaviour: Behaviour) -> Fields | None:
    """Return the sender in the request, or None."""
    stated: Fields | None = given(body, "sender_information", dict, behaviour, "invalid_argument")
    if stated is None:
        return None
    fields = {name: given(stated, name, str, behaviour, "invalid_argument") for name in SENDER}
    for name in ("from_local_part", "reply_to_local_part"):
        if fields[name] and not LOCAL_PART.fullmatch(fields[name]):
            raise Refusal(f"invalid_{name}", f"{name} is not valid before the @ of an address.")
    return {name: value for name, value in fields.items() if value is not None}


def _collection(call: Call) -> int:
    """Return the number of the collection of the project's templates."""
    return call.store.collection(call.project.key, "email_template")


def _found(call: Call, template_id: str) -> Row:
    """Return the template with this id.

    Raises:
        Refusal: ``email_template_not_found``.
    """
    row = call.store.get(_collection(call), template_id)
    if row is None:
        raise Refusal("email_template_not_found", "The e-mail template could not be found.")
    return row


def _keep(call: Call, fields: Fields, row: Row | None = None) -> Fields:
    """Store a template. ``row`` is its former row."""
    kept = Row(fields["template_id"], fields, number=row.number if row else 0)
    return call.store.put(_collection(call), kept).fields


def _defaults(call: Call) -> dict[str, str]:
    """Return the ids of the default templates by type."""
    kept: dict[str, str] = call.store.setting(f"default_email_templates {call.project.key}") or {}
    return kept


def _keep_defaults(call: Call, by_type: dict[str, str]) -> None:
    """Store the ids of the default templates by type."""
    call.store.set(f"default_email_templates {call.project.key}", by_type)


def _stated(call: Call, body: Fields) -> Fields:
    """Return every field of a template from ``body``; None for a field that it does not have."""
    kind, looks = _customization(body, call.behaviour)
    sender = _stated_sender(body, call.behaviour)
    if kind == CUSTOM and sender is None:
        raise Refusal("invalid_argument", "Custom HTML needs sender_information.")
    if sender and sender.get("from_domain") and kind == PREBUILT and not call.behaviour.email_domain_verified:
        sender = None  # Stytch does not document it.
    return {
        "name": given(body, "name", str, call.behaviour, "invalid_argument"),
        "sender_information": sender,
        **dict.fromkeys(KINDS),
        kind: looks,
    }


def _prebuilt(stated: Fields, behaviour: Behaviour) -> Fields:
    radius = given(stated, "button_border_radius", float, behaviour, PARAMETERS)
    if radius is not None and radius < 0:
        raise Refusal(PARAMETERS, "button_border_radius must not be negative.")
    colors = {name: given(stated, name, str, behaviour, PARAMETERS) for name in ("button_color", "button_text_color")}
    for name, color in colors.items():
        if color is not None and not COLOR.fullmatch(color):
            raise Refusal(PARAMETERS, f"{name} must be a color such as #106EE9.")
    fields = {
        "button_border_radius": radius,
        **colors,
        "font_family": choice(stated, "font_family", FONTS, behaviour, PARAMETERS),
        "text_alignment": choice(stated, "text_alignment", ALIGNMENTS, behaviour, PARAMETERS),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _custom(stated: Fields, behaviour: Behaviour) -> Fields:
    if not behaviour.email_domain_verified:
        raise Refusal("required_custom_email_domain", "Custom HTML needs a custom e-mail domain.")
    type_ = choice(stated, "template_type", TYPES[:-1], behaviour, "invalid_argument")
    if type_ is None:
        raise Refusal("invalid_argument", "template_type is required.")
    html = given(stated, "html_content", str, behaviour, "invalid_email_html")
    subject = given(stated, "subject", str, behaviour, "invalid_email_subject")
    plaintext = given(stated, "plaintext_content", str, behaviour, "invalid_email_plaintext")
    placeholder = PLACEHOLDERS.get(type_, "")
    if not html or placeholder not in html:
        raise Refusal("invalid_email_html", f"html_content is required, with {placeholder or 'any text'} in it.")
    if not subject:
        raise Refusal("invalid_email_subject", "subject is required.")
    fields = {"template_type": type_, "html_content": html, "plaintext_content": plaintext, "subject": subject}
    return {name: value for name, value in fields.items() if value is not None}


def _type(call: Call) -> str:
    type_ = call.path["email_template_type"]
    if type_ not in TYPES:
        raise Refusal("invalid_argument", f"The type must be one of {', '.join(TYPES)}.")
    return type_
