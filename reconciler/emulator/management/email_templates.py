"""E-mail templates of a project [2.14, 1.5]."""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given
from reconciler.emulator.core.order import arranged
from reconciler.emulator.core.store import Fields
from reconciler.emulator.management import template_rules as rules
from reconciler.emulator.management.template_record import collection, defaults, found, keep

MOST: Final = 100


def create(call: Call) -> Answer:
    """``POST …/email_templates``."""
    id_: str | None = given(call.body, "template_id", str, call.behaviour, "invalid_template_id")
    if not id_:
        raise Refusal("invalid_template_id", "template_id is required.")
    if call.store.get(collection(call), id_) is not None:
        raise Refusal("duplicate_email_template_vanity_id", "Another template has this template_id.")
    if call.store.count(collection(call)) >= MOST:
        raise Refusal("too_many_email_templates", f"A project may have at most {MOST} e-mail templates.")
    return {"email_template": keep(call, {"template_id": id_, **_stated(call, call.body)})}


def list_all(call: Call) -> Answer:
    """``GET …/email_templates``."""
    rows = arranged(call.store.children(collection(call)), call.behaviour, lambda row: row.id)
    return {"email_templates": [row.fields for row in rows]}


def get(call: Call) -> Answer:
    """``GET …/email_templates/{template_id}``."""
    return {"email_template": found(call, call.path["template_id"]).fields}


def update(call: Call) -> Answer:
    """``PUT …/email_templates/{template_id}``."""
    row = found(call, call.path["template_id"])
    before = {name: value for name, value in row.fields.items() if value is not None}
    body = call.body
    if call.behaviour.template_put == "merges":
        stays = before.keys() - set(rules.KINDS) if set(rules.KINDS) & body.keys() else before.keys()
        body = {**{name: before[name] for name in stays}, **body}
    stated = _stated(call, body)
    switches = any(stated[kind] is None for kind in before.keys() & set(rules.KINDS))
    if switches and call.behaviour.template_switch == "refused":
        raise Refusal("invalid_argument", "A template cannot become one of the other kind.")
    return {"email_template": keep(call, {"template_id": row.id, **stated}, row)}


def delete(call: Call) -> Answer:
    """``DELETE …/email_templates/{template_id}``: refused while the template is a default."""
    row = found(call, call.path["template_id"])
    if row.id in defaults(call).values():
        raise Refusal("cannot_delete_default_email_template", "The template is a default.")
    call.store.remove(row)
    return {}


def _stated(call: Call, body: Fields) -> Fields:
    """Return every field of a template from ``body``; None for a field that it does not have."""
    kind, looks = rules.customization(body, call.behaviour)
    sender = rules.sender(body, call.behaviour)
    if kind == rules.CUSTOM and sender is None:
        raise Refusal("invalid_argument", "Custom HTML needs sender_information.")
    if sender and sender.get("from_domain") and kind == rules.PREBUILT and not call.behaviour.email_domain_verified:
        sender = None  # Stytch does not document it.
    return {
        "name": given(body, "name", str, call.behaviour, "invalid_argument"),
        "sender_information": sender,
        **dict.fromkeys(rules.KINDS),
        kind: looks,
    }
