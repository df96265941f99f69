"""E-mail templates: the look of Stytch's e-mails, for a project and all its environments (docs/stytch.md, 2.14)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.errors import Rejected
from reconciler.kinds._context import Access, ApplyContext, Gone
from reconciler.kinds._rest import Collection
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    explaining,
    lost_create,
    merged_into_live,
    retry_idempotent,
)
from reconciler.model import Change, Delete, FieldChange, Json, Problem, Resource, Spec, Update
from reconciler.schema.kind import Deletes, Key, Kind, Order, Verbs, nothing
from reconciler.schema.traits import FromFile, Merged, TextFile
from reconciler.schema.types import Text

ALREADY_THERE: Final = ("duplicate_email_template_vanity_id",)
IS_DEFAULT: Final = "cannot_delete_default_email_template"
ABSENT: Final = frozenset({"email_template_not_found"})
PREBUILT: Final = "prebuilt_customization"
CUSTOM: Final = "custom_html_customization"
SENDER: Final = "sender_information"
SECTIONS: Final = (PREBUILT, CUSTOM)
COLOURS: Final = ("button_color", "button_text_color")
RADIUS: Final = "button_border_radius"
DIGITS: Final = 3  # that survive in the short number that Stytch keeps
# What the HTML of a template must hold for the mail to be of any use; Stytch refuses it otherwise.
PLACEHOLDERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("LOGIN", "SIGNUP", "INVITE"), "{{magic_link_url}}"),
    **dict.fromkeys(("ONE_TIME_PASSCODE", "ONE_TIME_PASSCODE_SIGNUP"), "{{otp_code}}"),
    **dict.fromkeys(("RESET_PASSWORD", "VERIFY_EMAIL_PASSWORD_RESET"), "{{reset_password_url}}"),
}

Colour = Annotated[
    str, Meta(pattern=r"^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$(?!\n)", description="a colour such as #106EE9")
]
Font = Literal[
    "ARIAL",
    "BRUSH_SCRIPT_MT",
    "COURIER_NEW",
    "GEORGIA",
    "HELVETICA",
    "TAHOMA",
    "TIMES_NEW_ROMAN",
    "TREBUCHET_MS",
    "VERDANA",
]
Type = Literal[
    "LOGIN",
    "SIGNUP",
    "INVITE",
    "RESET_PASSWORD",
    "ONE_TIME_PASSCODE",
    "ONE_TIME_PASSCODE_SIGNUP",
    "VERIFY_EMAIL_PASSWORD_RESET",
    "UNLOCK",
]


class Sender(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whom the mail is from, and whom an answer goes to."""

    from_local_part: Text | UnsetType = UNSET
    from_domain: Text | UnsetType = UNSET
    from_name: str | UnsetType = UNSET
    reply_to_local_part: Text | UnsetType = UNSET
    reply_to_name: str | UnsetType = UNSET


