"""Searches: pages, filters, and objects that searches hide."""

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.seed.bulk import place_member, place_organization, place_user
from reconciler.emulator.server.app import App
from tests.emulator.conftest import Api
from tests.emulator.tour import RICH

PATHS = {
    "organizations": "/v1/b2b/organizations/search",
    "members": "/v1/b2b/organizations/members/search",
    "users": "/v1/users/search",
}

NO_STATUS: tuple[Any, ...] = ("asleep", 7, {}, [{}], [["active"]])


def pages(api: Api, path: str, limit: int, **body: Any) -> Iterator[Any]:
    cursor = None
    while True:
        answer = api.ok("POST", path, {"limit": limit, **body} | ({"cursor": cursor} if cursor else {}))
        yield answer
        cursor = answer["results_metadata"].get("next_cursor")
        if not cursor:
            return


def many(api: Api) -> list[str]:
    """Three organizations of seven members each; their ids."""
    ids = [api.organization(slug)["organization_id"] for slug in ("acme", "other", "third")]
    for slug in ("acme", "other", "third"):
        for number in range(7):
            api.member(f"m{number}@{slug}.com", slug)
    return ids


def test_pages_hold_everything_once(api: Api) -> None:
    ids = many(api)
    found = list(pages(api, PATHS["members"], 4, organization_ids=ids))
    assert [len(page["members"]) for page in found] == [4, 4, 4, 4, 4, 1]
    assert len({member["member_id"] for page in found for member in page["members"]}) == 21
    assert {page["results_metadata"]["total"] for page in found} == {21}
    assert found[-1]["results_metadata"]["next_cursor"] is None
    for page in found:
        assert set(page["organizations"]) == {member["organization_id"] for member in page["members"]}
    assert len(list(pages(api, PATHS["members"], 21, organization_ids=ids))) == 1
    assert len(api.search("members", organization_ids=ids[:1])) == 7
    assert len(list(pages(api, PATHS["organizations"], 1))) == 3


def test_the_default_limit_is_100_and_the_most_1000(api: Api) -> None:
    for number in range(101):
        place_user(api.app, {"user_id": f"user-{number}"})
    assert len(api.search("users")) == 100
    assert len(api.search("users", limit=1000)) == 101
    for limit in (0, 1001, "7", True):
        assert api.refused("POST", PATHS["users"], {"limit": limit}) == (400, "user_search_invalid_limit")
        assert api.refused("POST", PATHS["organizations"], {"limit": limit}) == (400, "bad_request")


@pytest.mark.parametrize("cursor", ["x", "bm8=", "WzEsMl0", 7, "WyJhIiwgMV0="])
def test_an_invalid_cursor_is_refused(api: Api, cursor: Any) -> None:
    assert api.refused("POST", PATHS["users"], {"cursor": cursor}) == (400, "user_search_invalid_cursor")
    assert api.refused("POST", PATHS["organizations"], {"cursor": cursor}) == (400, "bad_request")


@pytest.mark.parametrize("order", ["insertion", "id", "random"])
def test_every_order_shows_everything_once(order: Any) -> None:
    app = App(behaviour=Behaviour(search_order=order))
    api = Api(app)
    ids = many(api)
    rounds = [
        [
            member["member_id"]
            for page in pages(api, PATHS["members"], 4, organization_ids=ids)
            for member in page["members"]
        ]
        for _ in range(2)
    ]
    app.close()
    assert len(set(rounds[0])) == len(rounds[0]) == 21
    assert set(rounds[0]) == set(rounds[1])
    assert (rounds[0] == rounds[1]) == (order != "random")
    assert (rounds[0] == sorted(rounds[0])) == (order == "id")


