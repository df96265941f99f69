"""Consumer users."""

from typing import Any

import pytest

from reconciler.emulator.seed.bulk import place_user
from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api
from tests.emulator.tour import FACTORS, RICH

USERS = "/v1/users"


def test_a_new_user(api: Api) -> None:
    answer = api.ok("POST", USERS, {"email": "Ann@acme.com", "phone_number": "+14155550100", "attributes": {}})
    user = answer["user"]
    assert user["user_id"].startswith("user-test-")
    assert (answer["user_id"], answer["status"]) == (user["user_id"], "active")
    assert answer["email_id"] == user["emails"][0]["email_id"]
    assert answer["phone_id"] == user["phone_numbers"][0]["phone_id"]
    assert user["emails"][0] == {"email_id": answer["email_id"], "email": "ann@acme.com", "verified": False}
    assert user["roles"] == ["stytch_user"]
    shown = api.ok("GET", f"{USERS}/{user['user_id']}")
    assert {name: shown[name] for name in user} == user
    assert "user" not in shown


@pytest.mark.parametrize(
    ("fields", "error_type"),
    [
        ({}, "bad_request"),
        ({"email": "x"}, "invalid_email"),
        ({"phone_number": "1"}, "invalid_phone_number"),
        ({"email": "a@b.de", "external_id": "a b"}, "bad_request"),
        ({"email": "a@b.de", "roles": ["king"]}, "invalid_role"),
        ({"email": "a@b.de", "name": "Ann"}, "bad_request"),
        ({"email": "a@b.de", "attributes": {"ip_address": 7}}, "bad_request"),
        ({"email": "a@b.de", "attributes": {"user_agent": []}}, "bad_request"),
        ({"email": "a@b.de", "trusted_metadata": []}, "metadata_invalid_format"),
    ],
)
def test_what_is_not_allowed_is_refused(api: Api, fields: dict[str, Any], error_type: str) -> None:
    assert api.refused("POST", USERS, fields) == (400, error_type)


def test_addresses_numbers_and_external_ids_are_unique(api: Api) -> None:
    api.user(phone_number="+14155550100", external_id="7")
    assert api.refused("POST", USERS, {"email": "ANN@acme.com"}) == (400, "duplicate_email")
    assert api.refused("POST", USERS, {"phone_number": "+14155550100"}) == (400, "duplicate_phone_number")
    other = {"email": "b@acme.com", "external_id": "7"}
    assert api.refused("POST", USERS, other) == (400, "duplicate_user_external_id")


def test_an_update_merges_and_leaves_addresses_alone(api: Api) -> None:
    user = api.user(trusted_metadata={"a": 1, "b": 2}, name={"first_name": "Ann", "last_name": "Abel"}, external_id="7")
    change = {"trusted_metadata": {"a": None}, "name": {"last_name": "Bauer"}, "email": "new@acme.com"}
    answer = api.ok("PUT", f"{USERS}/7", change)
    assert answer["user"]["trusted_metadata"] == {"b": 2}
    assert answer["user"]["name"] == {"first_name": "Ann", "middle_name": "", "last_name": "Bauer"}
    assert answer["emails"] == user["emails"]


def test_a_delete_is_for_good(api: Api) -> None:
    user = api.user(external_id="7")
    api.ok("DELETE", f"{USERS}/7")
    assert api.refused("GET", f"{USERS}/{user['user_id']}") == (404, "user_not_found")
    assert api.refused("DELETE", f"{USERS}/7") == (404, "user_not_found")
    assert api.search("users") == []
    assert api.user()["user_id"] != user["user_id"]


def test_an_external_id_is_deleted(api: Api) -> None:
    user = api.user(external_id="7")
    assert "external_id" not in api.ok("DELETE", f"{USERS}/{user['user_id']}/external_id")["user"]
    assert api.refused("GET", f"{USERS}/7") == (404, "user_not_found")


