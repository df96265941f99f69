"""The default e-mail template of each type in a project [2.15]."""

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.management import template_rules as rules
from reconciler.emulator.management.template_record import defaults, found, keep_defaults


def set_default(call: Call) -> Answer:
    """``POST …/default_email_templates/{email_template_type}``."""
    type_ = _type(call)
    id_: str | None = given(call.body, "template_id", str, call.behaviour, "invalid_template_id")
    if not id_:
        raise Refusal("invalid_template_id", "template_id is required.")
    row = found(call, id_)
    own = (row.fields.get(rules.CUSTOM) or {}).get("template_type", "PREBUILT")
    if own != type_ and call.behaviour.default_template_type == "matching":
        raise Refusal("invalid_argument", f"The template is one for {own}.")
    keep_defaults(call, {**defaults(call), type_: row.id})
    return {}


def get_default(call: Call) -> Answer:
    """``GET …/default_email_templates/{email_template_type}``: an error where no default is set."""
    id_ = defaults(call).get(_type(call))
    if id_ is None:
        raise Refusal("email_template_not_found", "There is no default template of this type.")
    return {"template_id": id_}


def unset_default(call: Call) -> Answer:
    """``DELETE …/default_email_templates/{email_template_type}``: the prebuilt default can only be replaced."""
    type_ = _type(call)
    if type_ == "PREBUILT":
        raise Refusal("invalid_argument", "The default prebuilt template cannot be unset.")
    keep_defaults(call, {each: id_ for each, id_ in defaults(call).items() if each != type_})
    return {}


def _type(call: Call) -> str:
    type_ = call.path["email_template_type"]
    if type_ not in rules.TYPES:
        raise Refusal("invalid_argument", f"The type must be one of {', '.join(rules.TYPES)}.")
    return type_
