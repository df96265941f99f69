from contextlib import AbstractContextManager
from math import ceil
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import structs

from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.seed.bulk import load_members, place_member, place_organization, place_user
from reconciler.emulator.server import faults
from reconciler.emulator.server.app import App
from reconciler.emulator.server.limits import VENDOR, Limits
from reconciler.errors import Refused, Unreadable
from reconciler.model import LiveMember
from reconciler.read.live import policy_roles, read_organizations
from reconciler.read.members import IN_FLIGHT, batches_of, read_members
from reconciler.read.users import consumer_users
from reconciler.sources.users import MalformedUser
from tests.connected import START, VirtualClock, connected, credentials


def organization(app: App, slug: str, **more: Any) -> str:
    placed = place_organization(
        app, {"organization_slug": slug, "organization_id": f"organization-test-{slug}", **more}
    )
    return str(placed["organization_id"])


def member(app: App, organization_id: str, name: str, **more: Any) -> str:
    fields = {"organization_id": organization_id, "member_id": f"member-test-{name}"}
    return str(place_member(app, {**fields, "email_address": f"{name}@acme.example", **more})["member_id"])


def everybody(client: Client, expected: dict[str, int]) -> dict[str, list[str]]:
    return {
        identifier: [row.member_id for row in found.members]
        for batch in read_members(client, expected)
        for identifier, found in batch.items()
    }


# Organizations


def test_organizations_come_in_the_order_of_their_slugs_with_every_field(app: App, client: Client) -> None:
    for slug in ("globex", "acme"):
        organization(app, slug, trusted_metadata={"tier": "gold"})
    first, second = read_organizations(client)
    assert (first.address, first.id, second.name) == ("Organization/acme", "organization-test-acme", "globex")
    assert first.spec["trusted_metadata"] == {"tier": "gold"}
    assert first.spec["email_invites"] == "ALL_ALLOWED"


@pytest.mark.parametrize("odd", [{"organization_slug": None}, {"trusted_metadata": []}, {"organization_id": 5}])
def test_an_organization_nobody_can_read_makes_the_whole_unreadable(odd: dict[str, Any]) -> None:
    good = {"organization_id": "organization-test-1", "organization_slug": "acme"}
    body = {"organizations": [good, {**good, **odd}], "results_metadata": {"total": -1}}
    with answering(body) as client, pytest.raises(Unreadable, match="organizations could not be read"):
        read_organizations(client)


@pytest.mark.parametrize(
    ("spec", "hint"), [("status_500:1", "run again"), ("drop_before:1", "run again"), ("html_200:1", "run again")]
)
def test_what_cannot_be_read_is_unreadable_and_nothing_is_decided(
    app: App, client: Client, spec: str, hint: str
) -> None:
    app.faults = faults.Faults(faults.parse([spec])[0])
    for reading in (lambda: read_organizations(client), lambda: policy_roles(client)):
        with pytest.raises(Unreadable, match="could not be read") as caught:
            reading()
        assert hint in caught.value.problems[0].hint
        assert caught.value.exit_code == 4


def test_what_is_refused_is_not_to_be_run_again() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(302, headers={"location": "https://elsewhere.example"}))
    known = Credentials(project_id="project-test-1", secret="s")
    transports = Transports(clock=VirtualClock(), transport=transport)
    with open_client(known, Rates(), transports) as client, pytest.raises(Unreadable, match="URI right") as caught:
        read_organizations(client)
    assert caught.value.problems[0].hint.startswith("nothing was changed; fix this first")


def test_a_wrong_secret_says_what_to_look_at(app: App) -> None:
    from reconciler.emulator.server.transport import EmulatorTransport

    wrong = msgspec.structs.replace(credentials(app), secret="wrong")
    transports = Transports(clock=VirtualClock(), transport=EmulatorTransport(app))
    with open_client(wrong, Rates(), transports) as client, pytest.raises(Unreadable) as caught:
        read_organizations(client)
    assert "project id and the secret" in caught.value.problems[0].hint


