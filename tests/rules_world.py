"""A small world for tests of rules: files in memory → compiled rules, without a disk."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.documents.document import Document
from reconciler.documents.read import documents_in
from reconciler.model import Membership, Position, Problem, Resource, Table
from reconciler.rules.compile import RuleSources, compile_rules
from reconciler.rules.evaluate import Decision, evaluate
from reconciler.rules.rule import Rules

FILE = "rules/r.yaml"


def organization(slug: str, line: int = 1, **spec: Any) -> Resource:
    """An Organization; ``ensure`` among the arguments is no field."""
    ensure = spec.pop("ensure", "present")
    return Resource(
        kind="Organization", name=slug, spec=spec, ensure=ensure, position=Position("manifests/o.yaml", line)
    )


def member(namespace: str, address: str, line: int = 1, **spec: Any) -> Resource:
    """A Member written by hand."""
    ensure = spec.pop("ensure", "present")
    initial = spec.pop("initial", {})
    return Resource(
        kind="Member",
        name=address,
        namespace=namespace,
        spec=spec,
        initial=initial,
        ensure=ensure,
        position=Position("manifests/m.yaml", line),
    )


def table(name: str, *rows: dict[str, Any], columns: Sequence[str] = ()) -> Table:
    """A table whose rows stand on lines 2, 3, 4, … of its file."""
    return Table(
        name,
        f"{name}.csv",
        rows,
        tuple(range(2, 2 + len(rows))),
        frozenset(columns) or frozenset().union(*(row.keys() for row in rows)),
    )


def documents(*texts: str, file: str = FILE) -> tuple[Document, ...]:
    """MappingRules documents of which each text is the spec."""
    found: list[Document] = []
    for number, text in enumerate(texts):
        head = f"apiVersion: reconciler/v1\nkind: MappingRules\nmetadata: {{name: r{number}}}\nspec:\n"
        problems: list[Problem] = []
        name = file if not number else file.replace(".yaml", f"{number}.yaml")
        found.extend(
            documents_in(head + textwrap.indent(textwrap.dedent(text).strip("\n"), "  ") + "\n", name, problems)
        )
        assert not problems, problems
    return tuple(found)


def rules(
    *texts: str,
    organizations: Sequence[Resource] = (),
    members: Sequence[Resource] = (),
    elsewhere: Sequence[str | Resource] = (),
    tables: Sequence[Table] = (),
    variables: Mapping[str, Any] | None = None,
    external_id: str | None = None,
    backwards: bool = False,
) -> Rules:
    """Compile documents; organizations acme and globex are there unless others are named.

    ``backwards`` hands documents and organizations over in the opposite order.
    """
    order = slice(None, None, -1 if backwards else 1)
    sources = RuleSources(
        documents=documents(*texts)[order],
        organizations=(tuple(organizations) or (organization("acme", 1), organization("globex", 2)))[order],
        members=tuple(members),
        elsewhere=frozenset(one if isinstance(one, str) else one.name for one in elsewhere),
        organizations_elsewhere=tuple(one for one in elsewhere if isinstance(one, Resource)),
        tables={one.name: one for one in tables},
        environment="test",
        variables=variables or {},
        external_id=external_id,
        external_id_at=Position("reconciler.yaml", 1),
    )
    return compile_rules(sources)


def user(*emails: str, user_id: str = "user-1", **fields: Any) -> dict[str, Any]:
    """A user; an address that begins with ``?`` is not verified."""
    listed = [{"email_id": "e", "email": one.removeprefix("?"), "verified": not one.startswith("?")} for one in emails]
    return {"user_id": user_id, "emails": listed, **fields}


def given(compiled: Rules, one: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The roles that a user gets, by organization."""
    return {membership.organization: membership.roles for membership in evaluate(compiled, one).memberships}


def only(compiled: Rules, one: dict[str, Any]) -> Membership:
    """The one membership that a user gets."""
    (membership,) = evaluate(compiled, one).memberships
    return membership


def held(assigned: Decision) -> tuple[list[str], list[str | None]]:
    """The codes of a user's problems and what they leave open."""
    return [problem.code for problem in assigned.problems], list(assigned.undecided)


def rule(body: str, organization: str = "acme", roles: str = "") -> str:
    """A document of one rule; ``roles`` is more of its assignment."""
    return f"rules: [{{name: r, {body}, assign: [{{organization: {organization}{roles}}}]}}]"


def both(first: str, second: str, **world: Any) -> Decision:
    """What two rules that give one organization with different entries make of a user."""
    text = f"""
    rules:
      - {{name: a, match: {{user_id: user-1}}, assign: [{{organization: acme, {first}}}]}}
      - {{name: b, match: {{user_id: user-1}}, assign: [{{organization: acme, {second}}}]}}
    """
    return evaluate(rules(text, **world), user("a@a.example", trusted_metadata={"x": "X", "y": "Y"}))


# Rules of every round, out of order; some of them on data that may be odd.
ROUNDS = """
    rules:
      - {name: lobby, fallback: user, when: "true", assign: [{organization: lobby}]}
      - name: wide
        fallback: organization
        match: {email_domain: [acme.example]}
        assign: [{organization: acme, roles: [wide]}, {organization: globex}]
      - {name: first, match: {user_id: user-1}, assign: [{organization: acme, roles: [first]}]}
      - name: odd
        when: user.trusted_metadata.n > 1
        assign: [{organization: "${{ user.trusted_metadata.t }}"}]
      - {name: odd-acme, when: 'user.trusted_metadata.m > 1', assign: [{organization: acme}]}
"""
THREE = (organization("acme"), organization("globex"), organization("lobby"))

# Organizations by external id and name, and by the domains they list.
BY_ID = (
    organization("acme", organization_external_id="t-1", organization_name="Acme, Inc"),
    organization("globex", organization_external_id="t-2", organization_name="Globex"),
)
LISTED = (
    organization("acme", 1, trusted_metadata={"email_domains": ["acme.example", "both.example"]}),
    organization("eu", 2, trusted_metadata={"email_domains": "EU.acme.example"}, mfa_policy="OPTIONAL"),
    organization(
        "globex", 3, trusted_metadata={"email_domains": ["globex.example", "both.example"]}, ensure="external"
    ),
    organization("gone", 4, trusted_metadata={"email_domains": ["gone.example"]}, ensure="absent"),
    organization("bare", 5),
)
