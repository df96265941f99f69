"""M2M clients: ids and secrets chosen by the caller, scopes, metadata, rotation, search; in both verticals."""

from typing import Any

import pytest

from reconciler.emulator.core.workspace import Vertical
from reconciler.emulator.seed.placing import counts
from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api

ROOT = "/v1/m2m/clients"
SECRET = "Qm2x-8Tz_w41pLk"


def made(api: Api, **fields: Any) -> Any:
    return api.ok("POST", ROOT, {"scopes": [], **fields})["m2m_client"]


@pytest.mark.parametrize("vertical", ["B2B", "CONSUMER"])
def test_a_client_of_either_vertical(api: Api, vertical: Vertical) -> None:
    asking = api.app.workspace.environment(vertical)
    created = api.ok("POST", ROOT, {"scopes": ["read"], "client_name": "Payroll"}, environment=asking)["m2m_client"]
    assert created["client_id"].startswith("m2m-client-test-")
    secret = created.pop("client_secret")
    assert created["client_secret_last_four"] == secret[-4:]
    assert created["status"] == "active"
    one = f"{ROOT}/{created['client_id']}"
    assert api.ok("GET", one, environment=asking)["m2m_client"] == created
    assert api.ok("DELETE", one, environment=asking)["client_id"] == created["client_id"]
    assert api.refused("GET", one, environment=asking) == (404, "m2m_client_not_found")


def test_the_caller_may_choose_id_and_secret(api: Api) -> None:
    brought = made(api, client_id="legacy/payroll 1", client_secret=SECRET)
    assert (brought["client_id"], brought["client_secret"]) == ("legacy/payroll 1", SECRET)
    assert counts(api.app, "m2m_client", "legacy/payroll 1", SECRET)
    one = f"{ROOT}/legacy%2Fpayroll%201"
    assert api.ok("GET", one)["m2m_client"]["client_secret_last_four"] == SECRET[-4:]
    again = {"scopes": [], "client_id": "legacy/payroll 1"}
    assert api.refused("POST", ROOT, again) == (400, "duplicate_m2m_client_id")
    api.ok("DELETE", one)
    assert not counts(api.app, "m2m_client", "legacy/payroll 1", SECRET)
    made(api, client_id="legacy/payroll 1")


def test_an_id_of_another_environment_may_be_chosen_but_not_read(api: Api) -> None:
    id_ = "m2m-client-live-00000000-0000-4000-8000-000000000001"
    assert api.refused("GET", f"{ROOT}/{id_}") == (400, "live_id_used_in_test_environment")
    made(api, client_id=id_)
    assert api.ok("GET", f"{ROOT}/{id_}")["m2m_client"]["client_id"] == id_


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"scopes": "read"}, "invalid_m2m_client_scope"),
        ({"scopes": [""]}, "invalid_m2m_client_scope"),
        ({"scopes": ["read users"]}, "invalid_m2m_client_scope"),
        ({"scopes": [], "client_id": 7}, "m2m_client_invalid_client_id"),
        ({"scopes": [], "client_id": " "}, "m2m_client_invalid_client_id"),
        ({"scopes": [], "client_name": []}, "m2m_client_invalid_client_name"),
        ({"scopes": [], "client_description": 1}, "m2m_client_invalid_client_description"),
        ({"scopes": [], "client_secret": 1}, "m2m_client_invalid_client_secret"),
        ({"scopes": [], "client_secret": "aB3$xY9"}, "insecure_m2m_client_secret"),
        ({"scopes": [], "client_secret": "aaaaaaaaaaaaaaaa"}, "insecure_m2m_client_secret"),
        ({"scopes": [], "client_secret": "password"}, "insecure_m2m_client_secret"),
        ({"scopes": [], "trusted_metadata": []}, "metadata_invalid_format"),
    ],
)
def test_what_a_create_refuses(api: Api, body: Any, error: str) -> None:
    assert api.refused("POST", ROOT, body) == (400, error)


def test_scopes_that_are_left_out_are_none(api: Api) -> None:
    assert api.ok("POST", ROOT, {})["m2m_client"]["scopes"] == []


def test_an_update_leaves_the_rest_alone(api: Api) -> None:
    id_ = made(api, scopes=["a", "b", "a"], trusted_metadata={"x": 1, "y": 1}, status="inactive")["client_id"]
    one = f"{ROOT}/{id_}"
    before = api.ok("GET", one)["m2m_client"]
    assert (before["status"], before["scopes"]) == ("active", ["a", "b"])
    change = {"status": "inactive", "trusted_metadata": {"x": None, "z": 2}, "client_id": "other", "client_secret": "x"}
    after = api.ok("PUT", one, change)["m2m_client"]
    assert after == {**before, "status": "inactive", "trusted_metadata": {"y": 1, "z": 2}}
    assert api.ok("PUT", one, {"scopes": ["c"], "client_name": ""})["m2m_client"]["scopes"] == ["c"]
    assert api.refused("PUT", one, {"status": "deleted"}) == (400, "m2m_client_invalid_status")