def test_a_consumer_projects_credentials_are_judge_copies(app: App) -> None:
    from reconciler.emulator.server.transport import EmulatorTransport

    known = credentials(app)
    swapped = Credentials(project_id=known.consumer_project_id, secret=known.consumer_secret)
    transports = Transports(clock=VirtualClock(), transport=EmulatorTransport(app))
    with open_client(swapped, Rates(), transports) as client, pytest.raises(Unreadable) as caught:
        read_organizations(client)
    assert "put it into STYTCH_CONSUMER_PROJECT_ID" in caught.value.problems[0].hint


# Members


def test_members_come_by_organization_in_the_order_asked_for(app: App, client: Client) -> None:
    acme, globex, empty = (organization(app, slug) for slug in ("acme", "globex", "initech"))
    member(app, globex, "bob")
    member(app, acme, "ann")
    member(app, acme, "amy", status="deleted")
    found = everybody(client, {globex: 1, empty: 1, acme: 2})
    assert list(found) == [globex, empty, acme]
    assert found == {globex: ["member-test-bob"], empty: [], acme: ["member-test-ann", "member-test-amy"]}


def test_nothing_is_asked_where_there_is_nobody_to_ask_for(client: Client) -> None:
    assert list(read_members(client, {})) == []
    assert client.statistics.requests == 0


def test_batches_hold_so_many_members_and_organizations() -> None:
    assert batches_of({"a": 2500, "b": 1500, "c": 1, "d": 9000, "e": 1}) == [["a", "b"], ["c"], ["d"], ["e"]]
    many = {str(number): 0 for number in range(2000)}
    assert [len(batch) for batch in batches_of(many)] == [400, 400, 400, 400, 400]
    assert [len(batch) for batch in batches_of(dict.fromkeys(map(str, range(1500)), 1))] == [1000, 500]


def test_members_take_no_more_requests_than_their_number_calls_for(app: App, client: Client) -> None:
    organizations = [organization(app, f"org-{number}") for number in range(30)]
    load_members(
        app,
        app.workspace.environment("B2B"),
        (
            {"organization_id": each, "member_id": f"{each}-{number}", "email_address": f"{number}@acme.example"}
            for each in organizations
            for number in range(700)
        ),
    )
    expected = dict.fromkeys(organizations, 700)
    found = everybody(client, expected)
    assert {identifier: len(rows) for identifier, rows in found.items()} == expected
    assert client.statistics.requests <= ceil(30 / 1000) + ceil(21_000 / 1000) + len(batches_of(expected))


@pytest.mark.parametrize("total", ["exact", "unknown"])
def test_far_more_members_than_expected_are_read_in_parts(monkeypatch: pytest.MonkeyPatch, total: Any) -> None:
    monkeypatch.setattr("reconciler.read.members.BATCH_MEMBERS", 1000)
    app = App(behaviour=Behaviour(total=total))
    organizations = [organization(app, f"org-{number}") for number in range(16)]
    rows = (
        {"organization_id": each, "member_id": f"{each}-{number}", "email_address": f"{number}@acme.example"}
        for each in organizations
        for number in range(500)
    )
    load_members(app, app.workspace.environment("B2B"), rows)
    with connected(app) as client:
        batches = list(read_members(client, dict.fromkeys(organizations, 0)))
    assert [identifier for batch in batches for identifier in batch] == organizations
    assert all(len(found.members) == 500 for batch in batches for found in batch.values())
    assert max(len(batch) for batch in batches) <= 4
    app.close()


def test_an_odd_record_costs_one_record_and_says_so() -> None:
    good = {"organization_id": "o1", "member_id": "m1", "email_address": "ann@acme.example"}
    rows = [good, {**good, "member_id": "m2", "status": 7}, {**good, "organization_id": "o2", "member_id": "m3"}]
    with answering({"members": rows, "results_metadata": {"total": 3}}) as client:
        ((batch),) = read_members(client, {"o1": 2, "o2": 1})
    assert [row.member_id for row in batch["o1"].members] == ["m1"]
    assert (batch["o1"].complete, batch["o2"].complete) == (False, True)
    (problem,) = batch["o1"].problems
    assert problem.message == "the live member m2 could not be read: Expected `str`, got `int` - at `$.status`"


DEEP = b"[" * 1100 + b"]" * 1100


