"""``init``: a small repository to start from, every line of it explained. It validates as it stands."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reconciler.errors import InvalidInput

FILES: Final[Mapping[str, str]] = {
    "reconciler.yaml": """\
# The Stytch projects that this repository manages. Every setting: docs/configuration.md of stytch-reconciler.
apiVersion: reconciler/v1
kind: Configuration
name: my-identity                       # the owner in our marks; two repositories on one project need two names
environments:
  test:
    # The project that STYTCH_PROJECT_ID and STYTCH_SECRET must belong to. A live one also needs `type: live`.
    # target: {project_id: project-test-...}
    users: {file: users.jsonl}          # an export; {consumer: {project_id: project-test-...}} reads a Consumer project
    # authority: {Member: authoritative}  # also delete members that we created and that no rule gives now
""",
    "manifests/organizations.yaml": """\
# One document per organization. Fields have Stytch's names; a field that is left out is not managed.
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}                  # the organization_slug
spec:
  organization_name: Acme
  trusted_metadata:
    email_domains: [acme.example]       # what the rule in rules/members.yaml looks addresses up in
  email_allowed_domains: [acme.example]
  email_jit_provisioning: RESTRICTED
initial:
  mfa_policy: OPTIONAL                  # sent at create; the organization's own admins may change it
---
# A member by hand, such as an organization's first admin. The rules give all others.
apiVersion: reconciler/v1
kind: Member
metadata: {namespace: acme, name: ann@acme.example}
spec: {name: Ann, roles: [stytch_admin]}
""",
    "rules/members.yaml": """\
# Which user belongs to which organization.
apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: members}
spec:
  rules:
    - name: by-email-domain             # a verified address in a domain that an organization lists
      match: {email_domain: {organization: trusted_metadata.email_domains, subdomains: true}}
      assign: [{organization: "${{ organization.name }}"}]
""",
    "rules/tests/members.yaml": """\
# What the rules must make of these users: `validate` fails, and no plan is made, if they make something else of them.
apiVersion: reconciler/v1
kind: RuleTest
metadata: {name: members}
spec:
  users:                                # invented ones, as a Consumer project has them
    - {user_id: colleague, emails: [{email: test@acme.example, verified: true}]}
    - {user_id: unproven, emails: [{email: test@acme.example, verified: false}]}
    - {user_id: stranger, emails: [{email: test@elsewhere.example, verified: true}]}
  expect:
    - {user: colleague, memberships: [{organization: acme, roles: []}], rules: [by-email-domain]}
    - {user: unproven, memberships: []} # none: the address is not verified
    - {user: stranger, memberships: []} # none: no organization lists the domain
""",
    "users.jsonl": (
        '{"user_id":"user-test-00000000-0000-4000-8000-000000000001","emails":[{"email":"ann@acme.example",'
        '"verified":true}],"phone_numbers":[],"trusted_metadata":{},"status":"active"}\n'
        '{"user_id":"user-test-00000000-0000-4000-8000-000000000002","emails":[{"email":"ben@acme.example",'
        '"verified":true}],"phone_numbers":[],"trusted_metadata":{},"status":"active"}\n'
    ),
    "CODEOWNERS": """\
# Who must review what judges changes: a proposal. Put a team of yours in place of @your-org/identity-owners, remove the
# first sign of the lines below, and require reviews of code owners for the branch that is applied.
# /CODEOWNERS           @your-org/identity-owners
# /reconciler.yaml      @your-org/identity-owners
# /rules/approvals/     @your-org/identity-owners
# /rules/policies/      @your-org/identity-owners
""",
    ".gitignore": """\
# Plans, users, tables of people, journals and credentials name people or open doors: they stay out of git. What is
# committed besides manifests and rules: the ids of what was made, *.credential-ids.json.
/.reconciler/
plan*.json
*.plan.json
*-plan.json
/*.html
/reviewed/
users*.json
users*.jsonl
users*.csv
*-users.json
*-users.jsonl
*-users.csv
memberships*.json
memberships*.jsonl
memberships*.csv
.env
.env.*
*.env
*.env.lock
.*.new
journal-*.jsonl
emergency-*.json
!*.credential-ids.json
""",
}


def scaffold(root: Path) -> tuple[str, ...]:
    """Write the files of ``FILES`` that are not there yet below ``root``. Return their names; overwrites nothing.

    Raises ``InvalidInput`` if ``root`` holds a ``reconciler.yaml`` already, or cannot be written to.
    """
    if (root / "reconciler.yaml").exists():
        raise InvalidInput(f"{root} has a reconciler.yaml already", hint="nothing was written; use another folder")
    written = []
    for name, text in FILES.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise InvalidInput(f"cannot write {path}: {error.strerror}", hint="choose another folder") from error
        written.append(name)
    return tuple(written)
