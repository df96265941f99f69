"""Redirect URLs: which are valid, the effects of POST and PUT, and which URL becomes the default."""

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.server.app import App
from tests.emulator.conftest import Api

LIVE, TEST = (f"/pwa/v3/projects/b2b/environments/{slug}/redirect_urls" for slug in ("production", "test"))
LOCAL = "http://localhost:3000/authenticate"
ONE, TWO = "https://acme.com/one", "https://acme.com/two"
STAYS = {"do_not_promote_defaults": True}


@pytest.fixture
def bare() -> Iterator[Api]:
    """An emulator whose environments begin without a redirect URL."""
    app = App(behaviour=Behaviour(new_redirect_url=False))
    yield Api(app)
    app.close()


def types(**defaults: bool) -> list[dict[str, Any]]:
    return [{"type": name, "is_default": default} for name, default in defaults.items()]


def post(api: Api, url: str, path: str = TEST, more: Any = None, **defaults: bool) -> Any:
    body = {"url": url, "valid_types": types(**defaults), **(more or {})}
    return api.ok("POST", path, body)["redirect_url"]["valid_types"]


def everything(api: Api) -> dict[str, dict[str, bool]]:
    found = api.ok("GET", f"{TEST}/all")["redirect_urls"]
    return {url["url"]: {each["type"]: each["is_default"] for each in url["valid_types"]} for url in found}


def test_a_new_test_environment_sends_people_to_the_developers_machine(api: Api) -> None:
    names = ("LOGIN", "INVITE", "SIGNUP", "RESET_PASSWORD", "DISCOVERY")
    assert everything(api) == {LOCAL: dict.fromkeys(names, True)}
    assert api.ok("GET", f"{LIVE}/all")["redirect_urls"] == []
    consumer = api.ok("GET", "/pwa/v3/projects/consumer/environments/test/redirect_urls/all")["redirect_urls"]
    assert [each["type"] for each in consumer[0]["valid_types"]] == list(names[:-1])


def test_a_post_adds_types_and_a_put_replaces_them(bare: Api) -> None:
    post(bare, ONE, LOGIN=True)
    assert post(bare, ONE, SIGNUP=True) == types(LOGIN=True, SIGNUP=True)
    body = {"valid_types": types(INVITE=True)}
    assert bare.ok("PUT", TEST, body, query={"url": ONE})["redirect_url"] == {"url": ONE, **body}
    assert bare.ok("GET", TEST, query={"url": ONE})["redirect_url"] == {"url": ONE, **body}
    bare.ok("DELETE", TEST, query={"url": ONE})
    assert everything(bare) == {}


