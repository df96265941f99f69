"""How an organization is stored."""

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.store import Fields, Row

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
    """Store an organization. ``row`` is its former row."""
    kept = Row(fields["organization_id"], fields, names(call, fields), number=row.number if row else 0)
    return call.store.put(call.collection("organization"), kept)


def names(call: Call, fields: Fields) -> tuple[str, ...]:
    """Return the names by which an organization is found, apart from its id."""
    found = [f"slug:{folded(call, fields['organization_slug'])}"]
    if fields.get("organization_external_id"):
        found.append(f"external:{fields['organization_external_id']}")
    found += [f"claimed:{domain.lower()}" for domain in fields.get("claimed_email_domains", ())]
    return tuple(found)


def folded(call: Call, slug: str) -> str:
    """Return a slug in the form that is compared."""
    return slug if call.behaviour.slug_case_sensitive else slug.lower()