def test_the_environment_counts_active_clients(api: Api) -> None:
    metrics = "/pwa/v3/projects/b2b/environments/test/metrics"
    made(api, client_id="a")
    made(api, client_id="b")
    api.ok("PUT", f"{ROOT}/b", {"status": "inactive"})
    assert api.ok("GET", metrics)["metrics"]["m2m_client_count"] == 1
    api.ok("POST", f"{ROOT}/b/secrets/rotate/start")
    assert api.ok("GET", metrics)["metrics"]["m2m_client_count"] == 1


def test_metadata_may_be_replaced() -> None:
    with behaving(m2m_metadata="replaced") as api:
        one = f"{ROOT}/{made(api, trusted_metadata={'x': 1})['client_id']}"
        assert api.ok("PUT", one, {"client_name": "n"})["m2m_client"]["trusted_metadata"] == {"x": 1}
        assert api.ok("PUT", one, {"trusted_metadata": {"y": 2}})["m2m_client"]["trusted_metadata"] == {"y": 2}


def test_a_rotation(api: Api) -> None:
    first = made(api)
    id_, one = first["client_id"], f"{ROOT}/{first['client_id']}/secrets/rotate"
    assert api.refused("POST", one) == (400, "m2m_client_not_rotating_secret")
    assert api.refused("POST", f"{one}/cancel") == (400, "m2m_client_not_rotating_secret")
    started = api.ok("POST", f"{one}/start")["m2m_client"]
    assert started["next_client_secret_last_four"] == started["next_client_secret"][-4:]
    assert "client_secret" not in started
    assert api.refused("POST", f"{one}/start") == (400, "m2m_client_already_rotating_secret")
    values = (first["client_secret"], started["next_client_secret"])
    assert [counts(api.app, "m2m_client", id_, value) for value in values] == [True, True]
    assert "next_client_secret_last_four" not in api.ok("POST", f"{one}/cancel")["m2m_client"]
    assert [counts(api.app, "m2m_client", id_, value) for value in values] == [True, False]
    following = api.ok("POST", f"{one}/start")["m2m_client"]["next_client_secret"]
    rotated = api.ok("POST", one)["m2m_client"]
    assert rotated["client_secret_last_four"] == following[-4:]
    assert [counts(api.app, "m2m_client", id_, value) for value in (*values, following)] == [False, False, True]


def test_search(api: Api) -> None:
    for name in ("a", "b", "c"):
        made(api, client_id=name, client_name=f"Client {name}", scopes=[f"read:{name}", "all"])

    def found(*operands: tuple[str, Any], operator: str = "AND") -> list[str]:
        query = {"operator": operator, "operands": [{"filter_name": n, "filter_value": v} for n, v in operands]}
        return [each["client_id"] for each in api.ok("POST", f"{ROOT}/search", {"query": query})["m2m_clients"]]

    assert found() == ["a", "b", "c"]
    assert found(("client_id", ["a", "c", "?"])) == ["a", "c"]
    assert found(("client_name", ["Client b"]), ("scopes", ["all"])) == ["b"]
    assert found(("client_name", ["Client b"]), ("scopes", ["read:c"]), operator="OR") == ["b", "c"]
    page = api.ok("POST", f"{ROOT}/search", {"limit": 2})
    assert page["results_metadata"]["total"] == 3
    following = api.ok("POST", f"{ROOT}/search", {"limit": 2, "cursor": page["results_metadata"]["next_cursor"]})
    assert [each["client_id"] for each in following["m2m_clients"]] == ["c"]
    assert following["results_metadata"]["next_cursor"] is None


@pytest.mark.parametrize(
    ("operand", "error"),
    [
        ({"filter_name": "status", "filter_value": ["active"]}, "m2m_search_filter_name_not_recognized"),
        ({"filter_name": 1, "filter_value": []}, "m2m_search_filter_name_must_be_string"),
        ({"filter_value": []}, "m2m_search_missing_filter_name"),
        ({"filter_name": "scopes"}, "m2m_search_missing_filter_value"),
        ({"filter_name": "scopes", "filter_value": "all"}, "m2m_search_expected_array_of_strings"),
    ],
)
def test_what_a_search_refuses(api: Api, operand: Any, error: str) -> None:
    body = {"query": {"operator": "AND", "operands": [operand]}}
    assert api.refused("POST", f"{ROOT}/search", body) == (400, error)


def test_there_may_be_too_many() -> None:
    with behaving(most_of_each=1) as api:
        assert api.refused("POST", ROOT, {"scopes": ["a", "b"]}) == (400, "too_many_m2m_client_scopes")
        made(api)
        assert api.refused("POST", ROOT, {"scopes": []}) == (400, "too_many_m2m_clients_for_billing_tier")
