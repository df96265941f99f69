"""How an organization is kept in the store."""

from reconciler.emulator.call import Call
from reconciler.emulator.store import Fields, Row

COMPUTED: Fields = {
    "organization_logo_url": "",
    "sso_active_connections": [],
    "custom_roles": [],
    "trusted_metadata": {},
    "organization_external_id": None,
    "sso_default_connection_id": None,
    "scim_active_connection": None,
}


def keep(call: Call, fields: Fields, row: Row | None = None) -> Row:
    """Store an organization; ``row`` is what it was."""
    kept = Row(fields["organization_id"], fields, names(call, fields), number=row.number if row else 0)
    return call.store.put(call.collection("organization"), kept)


def names(call: Call, fields: Fields) -> tuple[str, ...]:
    """What an organization is found by beside its id."""
    found = [f"slug:{folded(call, fields['organization_slug'])}"]
    if fields.get("organization_external_id"):
        found.append(f"external:{fields['organization_external_id']}")
    found += [f"claimed:{domain.lower()}" for domain in fields.get("claimed_email_domains", ())]
    return tuple(found)


def folded(call: Call, slug: str) -> str:
    """A slug as it is compared."""
    return slug if call.behaviour.slug_case_sensitive else slug.lower()
