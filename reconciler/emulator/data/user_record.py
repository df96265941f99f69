"""How a Consumer user is stored [2.23]."""

from collections.abc import Iterator

from reconciler.emulator.core.call import Call
from reconciler.emulator.core.store import Fields, Row

DEFAULTS: Fields = {
    "emails": [],
    "phone_numbers": [],
    "webauthn_registrations": [],
    "providers": [],
    "totps": [],
    "crypto_wallets": [],
    "biometric_registrations": [],
    "is_locked": False,
    "roles": [],
    "name": {"first_name": "", "middle_name": "", "last_name": ""},
    "password": None,
    "trusted_metadata": {},
    "untrusted_metadata": {},
    "external_id": None,
    "lock_created_at": None,
    "lock_expires_at": None,
}
FACTORS = {
    "emails": "email_id",
    "phone_numbers": "phone_id",
    "webauthn_registrations": "webauthn_registration_id",
    "providers": "oauth_user_registration_id",
    "totps": "totp_id",
    "crypto_wallets": "crypto_wallet_id",
    "biometric_registrations": "biometric_registration_id",
}
"""The lists of factors, and the name of an item's id."""


def keep(call: Call, fields: Fields, row: Row | None = None) -> Row:
    """Store a user. ``row`` is its former row."""
    kept = Row(fields["user_id"], fields, tuple(names(fields)), fields["status"], number=row.number if row else 0)
    return call.store.put(call.collection("user"), kept)


def names(fields: Fields) -> Iterator[str]:
    """Yield the names by which a user is found, apart from the id."""
    yield from (f"email:{email['email'].lower()}" for email in fields["emails"])
    yield from (f"phone:{phone['phone_number']}" for phone in fields["phone_numbers"])
    if fields.get("external_id"):
        yield f"external:{fields['external_id']}"
    for name, id_ in FACTORS.items():
        yield from (f"factor:{factor[id_]}" for factor in fields.get(name, ()))
    if fields.get("password"):
        yield f"factor:{fields['password']['password_id']}"