def test_the_total_may_be_unknown_and_the_last_cursor_absent() -> None:
    app = App(behaviour=Behaviour(total="unknown", last_cursor="absent"))
    api = Api(app)
    api.organization()
    assert api.ok("POST", PATHS["organizations"], {})["results_metadata"] == {"total": -1}
    app.close()


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each.get("organization_slug") or each.get("email_address") or each["user_id"] for each in found]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("organization_ids", ["organization-1"], ["acme"]),
        ("organization_slugs", ["acme", "nowhere"], ["acme"]),
        ("organization_name_fuzzy", "CORP", ["acme"]),
        ("organization_slug_fuzzy", "oth", ["other"]),
        ("member_emails", ["ANN@acme.com"], ["acme"]),
        ("member_email_fuzzy", "nn@ac", ["acme"]),
        ("allowed_domains", ["ACME.com"], ["acme"]),
        ("allowed_domain_fuzzy", "cme", ["acme"]),
        ("claimed_email_domains", ["claimed.com"], ["acme"]),
        ("has_active_sso_connection", True, ["acme"]),
        ("has_active_sso_connection", False, ["other"]),
        ("sso_connection_id", "saml-1", ["acme"]),
        ("sso_connection_id", ["saml-1"], ["acme"]),
    ],
)
def test_filters_of_organizations(api: Api, name: str, value: Any, expected: list[str]) -> None:
    connection = {"connection_id": "saml-1", "display_name": "", "identity_provider": "okta"}
    acme = {
        "organization_id": "organization-1",
        "organization_slug": "acme",
        "organization_name": "Acme Corp",
        "email_allowed_domains": ["acme.com"],
        "claimed_email_domains": ["claimed.com"],
        "sso_active_connections": [connection],
    }
    place_organization(api.app, acme)
    place_organization(api.app, {"organization_slug": "other"})
    place_member(api.app, {"organization_id": "organization-1", "email_address": "ann@acme.com"})
    gone = {"organization_id": "organization-1", "email_address": "bea@other.com", "status": "deleted"}
    place_member(api.app, gone)
    assert names(api.search("organizations", (name, value))) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("member_ids", ["member-test-1"], ["ann@acme.com"]),
        ("member_ids", ["ext-1"], ["ann@acme.com"]),
        ("member_emails", ["ANN@acme.com", "gone@acme.com"], ["ann@acme.com"]),
        ("member_email_fuzzy", "NN@", ["ann@acme.com"]),
        ("member_is_breakglass", True, ["ann@acme.com"]),
        ("member_is_breakglass", False, ["bea@acme.com"]),
        ("statuses", ["pending", "deleted"], ["bea@acme.com", "gone@acme.com"]),
        ("member_mfa_phone_numbers", ["+14155550100"], ["ann@acme.com"]),
        ("member_phone_numbers", ["+14155550100"], ["ann@acme.com"]),
        ("member_mfa_phone_number_fuzzy", "5550", ["ann@acme.com"]),
        ("member_phone_number_fuzzy", "5550", ["ann@acme.com"]),
        ("member_password_exists", True, ["ann@acme.com"]),
        ("member_password_exists", False, ["bea@acme.com"]),
        ("member_roles", ["stytch_admin"], ["ann@acme.com"]),
        ("member_roles", ["stytch_member"], ["ann@acme.com", "bea@acme.com"]),
    ],
)
def test_filters_of_members(api: Api, name: str, value: Any, expected: list[str]) -> None:
    acme = api.organization()["organization_id"]
    ann = {
        "member_id": "member-test-1",
        "email_address": "ann@acme.com",
        "external_id": "ext-1",
        "is_breakglass": True,
        "mfa_phone_number": "+14155550100",
        "member_password_id": "p",
        "roles": ["stytch_admin"],
    }
    for fields in (
        ann,
        {"email_address": "bea@acme.com", "status": "pending"},
        {"email_address": "gone@acme.com", "status": "deleted"},
    ):
        place_member(api.app, {"organization_id": acme, **fields})
    assert names(api.search("members", (name, value))) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("user_id", ["rich"], ["rich"]),
        ("status", "pending", ["poor"]),
        ("email_address", ["BEA@acme.com"], ["rich"]),
        ("email_id", ["email-1"], ["rich"]),
        ("email_verified", True, ["rich"]),
        ("email_verified", False, ["poor"]),
        ("email_address_fuzzy", "ACME", ["rich", "poor"]),
        ("phone_number", ["+14155550101"], ["rich"]),
        ("phone_id", ["phone-1"], ["rich"]),
        ("phone_verified", True, ["rich"]),
        ("phone_number_fuzzy", "55501", ["rich"]),
        ("full_name_fuzzy", "bea abel", ["rich"]),
        ("oauth_provider", ["Google"], ["rich"]),
        ("webauthn_registration_id", ["webauthn-1"], ["rich"]),
        ("webauthn_registration_verified", True, ["rich"]),
        ("crypto_wallet_id", ["w-1"], ["rich"]),
        ("crypto_wallet_address", ["0x1"], ["rich"]),
        ("crypto_wallet_verified", True, ["rich"]),
        ("totp_id", ["totp-1"], ["rich"]),
        ("totp_verified", True, ["rich"]),
        ("password_exists", True, ["rich"]),
        ("password_exists", False, ["poor"]),
        ("created_at_greater_than", "2022-01-01T00:00:00Z", ["poor"]),
        ("created_at_less_than", "2022-01-01T00:00:00Z", ["rich"]),
        (
            "created_at_between",
            {"greater_than": "2020-01-01T00:00:00Z", "less_than": "2022-01-01T00:00:00Z"},
            ["rich"],
        ),
    ],
)
def test_filters_of_users(api: Api, name: str, value: Any, expected: list[str]) -> None:
    name_ = {"first_name": "Bea", "middle_name": "", "last_name": "Abel"}
    place_user(api.app, RICH | {"user_id": "rich", "name": name_, "created_at": "2021-01-01T00:00:00Z"})
    email = {"email_id": "email-2", "email": "cem@acme.com", "verified": False}
    place_user(
        api.app, {"user_id": "poor", "emails": [email], "status": "pending", "created_at": "2023-01-01T00:00:00Z"}
    )
    assert names(api.search("users", (name, value))) == expected