def test_a_url_is_its_exact_text(bare: Api) -> None:
    urls = [ONE, f"{ONE}/", f"{ONE}?next={{}}", f"{ONE}?next=%7B%7D", "HTTPS://acme.com/one"]
    for url in urls:
        post(bare, url, more=STAYS, LOGIN=False)
    assert list(everything(bare)) == urls
    assert bare.refused("GET", TEST, query={"url": f"{ONE}?next="}) == (404, "redirect_url_not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_is_not_there(api: Api, method: str) -> None:
    body = {"valid_types": types(LOGIN=True)} if method == "PUT" else None
    for query in ({"url": ONE}, {}):
        assert api.refused(method, TEST, body, query=query) == (404, "redirect_url_not_found")


def test_another_default_takes_the_place_of_the_former(bare: Api) -> None:
    post(bare, ONE, LOGIN=True, SIGNUP=True)
    post(bare, TWO, more=STAYS, LOGIN=True)
    assert everything(bare) == {ONE: {"LOGIN": False, "SIGNUP": True}, TWO: {"LOGIN": True}}


def test_whatever_has_no_default_gets_one(bare: Api) -> None:
    post(bare, f"{ONE}?to={{}}", LOGIN=False)
    post(bare, "https://*.acme.com/", LOGIN=False)
    assert post(bare, ONE, LOGIN=False) == types(LOGIN=True)
    post(bare, TWO, LOGIN=False)
    bare.ok("PUT", TEST, {"valid_types": types(SIGNUP=False)}, query={"url": ONE})
    assert everything(bare)[TWO] == {"LOGIN": True}
    assert everything(bare)[ONE] == {"SIGNUP": True}
    post(bare, ONE, LOGIN=False)
    bare.ok("DELETE", TEST, query={"url": TWO})
    assert everything(bare)[ONE] == {"SIGNUP": True, "LOGIN": True}


@pytest.mark.parametrize("said", ["true", "True"])
def test_nothing_is_promoted_where_the_request_says_so(bare: Api, said: str) -> None:
    post(bare, ONE, more=STAYS, LOGIN=False)
    assert everything(bare) == {ONE: {"LOGIN": False}}
    post(bare, TWO, more=STAYS, LOGIN=True)
    bare.ok("PUT", TEST, {"valid_types": types(LOGIN=False), **STAYS}, query={"url": TWO})
    assert everything(bare)[TWO] == {"LOGIN": False}
    bare.ok("DELETE", TEST, query={"url": TWO, "do_not_promote_defaults": said})
    assert everything(bare) == {ONE: {"LOGIN": False}}
    post(bare, TWO, LOGIN=True)
    bare.ok("DELETE", TEST, query={"url": TWO, "do_not_promote_defaults": "false"})
    assert everything(bare) == {ONE: {"LOGIN": True}}


@pytest.mark.parametrize(
    ("path", "url", "error"),
    [
        (LIVE, "http://acme.com/", "redirect_url_must_use_https"),
        (LIVE, LOCAL, "redirect_url_must_use_https"),
        (LIVE, "https://*.acme.com/", "no_wildcards_in_live_redirect_url"),
        (LIVE, "javascript:alert(1)", "redirect_url_cannot_use_protocol"),
        (TEST, "data:text/html,x", "redirect_url_cannot_use_protocol"),
        (TEST, "acme.com", "invalid_url"),
        (TEST, "https://", "invalid_url"),
        (TEST, "https://[", "invalid_url"),
        (TEST, "", "invalid_url"),
        (TEST, "https://*.acme.com/", "redirect_url_with_wildcard_cannot_be_default"),
        (TEST, f"{ONE}?to={{}}", "redirect_url_with_query_param_placeholder_cannot_be_default"),
    ],
)
def test_urls_that_cannot_be(api: Api, path: str, url: str, error: str) -> None:
    assert api.refused("POST", path, {"url": url, "valid_types": types(LOGIN=True)}) == (400, error)


def test_urls_that_can_be(api: Api) -> None:
    for path, url in ((LIVE, ONE), (LIVE, "com.acme.app://callback"), (TEST, "http://acme.com"), (TEST, "myapp://x")):
        post(api, url, path, LOGIN=True)


@pytest.mark.parametrize(
    ("valid_types", "error"),
    [
        ([], "invalid_argument"),
        (None, "invalid_argument"),
        (["LOGIN"], "invalid_argument"),
        ([{"is_default": True}], "invalid_redirect_url_type"),
        ([{"type": "LOGOUT", "is_default": True}], "invalid_redirect_url_type"),
        ([{"type": "LOGIN", "is_default": "yes"}], "invalid_argument"),
    ],
)
def test_types_that_cannot_be(api: Api, valid_types: Any, error: str) -> None:
    assert api.refused("POST", TEST, {"url": ONE, "valid_types": valid_types}) == (400, error)
    assert api.refused("PUT", TEST, {"valid_types": valid_types}, query={"url": LOCAL}) == (400, error)


def test_discovery_is_for_organizations(api: Api) -> None:
    path = "/pwa/v3/projects/consumer/environments/test/redirect_urls"
    body = {"url": ONE, "valid_types": types(DISCOVERY=True)}
    assert api.refused("POST", path, body) == (400, "invalid_redirect_url_type")


def test_there_are_a_hundred_at_most(bare: Api) -> None:
    for number in range(100):
        post(bare, f"{ONE}{number}", LOGIN=True)
    body = {"url": ONE, "valid_types": types(LOGIN=True)}
    assert bare.refused("POST", TEST, body) == (400, "too_many_redirect_urls")
    post(bare, f"{ONE}7", SIGNUP=True)


@pytest.mark.parametrize("local", [LOCAL, "http://127.0.0.1:8000/", "http://localhost/"])
def test_the_users_own_machine_may_do_without_https(local: str) -> None:
    app = App(behaviour=Behaviour(live_http_localhost=True, set_order="reversed"))
    assert post(Api(app), local, LIVE, LOGIN=True, SIGNUP=True) == types(SIGNUP=True, LOGIN=True)
    body = {"url": "http://localhost.acme.com/", "valid_types": types(LOGIN=True)}
    assert Api(app).refused("POST", LIVE, body) == (400, "redirect_url_must_use_https")
    app.close()
