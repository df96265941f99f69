"""The rules of an e-mail template [2.14]."""

import re
from collections.abc import Mapping
from typing import Final

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given
from reconciler.emulator.core.store import Fields

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


def customization(body: Fields, behaviour: Behaviour) -> tuple[str, Fields]:
    """Return the kind of customization in the request, and its fields.

    Raises:
        Refusal: where the request does not have exactly one kind, or an invalid field.
    """
    stated = [(kind, given(body, kind, dict, behaviour, "invalid_argument")) for kind in KINDS if kind in body]
    if len(stated) != 1:
        raise Refusal("invalid_argument", f"Exactly one of {' and '.join(KINDS)} must be given.")
    kind, fields = stated[0]
    return kind, _prebuilt(fields, behaviour) if kind == PREBUILT else _custom(fields, behaviour)


def sender(body: Fields, behaviour: Behaviour) -> Fields | None:
    """Return the sender in the request, or None."""
    stated: Fields | None = given(body, "sender_information", dict, behaviour, "invalid_argument")
    if stated is None:
        return None
    fields = {name: given(stated, name, str, behaviour, "invalid_argument") for name in SENDER}
    for name in ("from_local_part", "reply_to_local_part"):
        if fields[name] and not LOCAL_PART.fullmatch(fields[name]):
            raise Refusal(f"invalid_{name}", f"{name} is not valid before the @ of an address.")
    return {name: value for name, value in fields.items() if value is not None}


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