def raw(body: bytes) -> AbstractContextManager[Client]:
    known = Credentials(project_id="project-test-1", secret="s", api_url="http://127.0.0.1:1")
    known = structs.replace(known, consumer_project_id="project-test-2", consumer_secret="s")
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    return open_client(known, Rates(), Transports(clock=VirtualClock(), transport=transport))


@pytest.mark.parametrize("odd", [b'"untrusted_metadata": {"a": %s}' % DEEP, b'"new": %s' % DEEP, b'"name": 5'])
def test_a_member_whose_record_is_odd_is_still_known(odd: bytes) -> None:
    ann = b'{"organization_id": "o1", "member_id": "m1", "email_address": "ann@acme.example", %s, "external_id": "u1"}'
    bob = b'{"organization_id": "o1", "member_id": "m2", "email_address": "bob@acme.example"}'
    with raw(b'{"members": [%s, %s], "results_metadata": {"total": 2}}' % (ann % odd, bob)) as client:
        ((batch),) = read_members(client, {"o1": 2})
    found = batch["o1"]
    assert sorted((row.member_id, row.external_id) for row in found.members) == [("m1", "u1"), ("m2", None)]
    assert (set(found.half_read), found.complete, [one.code for one in found.problems]) == (
        {"m1"},
        True,
        ["unreadable-member"],
    )


def test_a_user_whose_record_is_nested_too_deeply_is_still_known() -> None:
    ann = b'{"user_id": "u1", "untrusted_metadata": {"a": %s}}' % DEEP
    bob = b'{"user_id": "u2", "emails": [{"email": "bob@acme.example", "verified": true}]}'
    with raw(b'{"results_metadata": {"total": 2}, "results": [%s, %s]}' % (ann, bob)) as client:
        users = consumer_users(client, frozenset({"untrusted_metadata"}))
        odd, known = list(users)
    assert isinstance(odd, MalformedUser)
    assert (odd.user_id, odd.message) == ("u1", "not a valid user: it is nested too deeply")
    assert not isinstance(known, MalformedUser)
    assert users.permits_deletes


@pytest.mark.parametrize("row", [None, {}, {"organization_id": 4}, {"organization_id": "o2"}])
def test_an_odd_record_of_nobody_knows_which_organization_makes_the_whole_unreadable(row: Any) -> None:
    with answering({"members": [row], "results_metadata": {"total": -1}}) as client, pytest.raises(Unreadable):
        list(read_members(client, {"o1": 1}))


def test_members_of_an_organization_that_was_not_asked_for_make_the_whole_unreadable() -> None:
    row = {"organization_id": "o2", "member_id": "m1", "email_address": "ann@acme.example"}
    with answering({"members": [row], "results_metadata": {"total": 1}}) as client, pytest.raises(Unreadable):
        list(read_members(client, {"o1": 1}))


def test_an_organization_that_goes_between_the_two_searches_makes_the_whole_unreadable(
    app: App, client: Client
) -> None:
    acme = organization(app, "acme")
    with pytest.raises(Unreadable) as caught:
        everybody(client, {acme: 1, "organization-test-gone": 1})
    assert caught.value.problems[0].hint == "an organization was deleted while it was being read; run again"


def test_an_organization_that_goes_and_is_ignored_has_no_members() -> None:
    app = App(behaviour=Behaviour(search_unknown_organization="ignored"))
    with connected(app) as client:
        acme = organization(app, "acme")
        ann = member(app, acme, "ann")
        assert everybody(client, {acme: 1, "organization-test-gone": 1}) == {acme: [ann], "organization-test-gone": []}
    app.close()


def test_reading_that_is_given_up_leaves_nothing_running(app: App, client: Client) -> None:
    identifiers = {organization(app, f"org-{number}"): 9000 for number in range(20)}
    reading = read_members(client, identifiers)
    next(reading)
    reading.close()
    assert client.statistics.requests <= 2 * IN_FLIGHT + 1