def test_operands_are_joined_by_and_or_or(api: Api) -> None:
    for slug in ("acme", "other", "third"):
        api.organization(slug)
    both = (("organization_slugs", ["acme", "other"]), ("organization_slug_fuzzy", "oth"))
    assert names(api.search("organizations", *both)) == ["other"]
    either = (("organization_slugs", ["acme"]), ("organization_slug_fuzzy", "oth"))
    assert names(api.search("organizations", *either, operator="OR")) == ["acme", "other"]
    api.member()
    gone = api.member("bea@acme.com")
    api.ok("DELETE", f"/v1/b2b/organizations/acme/members/{gone['member_id']}")
    any_ = (("member_email_fuzzy", "ann"), ("member_email_fuzzy", "bea"))
    assert names(api.search("members", *any_, operator="OR")) == ["ann@acme.com"]


@pytest.mark.parametrize(
    ("what", "operand", "error_type"),
    [
        ("organizations", {"filter_value": ["x"]}, "organization_search_missing_filter_name"),
        ("members", {"filter_name": 7, "filter_value": ["x"]}, "member_search_filter_name_must_be_string"),
        ("users", {"filter_name": "shoe_size", "filter_value": 7}, "user_search_filter_name_not_recognized"),
        ("organizations", {"filter_name": "organization_slugs"}, "organization_search_missing_filter_value"),
        ("members", {"filter_name": "member_emails", "filter_value": "x"}, "member_search_expected_array_of_strings"),
        ("users", {"filter_name": "email_address", "filter_value": "x"}, "user_search_expected_array_of_string"),
        (
            "users",
            {"filter_name": "email_address", "filter_value": ["x"] * 1001},
            "user_search_maximum_filter_value_count_exceeded",
        ),
        (
            "organizations",
            {"filter_name": "organization_name_fuzzy", "filter_value": "ab"},
            "organization_search_organization_name_fuzzy_too_short",
        ),
        (
            "members",
            {"filter_name": "member_phone_number_fuzzy", "filter_value": "55"},
            "member_search_member_mfa_phone_number_fuzzy_too_short",
        ),
        ("users", {"filter_name": "full_name_fuzzy", "filter_value": "ab"}, "user_search_full_name_fuzzy_too_short"),
        ("members", {"filter_name": "statuses", "filter_value": ["asleep"]}, "search_invalid_status_filter"),
        *(
            ("users", {"filter_name": "status", "filter_value": value}, "user_search_invalid_status_filter")
            for value in NO_STATUS
        ),
        ("users", {"filter_name": "email_verified", "filter_value": "yes"}, "bad_request"),
        ("users", {"filter_name": "created_at_between", "filter_value": {}}, "bad_request"),
        (
            "members",
            {"filter_name": "member_ids", "filter_value": ["member-test-1", "7"]},
            "member_search_cannot_mix_internal_and_external_member_ids",
        ),
        (
            "users",
            {"filter_name": "user_id", "filter_value": ["user-test-1", "7"]},
            "user_search_cannot_mix_internal_and_external_user_ids",
        ),
    ],
)
def test_an_invalid_filter_is_refused(api: Api, what: str, operand: Any, error_type: str) -> None:
    acme = api.organization()["organization_id"]
    body = {"organization_ids": [acme], "query": {"operator": "AND", "operands": [operand]}}
    assert api.refused("POST", PATHS[what], body) == (400, error_type)


