"""Trusted token profiles and their keys."""

from typing import Any

import pytest

from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api
from tests.emulator.settings_tour import KEY, below

JWK: Any = {
    "name": "Partner",
    "audience": "us",
    "issuer": "them",
    "public_key_type": "JWK",
    "jwks_url": "https://them.example/jwks.json",
    "pem_files": [],
    "can_jit_provision": False,
}
PEM: Any = {**JWK, "public_key_type": "PEM", "pem_files": [KEY]}
del PEM["jwks_url"]
NO_PEM = (400, "must_have_pem_files_for_trusted_token_profile_with_type_pem")


def root(api: Api) -> str:
    return f"{below(api, 'B2B')}/trusted_token_profiles"


def create(api: Api, body: Any) -> Any:
    return api.ok("POST", root(api), body)["profile"]


def test_profiles_are_made_listed_and_deleted(api: Api) -> None:
    jwk = create(api, {**JWK, "attribute_mapping": {"email": "sub"}})
    assert jwk == {**JWK, "attribute_mapping": {"email": "sub"}, "profile_id": jwk["profile_id"]}
    pem = create(api, PEM)
    assert pem["pem_files"] == [{"pem_file_id": pem["pem_files"][0]["pem_file_id"], "public_key": KEY}]
    assert not {"jwks_url", "attribute_mapping"} & set(pem)
    assert api.ok("GET", root(api))["profiles"] == [jwk, pem]
    assert api.ok("GET", f"{root(api)}/{pem['profile_id']}")["profile"] == pem
    api.ok("DELETE", f"{root(api)}/{pem['profile_id']}")
    assert api.ok("GET", root(api))["profiles"] == [jwk]
    for method in ("GET", "PATCH", "DELETE"):
        refused = api.refused(method, f"{root(api)}/{pem['profile_id']}")
        assert refused == (404, "trusted_token_profile_not_found")


def test_names_need_not_be_unique(api: Api) -> None:
    assert create(api, JWK)["profile_id"] != create(api, JWK)["profile_id"]
    assert len(api.ok("GET", root(api))["profiles"]) == 2


def test_an_update_changes_what_it_states(api: Api) -> None:
    before = create(api, {**JWK, "attribute_mapping": {"email": "sub"}})
    path = f"{root(api)}/{before['profile_id']}"
    change = {"name": "Other", "can_jit_provision": True, "attribute_mapping": {"name": "who"}}
    assert api.ok("PATCH", path, {**change, "issuer": None, "public_key_type": "PEM"})["profile"] == before | change
    assert api.ok("PATCH", path)["profile"] == before | change
    assert api.refused("PATCH", path, {"name": ""}) == (400, "invalid_argument")
    missing = (400, "must_have_jwks_url_for_trusted_token_profile_with_type_jwk")
    assert api.refused("PATCH", path, {"jwks_url": ""}) == missing
    assert api.ok("GET", path)["profile"] == before | change


@pytest.mark.parametrize(
    ("body", "error_type"),
    [
        ({**JWK, "jwks_url": None}, "must_have_jwks_url_for_trusted_token_profile_with_type_jwk"),
        ({**PEM, "pem_files": []}, "must_have_pem_files_for_trusted_token_profile_with_type_pem"),
        ({**PEM, "pem_files": None}, "must_have_pem_files_for_trusted_token_profile_with_type_pem"),
        ({**JWK, "pem_files": [KEY]}, "cannot_add_pem_file_to_non_pem_trusted_token_profile"),
        ({**JWK, "public_key_type": None}, "invalid_argument"),
        ({**JWK, "public_key_type": "RSA"}, "invalid_argument"),
        ({**JWK, "audience": ""}, "invalid_argument"),
        ({**JWK, "attribute_mapping": "{}"}, "invalid_argument"),
    ],
)
def test_an_invalid_profile_is_refused(api: Api, body: Any, error_type: str) -> None:
    assert api.refused("POST", root(api), body) == (400, error_type)
    assert api.ok("GET", root(api))["profiles"] == []


def test_keys_are_added_and_deleted(api: Api) -> None:
    profile = create(api, PEM)
    first = profile["pem_files"][0]
    keys = f"{root(api)}/{profile['profile_id']}/keys"
    second = api.ok("POST", keys, {"public_key": KEY})["pem_file"]
    assert second["public_key"] == KEY
    assert second["pem_file_id"] != first["pem_file_id"]
    assert api.ok("GET", f"{keys}/{second['pem_file_id']}")["pem_file"] == second
    api.ok("DELETE", f"{keys}/{first['pem_file_id']}")
    assert api.refused("GET", f"{keys}/{first['pem_file_id']}") == (404, "trusted_token_profile_not_found")
    assert api.ok("GET", f"{root(api)}/{profile['profile_id']}")["profile"]["pem_files"] == [second]
    assert api.refused("POST", keys, {}) == (400, "invalid_argument")


def test_a_jwk_profile_takes_no_key(api: Api) -> None:
    keys = f"{root(api)}/{create(api, JWK)['profile_id']}/keys"
    refused = api.refused("POST", keys, {"public_key": KEY})
    assert refused == (400, "cannot_add_pem_file_to_non_pem_trusted_token_profile")


def only_key(api: Api) -> str:
    profile = create(api, PEM)
    return f"{root(api)}/{profile['profile_id']}/keys/{profile['pem_files'][0]['pem_file_id']}"


def test_the_last_key_stays_unless_stytch_lets_it_go(api: Api) -> None:
    assert api.refused("DELETE", only_key(api)) == NO_PEM
    with behaving(last_pem_file="accepted") as other:
        other.ok("DELETE", only_key(other))
        assert other.ok("GET", root(other))["profiles"][0]["pem_files"] == []


def test_no_url_may_read_back_empty() -> None:
    with behaving(unset_jwks_url="empty") as api:
        assert create(api, PEM)["jwks_url"] == ""
