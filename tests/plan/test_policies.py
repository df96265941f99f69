"""Policies deny, warn, cannot tell; whose they are; and they look only at changes that they may be about."""

from collections.abc import Sequence
from typing import Any

import pytest

from reconciler.expressions.expression import compile_expression
from reconciler.expressions.redaction import HIDDEN, Redaction
from reconciler.load.policies import ROOTS, Policy, closed_words, names_below
from reconciler.load.repository import Declared
from reconciler.load.safeguards import Safeguards
from reconciler.model import (
    Change,
    Changes,
    Create,
    Delete,
    FieldChange,
    Position,
    Resource,
    Update,
)
from reconciler.model.packed import Chunk
from reconciler.plan.policies import LISTED, judge, would_deny
from reconciler.plan.scope import readers_of, scope_of

AT = Position("rules/policies/a.yaml", 5)


def policy(condition: str, *, name: str = "p", denies: bool = True, **more: Any) -> Policy:
    compiled = compile_expression(condition, ROOTS, {"environment": "test"})
    plain: dict[str, Any] = {"message": "No", "suppressed": {}, "at": AT}
    return Policy(name=name, denies=denies, condition=compiled, **{**plain, **more})


def member(name: str = "ann@acme.example", action: type[Change] = Create, **values: Any) -> Change:
    fields = tuple(FieldChange(path=(key,), after=value) for key, value in values.items())
    return action(kind="Member", namespace="acme", name=name, fields=fields)


def withheld(changes: Sequence[Change], *policies: Policy) -> list[str | None]:
    return [change.withheld_by for change in judge(Changes.of(changes), policies)[0]]


@pytest.mark.parametrize(
    ("condition", "denied"),
    [
        ("change.kind == 'Member'", True),
        ("change.kind == 'Organization'", False),
        ("'editor' in change.after.roles", True),  # a tuple in memory is a list to a condition
        ("change.after.trusted_metadata.tier == 'gold'", True),
        ("'trusted_metadata.tier' in change.fields and 'trusted_metadata' in change.fields", True),
        ("change.before.roles == null", True),
        ("access.gains.members == 1 and access.gains.roles == ['editor']", True),
        ("access.domain == 'acme.example' and access.user == null", True),
        ("organization.name == 'acme' and organization.mfa_policy == 'OPTIONAL'", True),
        ("organization == null", False),
        ("environment == 'test' and change.namespace == 'acme'", True),
        ("access.grows == []", True),
        ("change.origin == 'live'", True),  # unknown: where there is no git
        ("change.after.name != 'Ann'", True),  # unknown: it has no name
        ("change.kind == 'Organization' and change.after.name != 'Ann'", False),
        ("len(change.kind) > 3 or change.kind.length == 1", True),
        ("contains(change.after.roles, change.after.name)", True),
        ("change.kind", True),  # a text is no truth value, so nobody can tell
    ],
)
def test_a_condition_over_a_change(condition: str, *, denied: bool) -> None:
    tier = FieldChange(path=("trusted_metadata", "tier"), after="gold")
    roles = FieldChange(path=("roles",), after=("editor",))
    change = Create(kind="Member", namespace="acme", name="ann@acme.example", fields=(roles, tier))
    acme = Resource(kind="Organization", name="acme", spec={"mfa_policy": "OPTIONAL"}, position=AT)
    (judged,), _, _ = judge(Changes.of([change]), [policy(condition)], [acme])
    assert (judged.withheld_by == "policy:p") is denied


def test_the_first_that_denies_is_named_and_every_one_says_what_it_saw() -> None:
    policies = [policy("change.kind == 'Member'", name=name) for name in ("a", "b")]
    changes, guards, problems = judge(Changes.of([member()]), policies)
    assert [change.withheld_by for change in changes] == ["policy:a"]
    assert [(guard.name, guard.ok) for guard in guards] == [("policy:a", False), ("policy:b", False)]
    assert problems == ()


def test_what_is_withheld_already_stays_so() -> None:
    change = Create(kind="Member", namespace="acme", name="a@acme.example", withheld_by="dependency")
    assert withheld([change], policy("change.kind == 'Member'")) == ["dependency"]


def test_a_policy_of_the_applied_revision_binds_though_these_files_suppress_it() -> None:
    suppressed = {"Member/acme/ann@acme.example": ("contract", AT)}
    lifted = policy("change.kind == 'Member'", suppressed=suppressed)
    applied = policy("change.kind == 'Member'", applied=True)
    assert lifted.says() != applied.says()
    assert withheld([member()], lifted) == [None]
    changes, guards, _ = judge(Changes.of([member()]), [lifted, applied])
    assert [change.withheld_by for change in changes] == ["policy:p"]
    assert [guard.detail for guard in guards] == [f"No (1 suppressed, {AT})", f"No (as it was applied last, {AT})"]


def test_why_a_policy_cannot_tell_is_said() -> None:
    _, guards, (found,) = judge(Changes.of([member(), member("b@x.example")]), [policy("change.after.name == 'x'")])
    assert "of 2 changes, which it withholds: `change.after.name` is null" in found.message
    assert guards[0].detail == f"No (2 undecided, {AT})"
    _, guards, (found,) = judge(Changes.of([member()]), [policy("change.kind.x == 1", denies=False)])
    assert "which it warns of: `change.kind` is a string" in found.message
    assert guards[0].ok


