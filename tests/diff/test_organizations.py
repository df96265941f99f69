"""Which live organization a declared one is, and what differs."""

from typing import Any

from reconciler.diff.compare import compare
from reconciler.diff.ownership import Owner
from reconciler.diff.pairs import Policy
from reconciler.kinds import KINDS
from reconciler.model import Create, Delete, Diff, FieldChange, Lifecycle, Live, Mark, Position, Resource, Update

OWNER = "acme-identity"


def declared(name: str = "acme", **more: Any) -> Resource:
    return Resource(kind="Organization", name=name, position=Position("manifests/a.yaml", 3), **more)


def live(name: str = "acme", id_: str = "organization-test-1", *, ours: bool = True, **spec: Any) -> Live:
    metadata = spec.pop("trusted_metadata", {})
    if ours:
        metadata = {**metadata, "reconciler": Mark(owner=OWNER, organization=id_).as_json()}
    return Live(
        kind="Organization", name=name, id=id_, spec={"organization_slug": name, "trusted_metadata": metadata, **spec}
    )


def diff(desired: list[Resource], there: list[Live], **more: Any) -> Diff:
    return compare(KINDS["Organization"], desired, there, Policy(owner=Owner(OWNER), **more))


def codes(result: Diff) -> list[str]:
    return [problem.code for problem in result.problems]


def test_a_new_organization_sends_its_spec_its_initial_values_and_what_stytch_would_choose_badly() -> None:
    (change,) = diff([declared(spec={"organization_name": "Acme"}, initial={"mfa_policy": "OPTIONAL"})], []).changes
    assert isinstance(change, Create)
    assert [(field.path, field.after) for field in change.fields] == [
        (("organization_name",), "Acme"),
        (("mfa_policy",), "OPTIONAL"),
        (("sso_jit_provisioning",), "ALL_ALLOWED"),
        (("email_invites",), "ALL_ALLOWED"),
    ]


JIT = ("sso_jit_provisioning",)


def test_what_names_connections_waits_until_a_new_organization_has_some() -> None:
    spec = {"organization_name": "Acme", "sso_default_connection_id": "Okta"}
    made, completed = diff([declared(spec=spec)], []).changes
    assert isinstance(made, Create)
    assert made.get("sso_default_connection_id") is None
    assert isinstance(completed, Update)
    assert completed.id is None
    assert completed.fields == (FieldChange(path=("sso_default_connection_id",), after="Okta"),)


def test_a_new_organization_stays_shut_until_it_is_restricted_to_its_connections() -> None:
    allowed = {"sso_jit_provisioning_allowed_connections": ["Okta"]}
    restricted = {"sso_jit_provisioning": "RESTRICTED"}
    for spec, initial in (({**allowed, **restricted}, {}), (allowed, restricted)):
        made, completed = diff([declared(spec=spec, initial=initial)], []).changes
        assert made.get(*JIT) == FieldChange(path=JIT, after="NOT_ALLOWED")
        assert completed.get(*JIT) == FieldChange(path=JIT, before="NOT_ALLOWED", after="RESTRICTED")


def test_where_there_is_no_other_way_in_it_is_open_until_then() -> None:
    spec = {
        "email_invites": "NOT_ALLOWED",
        "sso_jit_provisioning": "RESTRICTED",
        "sso_jit_provisioning_allowed_connections": ["Okta"],
    }
    made, completed = diff([declared(spec=spec)], []).changes
    assert made.get(*JIT) == FieldChange(path=JIT, after="ALL_ALLOWED")
    assert completed.get(*JIT) == FieldChange(path=JIT, after="RESTRICTED")


def test_a_declared_value_wins_over_the_one_for_creates() -> None:
    (change,) = diff([declared(initial={"email_invites": "NOT_ALLOWED"})], []).changes
    assert [field.after for field in change.fields] == ["NOT_ALLOWED", "ALL_ALLOWED"]


def test_initial_values_and_ignored_paths_are_not_looked_at_again() -> None:
    resource = declared(
        spec={"email_allowed_domains": ["acme.example"]},
        initial={"mfa_policy": "OPTIONAL"},
        lifecycle=Lifecycle(ignore=(("spec", "email_allowed_domains"),)),
    )
    result = diff([resource], [live(email_allowed_domains=[], mfa_policy="REQUIRED_FOR_ALL")])
    assert (result.changes, result.unchanged) == ((), 1)


