"""Repositories and Stytches of any size: everything in place but for one user in a hundred, or nothing yet.

::

    python -m benchmarks.world DATABASE ORGANIZATIONS MEMBERS [unmarked]

makes the database of an emulator that holds so many organizations and members, who are ours unless they are unmarked.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

OWNER = "benchmark"
CHANGED = 100  # one user in so many differs
FILES = 1_000  # manifests, at most; with more organizations, each holds several documents

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
BY_TABLE = """\
apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: employees}
spec:
  rules:
    - name: by-table
      table: {name: people, join: {user_id: user.user_id}}
      assign: [{organization: "${{ row.organization }}"}]
"""
CONFIGURATION = """\
apiVersion: reconciler/v1
kind: Configuration
name: benchmark
environments:
  test:
    authority: {Member: authoritative}
    guards: {max_new_admins: 1000000, max_problems: 1000000}
    rates: {requests_per_second: %g, searches_per_minute: 10000000, share: 1}
"""
UNLIMITED = 100_000.0  # requests a second


def write_repository(root: Path, organizations: int, users: int, rate: float = UNLIMITED) -> Path:
    """Write manifests, rules, configuration and a Consumer export as Stytch's export utility writes it."""
    write_files(
        root,
        {"rules/employees.yaml": RULES, "reconciler.yaml": f"{CONFIGURATION % rate}    users: {{file: users.json}}\n"},
    )
    write_manifests(root, organizations)
    with (root / "users.json").open("w", encoding="utf-8") as file:
        file.write("[")
        for number in range(users):
            file.write(",\n" * (number > 0) + json.dumps(user(number, organizations), separators=(",", ":")))
        file.write("]\n")
    return root


def write_manifests(root: Path, organizations: int) -> None:
    """Write the manifests of so many organizations."""
    (root / "manifests").mkdir()
    in_a_file = -(-organizations // FILES)
    for first in range(0, organizations, in_a_file):
        numbers = range(first, min(organizations, first + in_a_file))
        text = "---\n".join(MANIFEST.format(number=number) for number in numbers)
        (root / "manifests" / f"org-{first}.yaml").write_text(text, encoding="utf-8")


def write_table(root: Path, rows: int) -> Path:
    """Write a repository whose rule joins a table of so many rows."""
    configuration = f"{CONFIGURATION % UNLIMITED}    tables: {{people: people.csv}}\n"
    write_files(root, {"rules/employees.yaml": BY_TABLE, "reconciler.yaml": configuration})
    write_manifests(root, 1)
    with (root / "people.csv").open("w", encoding="utf-8") as file:
        file.write("user_id,organization,role\n")
        file.writelines(f"user-test-{UUID(int=number)},org-0,role-{number % 7}\n" for number in range(rows))
    return root


def write_files(root: Path, files: dict[str, str]) -> Path:
    """Write files below a new folder."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


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


def live_members(organizations: int, users: int, *, marked: bool = True) -> Iterator[dict[str, Any]]:
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
            "trusted_metadata": {"reconciler": mark} if marked else {},
        }


def organization_id(number: int) -> str:
    """Give the id that Stytch gave an organization."""
    return f"organization-test-{UUID(int=number)}"


def main() -> None:
    """Make a database."""
    from reconciler.emulator.seed.bulk import load_members, place_organization
    from reconciler.emulator.server.app import App

    database, organizations, members = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    app = App(database)
    for organization in live_organizations(organizations):
        place_organization(app, organization)
    load_members(app, app.workspace.environment("B2B"), live_members(organizations, members, marked=sys.argv[4:] == []))
    app.close()


if __name__ == "__main__":
    main()