def test_changes_that_a_policy_is_not_about_are_not_even_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = Changes.of([member(f"{number}@acme.example") for number in range(1000)])
    looked: list[str] = []
    unpack = Chunk.changes.fget  # type: ignore[attr-defined] # a property has one

    def noted(chunk: Chunk) -> Sequence[Change]:
        looked.append(chunk.kind)
        unpacked: Sequence[Change] = unpack(chunk)
        return unpacked

    monkeypatch.setattr(Chunk, "changes", property(noted))
    about_others = [
        "change.kind == 'Organization' and access.domain == 'x'",
        "access.user == 'u' and change.action == 'delete'",
    ]
    judge(changes, [policy(condition) for condition in about_others])
    assert looked == []
    judge(changes, [policy("change.action == 'create' and access.domain == 'x'")])
    assert len(looked) == len(changes.chunks)


def test_only_what_conditions_read_is_made_of_a_change() -> None:
    read = readers_of(frozenset({("change", "kind"), ("access", "domain")}))
    assert scope_of(member(), read, {}) == {"change": {"kind": "Member"}, "access": {"domain": "acme.example"}}


def test_a_role_that_many_get_through_an_assignment_is_gained_at_its_domain() -> None:
    def assigns(*items: dict[str, str]) -> Update:
        path = ("rbac_email_implicit_role_assignments",)
        return Update(kind="Organization", name="acme", id="o", fields=(FieldChange(path=path, after=list(items)),))

    one = {"domain": "acme.example", "role_id": "stytch_admin"}
    other = {"domain": "partner.example", "role_id": "editor"}
    staff = policy("'stytch_admin' in access.gains.roles and access.domain != 'acme.example'")
    assert withheld([assigns(one)], staff) == [None]
    assert withheld([assigns(one, other)], staff) == ["policy:p"], "of two domains nobody can tell which gets it"
    of_sso = FieldChange(path=("saml_connection_implicit_role_assignments",), after=[{"role_id": "stytch_admin"}])
    connection = Create(kind="SSOConnection", namespace="acme", name="okta", fields=(of_sso,))
    assert withheld([connection], staff) == ["policy:p"], "an SSO connection has no domain"


def test_who_loses_what() -> None:
    roles = FieldChange(path=("roles",), before=["stytch_admin"])
    leaver = Delete(kind="Member", namespace="acme", name="ann@acme.example", id="m", fields=(roles,))
    gone = Delete(kind="Organization", name="acme", id="o", members=7)
    lost = policy("'stytch_admin' in access.loses.roles and access.loses.members == 1")
    many = policy("access.loses.members > 5", name="q")
    assert withheld([leaver, gone], lost, many) == ["policy:p", "policy:q"]


def test_people_are_hashed_in_a_policy_over_a_snapshot_and_what_looks_at_a_hash_cannot_tell() -> None:
    redaction = Redaction(salt="s")
    hashed = member(redaction.text("ann@acme.example"))
    exact = policy("change.name == 'ann@acme.example'").without_people(redaction)
    inside = policy("starts_with(change.name, 'ann')").without_people(redaction)
    kept = policy("access.domain != 'acme.example'").without_people(redaction)
    assert withheld([hashed], exact) == ["policy:p"]
    assert withheld([member(redaction.text("bob@acme.example"))], exact) == [None]
    assert withheld([hashed], inside) == ["policy:p"]
    assert withheld([hashed], kept) == [None]
    suppressed = {"Member/acme/ann@acme.example": ("contract", AT)}
    lifted = policy("change.kind == 'Member'", suppressed=suppressed).without_people(redaction)
    assert withheld([hashed], lifted) == [None]
    name = FieldChange(path=("name",), before=HIDDEN)
    hidden = Delete(kind="Member", namespace="acme", name="a@x.example", id="m", fields=(name,))
    assert withheld([hidden], policy("change.before.name != 'Ann'")) == ["policy:p"]


def test_what_is_declared_is_judged_as_if_it_were_created() -> None:
    def declared(number: int, **spec: Any) -> Resource:
        return Resource(kind="Organization", name=f"o{number}", spec=spec, position=Position("m.yaml", number + 1))

    many = tuple(declared(number) for number in range(LISTED + 3))
    guarded = policy(
        "change.action == 'create' and default(change.after.mfa_policy, 'OPTIONAL') == 'OPTIONAL'",
        suppressed={"Organization/o0": ("pilot", AT)},
    )
    unknown = policy("change.after.mfa_policy == 'OPTIONAL'", name="q")
    repository = Declared(
        resources=(*many, declared(99, mfa_policy="REQUIRED_FOR_ALL")),
        safeguards=Safeguards(policies=(guarded, unknown)),
    )
    found = list(would_deny(repository))
    assert [one.addresses for one in found] == [*[(f"Organization/o{n + 1}",) for n in range(LISTED)], ()]
    assert "2 more" in found[-1].message
    assert {one.severity for one in found} == {"warning"}


def test_every_name_that_a_condition_may_read_is_read() -> None:
    paths = frozenset((*path, name) for path, names in names_below().items() for name in names if len(path) == 1)
    read = readers_of(paths)
    assert {(root, name) for root, names in read.items() for name in names} == {
        path for path in paths if path[0] != "organization"
    }
    assert {path[:2] for path in closed_words()} <= paths