def test_an_external_id_leads_further_than_a_slug_and_the_slug_is_then_an_update() -> None:
    resource = declared("acme-new", spec={"organization_external_id": "t1"})
    (change,) = diff([resource], [live("acme-old", organization_external_id="t1")]).changes
    assert isinstance(change, Update)
    assert change.fields == (FieldChange(path=("organization_slug",), before="acme-old", after="acme-new"),)


def test_a_renamed_organization_is_updated_not_made_again() -> None:
    (change,) = diff([declared("acme", renamed_from="acme-inc")], [live("acme-inc")]).changes
    assert (change.address, change.id, type(change)) == ("Organization/acme", "organization-test-1", Update)


def test_names_that_lead_to_two_live_organizations_are_a_conflict() -> None:
    result = diff([declared("acme", renamed_from="acme-inc")], [live("acme-inc"), live("acme", "organization-test-2")])
    assert (codes(result), result.changes, [item.address for item in result.held]) == (
        ["conflict"],
        (),
        ["Organization/acme"],
    )


def test_two_manifests_that_lead_to_one_live_organization_are_a_conflict() -> None:
    result = diff([declared("acme"), declared("new", renamed_from="acme")], [live()])
    assert (codes(result), result.changes) == (["conflict", "conflict"], ())


def test_a_slug_that_differs_only_by_case_is_a_conflict() -> None:
    result = diff([declared("acme")], [live("ACME")], authoritative=False)
    assert (codes(result), result.changes) == (["conflict"], ())


def test_a_live_organization_without_a_mark_is_adopted_where_that_is_said_and_else_held() -> None:
    held = diff([declared()], [live(ours=False)])
    assert (codes(held), held.changes, held.strangers, held.ids) == (
        ["not-ours"],
        (),
        {(None, "acme"): "organization-test-1"},
        {},
    )
    (change,) = diff([declared(adopt=True)], [live(ours=False)]).changes
    assert diff([declared()], [live(ours=False)], adopt=True).changes == (change,)
    assert (change.adopts, change.fields, change.mark) == (
        True,
        (),
        Mark(owner=OWNER, organization="organization-test-1"),
    )


def test_a_mark_that_was_copied_from_another_organization_proves_nothing() -> None:
    copied = {"reconciler": Mark(owner=OWNER, organization="organization-test-9").as_json()}
    result = diff([], [live(ours=False, trusted_metadata=copied)], authoritative=True)
    assert (result.changes, [item.reason for item in result.unmanaged]) == ((), ["not declared"])


def test_another_owners_organization_is_a_conflict() -> None:
    foreign = {"reconciler": Mark(owner="other", organization="organization-test-1").as_json()}
    assert codes(diff([declared()], [live(ours=False, trusted_metadata=foreign)])) == ["conflict"]


def test_an_organization_no_longer_declared_goes_only_where_organizations_are_authoritative() -> None:
    assert diff([], [live()]).changes == ()
    (change,) = diff([], [live()], authoritative=True).changes
    assert isinstance(change, Delete)
    assert diff([], [live()], authoritative=True, elsewhere={"acme"}).changes == ()


def test_absent_and_external_organizations() -> None:
    (change,) = diff([declared(ensure="absent")], [live()]).changes
    assert isinstance(change, Delete)
    assert codes(diff([declared(ensure="absent")], [live(ours=False)])) == ["not-ours"]
    external = diff([declared(ensure="external", spec={"organization_name": "x"})], [live(ours=False)])
    assert (external.changes, list(external.ids)) == ((), [(None, "acme")])
    assert codes(diff([declared(ensure="external")], [])) == ["missing-external"]


def test_cleared_and_added_metadata() -> None:
    resource = declared(spec={"trusted_metadata": {"tier": "gold", "old": None}})
    (change,) = diff([resource], [live(trusted_metadata={"old": 1, "theirs": 2})]).changes
    assert change.fields == (
        FieldChange(path=("trusted_metadata", "tier"), after="gold"),
        FieldChange(path=("trusted_metadata", "old"), before=1),
    )
