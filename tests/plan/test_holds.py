"""Each hold keeps what it is about, and leaves everything else as it was."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from reconciler.config.read import Config
from reconciler.config.schema import Target
from reconciler.desired.members import Desired
from reconciler.desired.packed import PackedMemberships
from reconciler.diff.member_pairs import Users
from reconciler.expressions.redaction import HIDDEN
from reconciler.load.repository import Declared
from reconciler.model import (
    Cause,
    Change,
    Changes,
    Create,
    Delete,
    Diff,
    FieldChange,
    Listed,
    Live,
    Membership,
    Position,
    Resource,
    Update,
    packed,
    problem,
)
from reconciler.model import Target as LiveTarget
from reconciler.plan import holds
from reconciler.plan.situation import Cascade, Diffs, Presence, RoleUsers, Situation
from reconciler.read.live import LiveResources
from reconciler.rules.compile import RuleSources, compile_rules

HERE = Position("manifests/a.yaml", 3)
CAUSE = (Cause(file=HERE.file, line=HERE.line),)
ORGANIZATION = Resource(kind="Organization", name="acme", position=HERE)
KEEPING = {"kept": tuple}  # how changes are kept
SSO: dict[str, Any] = {"kind": "SSOConnection", "namespace": "acme", "causes": CAUSE}


@pytest.fixture(autouse=True, params=[tuple, Changes.of], ids=["as they are", "packed"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "FEW", 0)
    monkeypatch.setitem(KEEPING, "kept", request.param)


def situation(
    declared: Declared | None = None,
    live: dict[str, Any] | None = None,
    desired: dict[str, Any] | None = None,
    presence: dict[str, Any] | None = None,
    **config: Any,
) -> Situation:
    nobody = Cascade(members={}, strangers={}, users={}, breakglass={})
    plain: dict[str, Any] = {
        "memberships": PackedMemberships(),
        "users": Users(exists=lambda _: False),
        "undecided": {},
        "held_by": (),
        "unmatched": (),
        "unmatched_by": (),
        "problems": (),
    }
    nothing: dict[str, Any] = {"target": LiveTarget(), "organizations": (), "resources": {}, "missing": {}}
    return Situation(
        config=Config(root=Path(), environment="test", environments=("test",), **config),
        declared=declared or Declared(resources=(ORGANIZATION,)),
        desired=Desired(**{**plain, **(desired or {})}),
        rules=compile_rules(
            RuleSources(
                documents=(), organizations=(), environment="test", external_id_at=Position("reconciler.yaml", 1)
            )
        ),
        live=LiveResources(**{**nothing, **(live or {})}),
        now=datetime(2026, 12, 1, tzinfo=UTC),
        presence=Presence(**{"cascade": nobody, "roles": {}, "strangers": {}, **(presence or {})}),
    )


def diffs(*changes: Change, **more: Any) -> Diffs:
    """The changes by their kinds, and organizations and members whether or not anything changes."""
    kinds = {"Organization": Diff(**more), "Member": Diff()}
    for change in changes:
        diff = kinds.get(change.kind, Diff())
        kinds[change.kind] = structs.replace(diff, changes=KEEPING["kept"]((*diff.changes, change)))
    return kinds


def left(found: Diffs, kind: str) -> tuple[list[str], dict[str, str]]:
    """What changes still, and why what is held is held."""
    return [change.address for change in found[kind].changes], {one.address: one.reason for one in found[kind].held}


def test_every_hold_has_a_test_and_holds_nothing_where_there_is_nothing() -> None:
    tested = {name for name, value in globals().items() if name.startswith("test_")}
    for hold in holds.HOLDS:
        assert any(name.startswith(f"test_{hold.__name__}") for name in tested), hold
        assert hold(diffs(), situation()) == diffs()


def test_not_offered() -> None:
    resource = Resource(kind="DFPRule", name="a", position=HERE)
    said = problem("unreadable", "no fraud protection here")
    where = situation(Declared(resources=(resource,)), {"missing": {"DFPRule": said}})
    found = holds.not_offered({**diffs(), "DFPRule": Diff()}, where)
    assert left(found, "DFPRule") == ([], {"DFPRule/a": said.message})
    assert [(one.code, one.severity, one.at) for one in found["DFPRule"].problems] == [
        ("not-offered", "problem", (HERE,))
    ]


def test_unproven_says_who_is_there() -> None:
    held = (Listed.of(ORGANIZATION, "not ours"),)
    where = situation(presence={"strangers": {"Organization/acme": "members: ann"}})
    assert left(holds.unproven(diffs(held=held), where), "Organization") == (
        [],
        {"Organization/acme": "not ours; members: ann"},
    )


@pytest.mark.parametrize("is_written", [True, False])
def test_in_unsettled_parent(is_written: bool) -> None:  # noqa: FBT001 # one of the cases
    connections = [Create(**{**SSO, "namespace": slug}, name=slug) for slug in ("known", "new", "gone", "lost")]
    new = Create(kind="Organization", name="new")
    gone = Delete(kind="Organization", name="gone", id="o2")
    before = diffs(*connections, new, gone, ids={(None, "known"): "o1"})
    where = situation(authority={} if is_written else {"Organization": "observe"})
    changes, held = left(holds.in_unsettled_parent(before, where), "SSOConnection")
    assert changes == [f"SSOConnection/{slug}/{slug}" for slug in (("known", "new") if is_written else ("known",))]
    assert set(held) == {f"SSOConnection/{slug}/{slug}" for slug in (("lost",) if is_written else ("new", "lost"))}


def test_in_external_parent() -> None:
    theirs = Declared(resources=(structs.replace(ORGANIZATION, ensure="external"),))
    renamed = FieldChange(path=("display_name",), before="A", after="B")
    emptied = FieldChange(path=("attribute_mapping",), before={"a": "b"})
    before = diffs(
        Delete(**SSO, name="gone", id="s1"),
        Update(**SSO, name="anew", id="s2", replaces=True),
        Update(**SSO, name="less", id="s3", fields=(emptied,)),
        Update(**SSO, name="other", id="s4", fields=(renamed,)),
        Delete(**{**SSO, "namespace": "ours"}, name="gone", id="s5"),
    )
    changes, held = left(holds.in_external_parent(before, situation(theirs)), "SSOConnection")
    assert changes == ["SSOConnection/acme/other", "SSOConnection/ours/gone"]
    assert {address: reason.split(",")[0] for address, reason in held.items()} == {
        "SSOConnection/acme/gone": "declared absent",
        "SSOConnection/acme/anew": "it would be recreated",
        "SSOConnection/acme/less": "it would lose attribute_mapping",
    }


def test_parent_not_written() -> None:
    packed = PackedMemberships()
    packed.add(Membership(organization="acme", addresses=("ann@acme.example",)))
    before = diffs(Create(kind="Organization", name="acme"))
    declared = Declared(resources=(ORGANIZATION,), rules=())
    kinds = frozenset({"Organization", "Member"})
    for authority, held in (({}, {}), ({"Organization": "observe"}, {"Organization/acme"})):
        where = situation(declared, desired={"memberships": packed}, kinds=kinds, authority=authority)
        assert set(left(holds.parent_not_written(before, where), "Member")[1]) == set(held)


def test_used_elsewhere() -> None:
    template: dict[str, Any] = {"kind": "EmailTemplate", "causes": CAUSE, "replaces": True}
    before = diffs(Update(**template, name="used", id="t1"), Update(**template, name="free", id="t2"))
    user = Live(kind="DefaultEmailTemplate", name="LOGIN", id="LOGIN", spec={"template_id": "used"})
    found = holds.used_elsewhere(before, situation(live={"resources": {"DefaultEmailTemplate": (user,)}}))
    assert left(found, "EmailTemplate") == (
        ["EmailTemplate/free"],
        {"EmailTemplate/used": "it would be recreated, and is in use"},
    )
    (said,) = found["EmailTemplate"].problems
    assert (said.code, said.addresses) == ("in-use", ("EmailTemplate/used", "DefaultEmailTemplate/LOGIN"))


@pytest.mark.parametrize(
    ("users", "fields", "why"),
    [
        ((), {"editor", "viewer"}, None),
        (("editor",), {"viewer"}, "part of what it would remove is in use"),
        (("editor", "viewer"), set(), "what it would remove is in use"),
    ],
)
def test_roles_in_use(users: tuple[str, ...], fields: set[str], why: str | None) -> None:
    roles = {name: RoleUsers() for name in ("editor", "viewer")}
    for name in users:
        roles[name].add("Member", "Member/acme/ann@acme.example")
    rows = [{"role_id": name, "permissions": []} for name in roles]
    policy = Live(kind="RBACPolicy", name="default", id="default", spec={"custom_roles": rows, "custom_resources": []})
    gone = tuple(FieldChange(path=("custom_roles", name), before=row) for name, row in zip(roles, rows, strict=True))
    before = diffs(Update(kind="RBACPolicy", name="default", id="default", fields=gone, causes=CAUSE))
    where = situation(live={"resources": {"RBACPolicy": (policy,)}}, presence={"roles": roles})
    found = holds.roles_in_use(before, where)["RBACPolicy"]
    assert {field.path[1] for change in found.changes for field in change.fields} == fields
    assert [one.reason for one in found.held] == ([why] if why else [])
    assert len(found.problems) == len(users)


@pytest.mark.parametrize(
    ("desired", "users", "causes", "why"),
    [
        ({}, frozenset({"u1"}), (), ""),
        ({"problems": (problem("x", "y", addresses=("Organization/acme",)),)}, frozenset(), (), "rules still name it"),
        ({"users": Users(exists=bool, undecided=frozenset({"u1"}))}, frozenset({"u1"}), (), "because of a problem"),
        ({"users": Users(exists=bool, readable=False)}, frozenset({"u1"}), (), "the users cannot be read"),
        ({"users": Users(exists=bool, readable=False)}, frozenset(), (), ""),
        ({"users": Users(exists=bool, readable=False)}, frozenset({"u1"}), CAUSE, ""),
    ],
)
def test_delete_with_open_question(
    desired: dict[str, Any], users: frozenset[str], causes: tuple[Cause, ...], why: str
) -> None:
    cascade = Cascade(members={"acme": 1}, strangers={}, users={"acme": users}, breakglass={})
    before = diffs(Delete(kind="Organization", name="acme", id="o1", causes=causes))
    found = holds.delete_with_open_question(before, situation(desired=desired, presence={"cascade": cascade}))
    changes, held = left(found, "Organization")
    assert (changes, [reason.split(",")[0][: len(why)] for reason in held.values()]) == (
        ([], [why]) if why else (["Organization/acme"], [])
    )


@pytest.mark.parametrize(("sort", "is_held"), [("test", False), ("live", True)])
def test_written_elsewhere(sort: Any, is_held: bool) -> None:  # noqa: FBT001 # one of the cases
    held = Listed(kind="EmailTemplate", name="look", reason="why")
    said = problem("conflict", "why", severity="problem", addresses=("EmailTemplate/look",))
    target = LiveTarget(project="p", environment="test", project_id="project-test-1", environments={"live": "LIVE"})
    where = situation(live={"target": target}, target=Target(type=sort))
    found = holds.written_elsewhere({**diffs(), "EmailTemplate": Diff(held=(held,), problems=(said,))}, where)
    assert found["EmailTemplate"].held == ((held,) if is_held else ())
    assert [one.severity for one in found["EmailTemplate"].problems] == ["problem" if is_held else "warning"]


def test_redacted_holds_what_would_change_a_hidden_field() -> None:
    name = FieldChange(path=("name",), before=HIDDEN, after="Ann")
    roles = FieldChange(path=("roles",), before=[], after=["editor"])
    hidden = Update(kind="Member", namespace="acme", name="ann@acme.example", id="m1", fields=(name, roles))
    told = Update(kind="Member", namespace="acme", name="eve@acme.example", id="m2", fields=(roles,))
    gone = Delete(kind="Member", namespace="acme", name="bob@acme.example", id="m3", fields=(name,))
    given = {**diffs(), "Member": Diff(changes=(hidden, told, gone))}
    found = holds.redacted(given, structs.replace(situation(), redacted=True))
    why = "the snapshot leaves out name, so what it is now is unknown"
    assert left(found, "Member") == ([told.address, gone.address], {hidden.address: why})
    assert [(one.code, one.addresses) for one in found["Member"].problems] == [("redacted", (hidden.address,))]
    assert holds.redacted(given, situation()) == given, "of what Stytch says everything is known"