def test_the_vendors_limits_are_kept_to_the_full_without_a_single_429() -> None:
    clock = VirtualClock()
    app = App(clock=clock.wall, sleep=clock.sleep)
    app.limits = Limits(VENDOR)
    app.faults = faults.Faults(faults.parse(["latency:1:50ms-400ms"])[0])
    with connected(app, clock, Rates(share=1)) as client:
        for _ in range(450):
            read_organizations(client)
    assert app.statistics.refused == 0
    assert app.statistics.per_minute["organizations_search"] == 100
    assert clock.wall() - START < 5 * 60
    app.close()


# Roles and users


def test_the_roles_of_the_policy(client: Client) -> None:
    assert policy_roles(client) >= {"stytch_member", "stytch_admin"}


@pytest.mark.parametrize("policy", [{}, {"roles": None}, {"roles": [{}]}, {"roles": ["stytch_admin"]}])
def test_a_policy_without_roles_is_unreadable(policy: Any) -> None:
    with answering({"policy": policy}) as client, pytest.raises(Unreadable):
        policy_roles(client)


def test_users_of_the_consumer_project_have_the_fields_asked_for(app: App, client: Client) -> None:
    email = {"email_id": "email-test-1", "email": "ann@acme.example", "verified": True}
    place_user(app, {"user_id": "user-test-1", "emails": [email], "trusted_metadata": {"a": 1}, "external_id": "x"})
    stream = consumer_users(client, frozenset({"trusted_metadata"}))
    assert list(stream) == [{"user_id": "user-test-1", "emails": [email], "trusted_metadata": {"a": 1}}]
    assert (stream.count, stream.permits_deletes, stream.lacking) == (1, True, frozenset())


def test_a_field_that_no_user_has_by_its_name_is_lacking_and_one_that_is_only_empty_is_not(
    app: App, client: Client
) -> None:
    place_user(app, {"user_id": "user-test-1"})
    stream = consumer_users(client, frozenset({"external_id", "employer"}))
    list(stream)
    assert stream.lacking == {"employer"}


def test_an_odd_user_is_told_and_the_others_go_on() -> None:
    rows = [{"user_id": "u1", "emails": []}, {"user_id": "u2", "emails": "none"}, {"emails": []}]
    with answering({"results": rows, "results_metadata": {"total": 3}}) as client:
        stream = consumer_users(client, frozenset())
        first, second, third = stream
    assert first == {"user_id": "u1", "emails": []}
    assert isinstance(second, MalformedUser)
    assert isinstance(third, MalformedUser)
    assert (second.user_id, third.user_id, str(second.position)) == ("u2", None, "the Consumer project:2:1")
    assert not stream.permits_deletes


def test_a_consumer_project_without_users_is_not_believed(client: Client) -> None:
    with pytest.raises(Unreadable, match="has no user"):
        list(consumer_users(client, frozenset()))


def test_users_that_cannot_be_read_whole_are_unreadable(app: App, client: Client) -> None:
    for number in range(1200):
        place_user(app, {"user_id": f"user-test-{number}"})
    app.faults = faults.Faults(faults.parse(["short_page:1"])[0])
    with pytest.raises(Unreadable):
        list(consumer_users(client, frozenset()))


def test_without_credentials_of_the_consumer_project_there_is_nothing_to_read() -> None:
    with answering({}, consumer=False) as client, pytest.raises(Refused):
        list(consumer_users(client, frozenset()))


def test_live_members_hold_what_the_diff_looks_at(app: App, client: Client) -> None:
    acme = organization(app, "acme")
    member(app, acme, "ann", roles=["stytch_admin"], trusted_metadata={"a": {"b": None}}, is_breakglass=True)
    ((batch),) = read_members(client, {acme: 1})
    (ann,) = batch[acme].members
    assert isinstance(ann, LiveMember)
    assert (ann.trusted_metadata, ann.is_breakglass, ann.status) == ({"a": {"b": None}}, True, "active")
    assert {role.role_id for role in ann.roles} == {"stytch_member", "stytch_admin"}


def answering(body: Any, *, consumer: bool = True) -> Any:
    """Open a client to a server that has one answer to everything."""
    more = {"consumer_project_id": "project-test-2", "consumer_secret": "s"} if consumer else {}
    known = Credentials(project_id="project-test-1", secret="s", **more)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    return open_client(known, Rates(), Transports(clock=VirtualClock(), transport=transport))