@pytest.mark.parametrize(("path", "name", "id_"), FACTORS, ids=[path for path, _, _ in FACTORS])
def test_a_factor_is_deleted_by_its_id(api: Api, path: str, name: str, id_: str) -> None:
    user = place_user(api.app, RICH)
    one = f"{USERS}/{path}/{user[name][0][id_]}"
    after = api.ok("DELETE", one)["user"]
    assert after[name] == user[name][1:]
    assert after["password"] == user["password"]
    missing = {"oauth": "oauth_user_registration_not_found"}.get(path, f"{id_.removesuffix('_id')}_not_found")
    missing = missing.replace("phone_not", "phone_number_not")
    assert api.refused("DELETE", one) == (404, missing)


@pytest.mark.parametrize("given", [{"email": "ann@acme.com"}, {"phone_number": "+14155550100"}], ids=str)
def test_what_a_user_signs_in_with_last_is_not_deleted(api: Api, given: dict[str, str]) -> None:
    answer = api.ok("POST", USERS, given)
    one = f"emails/{answer['email_id']}" if "email" in given else f"phone_numbers/{answer['phone_id']}"
    assert api.refused("DELETE", f"{USERS}/{one}") == (400, "cannot_delete_last_primary_factor")
    api.user("bea@acme.com", phone_number="+14155550101")
    with behaving(last_factor="accepted") as other:
        answer = other.ok("POST", USERS, {"email": "ann@acme.com"})
        assert other.ok("DELETE", f"{USERS}/emails/{answer['email_id']}")["user"]["emails"] == []


def test_the_last_factors_are_counted_over_addresses_numbers_and_providers(api: Api) -> None:
    answer = api.ok("POST", USERS, {"email": "ann@acme.com", "phone_number": "+14155550100"})
    api.ok("DELETE", f"{USERS}/emails/{answer['email_id']}")
    refused = api.refused("DELETE", f"{USERS}/phone_numbers/{answer['phone_id']}")
    assert refused == (400, "cannot_delete_last_primary_factor")


def test_a_part_of_a_name_leaves_or_resets_the_others(api: Api) -> None:
    whole = {"first_name": "Ann", "middle_name": "Bea", "last_name": "Abel"}
    change = {"name": {"first_name": None, "last_name": "Bauer"}}
    api.user(name=whole, external_id="7")
    assert api.ok("PUT", f"{USERS}/7", change)["user"]["name"] == {**whole, "last_name": "Bauer"}
    with behaving(name_parts="reset") as other:
        other.user(name=whole, external_id="7")
        reset = {"first_name": "", "middle_name": "", "last_name": "Bauer"}
        assert other.ok("PUT", f"{USERS}/7", change)["user"]["name"] == reset
        for nothing in (None, {}, {"first_name": None}):
            assert other.ok("PUT", f"{USERS}/7", {"name": nothing})["user"]["name"] == reset


def test_a_password_is_deleted_by_its_id(api: Api) -> None:
    user = place_user(api.app, RICH)
    one = f"{USERS}/passwords/{user['password']['password_id']}"
    assert "password" not in api.ok("DELETE", one)["user"]
    assert api.refused("DELETE", one) == (404, "password_not_found")


def test_the_only_factor_is_exchanged_for_another_one(api: Api) -> None:
    ann = api.user()
    exchange = f"{USERS}/{ann['user_id']}/exchange_primary_factor"
    api.user("bea@acme.com", phone_number="+14155550101")
    for wanted, error in (
        ({}, "bad_request"),
        ({"email_address": "ann@new.com", "phone_number": "+14155550100"}, "bad_request"),
        ({"email_address": "ann"}, "invalid_email"),
        ({"email_address": "BEA@acme.com"}, "duplicate_email"),
        ({"phone_number": "+14155550101"}, "duplicate_phone_number"),
    ):
        assert api.refused("PUT", exchange, wanted) == (400, error)
    moved = api.ok("PUT", exchange, {"phone_number": "+14155550100"})["user"]
    assert (moved["emails"], [each["phone_number"] for each in moved["phone_numbers"]]) == ([], ["+14155550100"])
    back = api.ok("PUT", exchange, {"email_address": "ann@new.com"})["user"]
    assert [(each["email"], each["verified"]) for each in back["emails"]] == [("ann@new.com", False)]
    api.user("ann@acme.com")
    both = api.user("cem@acme.com", phone_number="+14155550102")["user_id"]
    wanted = {"email_address": "cem@new.com"}
    assert api.refused("PUT", f"{USERS}/{both}/exchange_primary_factor", wanted) == (400, "bad_request")