class Prebuilt(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be changed of Stytch's own template."""

    button_border_radius: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    button_color: Colour | UnsetType = UNSET
    button_text_color: Colour | UnsetType = UNSET
    font_family: Font | UnsetType = UNSET
    text_alignment: Literal["LEFT", "CENTER"] | UnsetType = UNSET


class CustomHTML(Struct, forbid_unknown_fields=True, kw_only=True):
    """A mail of one's own; Stytch's ``{{ }}`` in it are left as they are."""

    template_type: Type | UnsetType = UNSET
    subject: Text | UnsetType = UNSET
    html_content: str | TextFile | UnsetType = UNSET
    plaintext_content: str | TextFile | UnsetType = UNSET


class EmailTemplateSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """What can be written of a template, under Stytch's names; the id is ``metadata.name``."""

    name: Text | UnsetType = UNSET
    sender_information: Annotated[Sender | UnsetType, Merged()] = UNSET
    prebuilt_customization: Annotated[Prebuilt | UnsetType, Merged()] = UNSET
    custom_html_customization: Annotated[CustomHTML | UnsetType, Merged(), FromFile()] = UNSET


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    given = [name for name in SECTIONS if name in resource.spec]
    if resource.ensure == "present" and len(given) != 1:
        message = f"a template has exactly one of {' and '.join(SECTIONS)}; this one has {len(given)}"
        hint = "keep one of the two" if given else f"add {PREBUILT}, or {CUSTOM}"
        yield resource.problem("one-of", message, hint, *(("spec", name) for name in given))
    custom = resource.spec.get(CUSTOM) or {}
    html, placeholder = custom.get("html_content"), PLACEHOLDERS.get(str(custom.get("template_type")), "")
    if isinstance(html, str) and placeholder not in html:
        message = f"the HTML of a template for {custom['template_type']} must hold {placeholder}"
        hint = "without it the mail has no link, and Stytch refuses the template"
        yield resource.problem("placeholder", message, hint, ("spec", CUSTOM, "html_content"))
    if custom and SENDER not in resource.spec:
        message = f"{CUSTOM} needs {SENDER}: it is sent from your own domain"
        yield resource.problem("missing-key", message, f"add {SENDER} with from_domain", ("spec", CUSTOM))


def canonical(spec: Spec) -> Spec:
    """Spell colours in one case, as Stytch may answer in another, and take of a number the digits that survive."""
    looks = spec.get(PREBUILT)
    if not isinstance(looks, dict):
        return spec
    spelled = {name: looks[name].lower() for name in COLOURS if isinstance(looks.get(name), str)}
    rounded = {RADIUS: round(float(looks[RADIUS]), DIGITS)} if RADIUS in looks else {}
    return {**spec, PREBUILT: {**looks, **spelled, **rounded}}


def fill(desired: Spec, live: Spec) -> Spec:
    """Take away the section of the other sort, of which a template can have only one."""
    for name, other in (SECTIONS, reversed(SECTIONS)):
        if desired.get(name) and live.get(other) and not live.get(name):
            return {**desired, other: None}
    return desired


def changes_sort(fields: Sequence[FieldChange]) -> bool:
    """Return whether a template becomes one of the other sort."""
    return any(field.path in ((PREBUILT,), (CUSTOM,)) for field in fields)


def create(change: Change, context: ApplyContext, body: Spec | None = None) -> WriteResult:
    """Create the template under its own id, with what is planned, or all of ``body``."""
    spec = merged_into_live(KIND, {}, change) if body is None else body

    def look() -> WriteResult | None:
        live = _get(context, change)
        found = {change.name: KIND.normalize(live)} if live is not None else {}
        # Whom the mail is from Stytch may have dropped.
        sent = {name: value for name, value in KIND.normalize(spec).items() if name != SENDER}
        return lost_create(found, sent, "a template with this id")

    sent = {"template_id": change.name, **spec}
    written = create_once(
        lambda: _written(change, context.management.write("POST", TEMPLATES.path(context.target), sent)),
        look,
        ALREADY_THERE,
    )
    return _checked(change, context, written)


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Replace the template whole, starting from what is live; or recreate it, if its sort changes."""
    path = TEMPLATES.at(context.target, change.name)

    def whole() -> dict[str, Json]:
        live = _get(context, change)
        if live is None:
            raise Gone
        return _as_live(merged_into_live(KIND, live, change), live, change)

    if change.replaces:
        body = whole()
        delete(change, context)
        return create(change, context, body)
    written = retry_idempotent(lambda: _written(change, context.management.write_whole("PUT", path, whole)))
    return _checked(change, context, written)


def _as_live(body: dict[str, Json], live: Spec, change: Update) -> dict[str, Json]:
    """Spell looks that are not planned as they are live: what is not declared is not changed at all."""
    if not body.get(PREBUILT) or not live.get(PREBUILT):
        return body
    stay = {
        name: live[PREBUILT][name]
        for name in (*COLOURS, RADIUS)
        if name in live[PREBUILT] and not change.get(PREBUILT, name)
    }
    return {**body, PREBUILT: {**body[PREBUILT], **stay}}


def delete(change: Update | Delete, context: ApplyContext) -> WriteResult:
    """Delete the template, which Stytch refuses while it is a default."""
    said = "it is a default: set another template in a DefaultEmailTemplate first, or set `ensure: absent` on that"
    with explaining(IS_DEFAULT, said):
        return TEMPLATES.delete(change, context)


def _spec(row: Mapping[str, Any]) -> Spec:
    """Return what is set of a template: Stytch may answer with nulls for what is not."""
    found = {name: row.get(name) for name in EmailTemplateSpec.__struct_fields__}
    return {name: _set(value) for name, value in found.items() if value not in (None, {})}


def _set(value: Json) -> Json:
    return {key: each for key, each in value.items() if each is not None} if isinstance(value, dict) else value


def _get(access: Access, change: Change) -> Spec | None:
    found = access.management.find(TEMPLATES.at(access.target, change.name), ABSENT)
    return None if found is None else _spec(found["email_template"])


def _written(change: Change, answer: Mapping[str, Any]) -> WriteResult:
    row = answer.get("email_template") or {}
    return WriteResult(
        change.name, str(answer["request_id"]), {**_spec(row), KIND.key.name: row.get(KIND.key.name, change.name)}
    )


def _checked(change: Change, context: ApplyContext, written: WriteResult) -> WriteResult:
    """Say so where Stytch silently dropped whom the mail is from, as it does with a domain that is not verified."""
    wanted = {field.path[-1]: field.after for field in change.fields if field.path[0] == SENDER}
    taken = ((_get(context, change) if wanted else None) or {}).get(SENDER) or {}
    if dropped := [f"{SENDER}.{name}" for name, value in wanted.items() if taken.get(name) != value]:
        sentence = (
            f"Stytch accepted the write but dropped {', '.join(dropped)}; check "
            "that the domain is verified in the dashboard"
        )
        raise Rejected(sentence, request_id=written.request_id)
    return written


TEMPLATES: Final = Collection(
    path=lambda target: f"{target.project_path}/email_templates",
    many="email_templates",
    one="email_template",
    id="template_id",
    spec=_spec,
)
KIND: Final = TEMPLATES.added_to(
    Kind(
        name="EmailTemplate",
        spec=EmailTemplateSpec,
        scope="project",
        api="management",
        key=Key(
            "template_id",
            Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+$(?!\n)", description="a template_id")],
            "the `template_id`",
        ),
        order=Order(shares=nothing),
        deletes=Deletes(recreated_for=changes_sort),
        check=check,
        canonical=canonical,
        fill=fill,
        verbs=Verbs(create=create, update=update, delete=delete),
    )
)