def test_an_invalid_query_is_refused(api: Api) -> None:
    acme = api.organization()["organization_id"]
    wrong: list[Any] = ["x", 7, True, [], {"operator": 0}, {"operator": ["AND"]}]
    no_operands: tuple[Any, ...] = ({}, "x", 7, [7], ["x"], [[]])
    wrong += [{"operands": each} for each in no_operands]
    for path in PATHS.values():
        for query in wrong:
            assert api.refused("POST", path, {"organization_ids": [acme], "query": query})[0] == 400
    for operator in ("XOR", ["AND"], False):
        query = {"query": {"operator": operator, "operands": []}}
        assert api.refused("POST", PATHS["users"], query) == (400, "user_search_invalid_operator")


def test_an_operator_or_operands_that_are_unset_are_none(api: Api) -> None:
    api.organization()
    for query in ({}, {"operator": "", "operands": None}):
        assert len(api.ok("POST", PATHS["organizations"], {"query": query})["organizations"]) == 1


def test_a_member_search_names_its_organizations(api: Api) -> None:
    path = PATHS["members"]
    assert api.refused("POST", path, {"organization_ids": []}) == (400, "member_search_organization_ids_empty")
    assert api.refused("POST", path, {}) == (400, "member_search_organization_ids_empty")
    nowhere = {"organization_ids": ["organization-test-00000000-0000-4000-8000-000000000000"]}
    assert api.refused("POST", path, nowhere) == (404, "organization_not_found")
    app = App(behaviour=Behaviour(search_unknown_organization="ignored"))
    assert Api(app).ok("POST", path, nowhere)["members"] == []
    app.close()


@pytest.mark.parametrize(
    "behaviour", [Behaviour(search_lag_ms=500), Behaviour(search_lag_requests=2)], ids=["ms", "requests"]
)
def test_searches_may_lag_behind(behaviour: Behaviour) -> None:
    app = App(behaviour=behaviour)
    api = Api(app)
    step = 0 if behaviour.search_lag_requests else 1
    organization = api.organization()["organization_id"]
    assert api.ok("GET", "/v1/b2b/organizations/acme")["organization"]["organization_id"] == organization
    assert names(api.search("organizations")) == []
    api.now += step
    assert names(api.search("organizations")) == ["acme"]
    api.ok("DELETE", "/v1/b2b/organizations/acme")
    assert names(api.search("organizations")) == ["acme"]
    assert api.refused("GET", "/v1/b2b/organizations/acme") == (404, "organization_not_found")
    api.now += step
    assert names(api.search("organizations")) == []
    app.close()
