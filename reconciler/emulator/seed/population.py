"""Made-up Consumer users, always the same for a seed, with edge cases among them."""

import random
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.emulator.core.call import timestamp
from reconciler.emulator.core.store import Fields

FIRST = (
    *("Ada", "Bea", "Cem", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jan", "Kay", "Leo", "Mia", "Ned", "Ola", "Pia"),
    *("Quy", "Rex", "Sam", "Tea", "Uma", "Val", "Wim", "Xia", "Yan", "Zoe", "Łucja", "Žofie"),
)
LAST = (
    *("Abel", "Bauer", "Cole", "Diaz", "Evans", "Fox", "Garcia", "Huber", "Ito", "Jones", "Khan", "Lopez", "Meyer"),
    *("Novak", "O'Brien", "Park", "Quist", "Rossi", "Sato", "Toth"),
)
PROVIDERS = ("google", "microsoft", "github", "slack", "apple", "discord")
BEGAN = 1_577_836_800
YEARS = 5 * 365 * 86_400
COMPANIES = 1_000

CASES = (
    ("plain", 60),
    ("several_addresses", 8),
    ("unverified", 6),
    ("phone_only", 4),
    ("other_case", 4),
    ("passkey", 4),
    ("totp", 4),
    ("oauth", 5),
    ("wallet", 1),
    ("pending", 2),
    ("nothing", 1),
    ("plus_address", 1),
)


def population(count: int, seed: int = 0, domains: Sequence[str] | None = None) -> Iterator[Fields]:
    """Yield ``count`` users in Stytch's format, in the order of their creation. ``domains`` are their mail domains."""
    draw = random.Random(f"population {seed}")  # noqa: S311 # not for secrets
    names, weights = zip(*CASES, strict=True)
    domains = domains or [f"company-{number}.example" for number in range(COMPANIES)]
    for number in range(count):
        case = draw.choices(names, weights)[0]
        yield _user(draw, number, case, domains)


def _user(draw: random.Random, number: int, case: str, domains: Sequence[str]) -> Fields:
    first, last, domain = draw.choice(FIRST), draw.choice(LAST), draw.choice(domains)
    local = f"{first}.{last}.{number}".encode("ascii", "ignore").decode().lower().replace("'", "")
    address = f"{local}@{domain}"
    user: Fields = {
        "user_id": _id(draw, "user"),
        "status": "pending" if case == "pending" else "active",
        "created_at": timestamp(BEGAN + draw.randrange(YEARS)),
        "name": {"first_name": first, "middle_name": "", "last_name": last},
        "emails": [_email(draw, address, verified=case != "unverified")],
        "phone_numbers": [],
        "trusted_metadata": {"plan": draw.choice(("free", "team", "business"))},
        "untrusted_metadata": {},
        "providers": [],
        "webauthn_registrations": [],
        "biometric_registrations": [],
        "totps": [],
        "crypto_wallets": [],
        "roles": ["stytch_user"],
        "password": {"password_id": _id(draw, "password"), "requires_reset": draw.random() < 0.02},  # noqa: PLR2004 # a few
    }
    return user | _awkward(draw, case, number, address, domains)


def _awkward(draw: random.Random, case: str, number: int, address: str, domains: Sequence[str]) -> dict[str, Any]:
    """Return the fields in which this edge case differs from a plain user."""
    local, _, domain = address.partition("@")
    match case:
        case "several_addresses":
            other = _email(draw, f"{local}@{draw.choice(domains)}", verified=draw.random() < 0.7)  # noqa: PLR2004 # most
            private = _email(draw, f"{local}@gmail.com", verified=True)
            return {"emails": draw.sample([_email(draw, address, verified=True), other, private], 3)}
        case "phone_only":
            phone = {
                "phone_id": _id(draw, "phone-number"),
                "phone_number": f"+1415{number % 10**7:07}",
                "verified": True,
            }
            return {"emails": [], "phone_numbers": [phone], "password": None}
        case "other_case":
            twice = [_email(draw, text, verified=True) for text in (address.upper(), address)]
            return {"emails": twice}
        case "passkey":
            passkey = {
                "webauthn_registration_id": _id(draw, "webauthn-registration"),
                "domain": "app.example",
                "user_agent": "Mozilla/5.0",
                "verified": True,
                "authenticator_type": "platform",
                "name": "",
            }
            return {"webauthn_registrations": [passkey], "password": None}
        case "totp":
            return {"totps": [{"totp_id": _id(draw, "totp"), "verified": True}]}
        case "oauth":
            provider = {
                "provider_type": draw.choice(PROVIDERS),
                "provider_subject": str(draw.randrange(10**18)),
                "profile_picture_url": "",
                "locale": "en",
                "oauth_user_registration_id": _id(draw, "oauth-user"),
            }
            return {"providers": [provider], "password": None}
        case "wallet":
            wallet = {
                "crypto_wallet_id": _id(draw, "crypto-wallet"),
                "crypto_wallet_address": f"0x{draw.getrandbits(160):040x}",
                "crypto_wallet_type": "ethereum",
                "verified": True,
            }
            return {"emails": [], "crypto_wallets": [wallet], "password": None}
        case "nothing":
            return {
                "name": {"first_name": "", "middle_name": "", "last_name": ""},
                "trusted_metadata": {},
                "password": None,
            }
        case "plus_address":
            return {"emails": [_email(draw, f"{local}+test@{domain}", verified=True)]}
        case _:
            return {}


def _email(draw: random.Random, address: str, *, verified: bool) -> Fields:
    return {"email_id": _id(draw, "email"), "email": address, "verified": verified}


def _id(draw: random.Random, kind: str) -> str:
    return f"{kind}-test-{uuid.UUID(int=draw.getrandbits(128), version=4)}"
