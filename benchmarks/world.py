"""A repository and a Stytch of any size in which everything is in place, but for one user in a hundred."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

OWNER = "benchmark"
CHANGED = 100  # one user in so many differs

MANIFEST = """\
apiVersion: reconciler/v1
kind: Organization
metadata:
  name: org-{number}
spec:
  organization_name: Organization {number}
  trusted_metadata:
    email_domains: [org-{number}.example]
    tier: gold
initial:
  mfa_policy: OPTIONAL
---
"""
RULES = """\
apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: employees}
spec:
  rules:
    - name: by-email-domain
      match: {email_domain: {organization: trusted_metadata.email_domains, subdomains: true}}
      assign: [{organization: "${{ organization.name }}"}]
"""
CONFIGURATION = """\
apiVersion: reconciler/v1
kind: Configuration
name: benchmark
environments:
  test:
    users: {file: users.json}
    authority: {Member: authoritative}
    rates: {requests_per_second: 100000, searches_per_minute: 10000000, share: 1}
"""


def write_repository(root: Path, organizations: int, users: int) -> None:
    """Write manifests, rules, configuration and a Consumer export as Stytch's export utility writes it."""
    (root / "manifests").mkdir(parents=True)
    (root / "rules").mkdir()
    for number in range(organizations):
        path = root / "manifests" / f"org-{number}.yaml"
        path.write_text(MANIFEST.format(number=number).removesuffix("---\n"), encoding="utf-8")
    (root / "rules" / "employees.yaml").write_text(RULES, encoding="utf-8")
    (root / "reconciler.yaml").write_text(CONFIGURATION, encoding="utf-8")
    with (root / "users.json").open("w", encoding="utf-8") as file:
        file.write("[")
        for number in range(users):
            file.write("," * (number > 0) + json.dumps(user(number, organizations), separators=(",", ":")))
        file.write("]\n")


def user(number: int, organizations: int) -> dict[str, Any]:
    """Make a user as Stytch's search returns one (some 860 bytes)."""
    identifier = UUID(int=number)
    return {
        "user_id": f"user-test-{identifier}",
        "status": "active",
        "created_at": "2024-05-01T12:00:00Z",
        "name": {"first_name": "First", "middle_name": "", "last_name": f"Last{number}"},
        "emails": [{"email_id": f"email-test-{identifier}", "email": address(number, organizations), "verified": True}],
        "phone_numbers": [
            {"phone_id": f"phone-number-test-{identifier}", "phone_number": "+15005550006", "verified": True}
        ],
        "trusted_metadata": {"plan": "gold", "employer": f"org-{number % organizations}", "seats": number % 50},
        "untrusted_metadata": {"theme": "dark", "locale": "en-GB"},
        "providers": [
            {
                "provider_type": "Google",
                "provider_subject": f"{number:021}",
                "profile_picture_url": "https://images.example/p.png",
                "locale": "en",
                "oauth_user_registration_id": f"oauth-user-test-{identifier}",
            }
        ],
        "webauthn_registrations": [],
        "biometric_registrations": [],
        "totps": [],
        "crypto_wallets": [],
        "password": {"password_id": f"password-test-{identifier}", "requires_reset": False},
    }


def address(number: int, organizations: int) -> str:
    """Give a user's address: the users are spread evenly over the organizations."""
    return f"u{number}@org-{number % organizations}.example"


def live_organizations(organizations: int) -> Iterator[dict[str, Any]]:
    """Make the organizations as they are once everything is applied."""
    for number in range(organizations):
        identifier = organization_id(number)
        mark = {"v": 1, "owner": OWNER, "organization": identifier}
        metadata = {"email_domains": [f"org-{number}.example"], "tier": "gold", "reconciler": mark}
        yield {
            "organization_id": identifier,
            "organization_name": f"Organization {number}",
            "organization_slug": f"org-{number}",
            "trusted_metadata": metadata,
        }


def live_members(organizations: int, users: int) -> Iterator[dict[str, Any]]:
    """Make the members as they are once everything is applied; of one in ``CHANGED`` the external id differs."""
    for number in range(users):
        user_id = f"user-test-{UUID(int=number)}"
        identifier, member = organization_id(number % organizations), f"member-test-{UUID(int=number)}"
        mark = {"v": 1, "owner": OWNER, "organization": identifier, "member": member, "user": user_id}
        yield {
            "organization_id": identifier,
            "member_id": member,
            "email_address": address(number, organizations),
            "email_address_verified": True,
            "external_id": user_id if number % CHANGED else f"changed-{number}",
            "trusted_metadata": {"reconciler": mark},
        }


def organization_id(number: int) -> str:
    """Give the id that Stytch gave an organization."""
    return f"organization-test-{UUID(int=number)}"
