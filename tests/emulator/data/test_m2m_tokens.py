"""Access tokens of M2M clients, and the public key that verifies them."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from reconciler.emulator.core.exchange import Request
from reconciler.emulator.core.workspace import Vertical
from tests.emulator.conftest import Api

ROOT = "/v1/m2m/clients"
GRANT = {"grant_type": "client_credentials"}
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def made(api: Api, *scopes: str) -> dict[str, str]:
    client = api.ok("POST", ROOT, {"scopes": list(scopes)})["m2m_client"]
    return {name: client[name] for name in ("client_id", "client_secret")}


def public(api: Api, method: str, path: str, body: bytes = b"", headers: Any = None) -> tuple[int, Any]:
    answer = api.app.respond(Request(method, path, {}, headers or {}, body))
    return answer.status, json.loads(answer.body)


def token(api: Api, body: Any, headers: Any = None) -> tuple[int, Any]:
    path = f"/v1/public/{api.app.workspace.environment('B2B').project_id}/oauth2/token"
    return public(api, "POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)


def keys(api: Api, project_id: str, path: str = "/v1/b2b/sessions/jwks") -> list[Any]:
    status, answer = public(api, "GET", f"{path}/{project_id}")
    assert status == 200
    return list(answer["keys"])


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check(told: str, key: Any) -> None:
    """Raises where the token is not signed with this key."""
    signed, _, signature = told.rpartition(".")
    e, n = (int.from_bytes(decoded(key[name])) for name in ("e", "n"))
    RSAPublicNumbers(e, n).public_key().verify(decoded(signature), signed.encode(), PKCS1v15(), SHA256())


def test_a_token_is_signed_with_the_key_that_everybody_may_read(api: Api) -> None:
    client = made(api, "read:users", "write:users")
    project_id = api.app.workspace.environment("B2B").project_id
    status, answer = token(api, client | GRANT)
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "bearer", 3600)
    key = keys(api, project_id)[0]
    check(answer["access_token"], key)
    head, claims, _ = (decoded(part) for part in answer["access_token"].split("."))
    assert json.loads(head) == {"alg": "RS256", "typ": "JWT", "kid": key["kid"]}
    assert json.loads(claims) == {
        "sub": client["client_id"],
        "iss": f"stytch.com/{project_id}",
        "aud": [project_id],
        "scope": "read:users write:users",
        "iat": 1_700_000_000,
        "nbf": 1_700_000_000,
        "exp": 1_700_003_600,
    }
    other = api.app.workspace.environment("CONSUMER").project_id
    with pytest.raises(InvalidSignature):
        check(answer["access_token"], keys(api, other, "/v1/sessions/jwks")[0])
    assert keys(api, project_id) == [key]


def test_the_client_may_say_who_it_is_in_any_way(api: Api) -> None:
    client = made(api, "read", "write")
    basic = {"authorization": api.basic(client["client_id"], client["client_secret"])}
    others = {"authorization": api.basic("project", "secret")}
    for body, headers in (
        (urlencode(client | GRANT).encode(), FORM),
        (urlencode(GRANT).encode(), FORM | basic),
        (GRANT, basic),
        (client | GRANT, others),
    ):
        assert token(api, body, headers)[0] == 200


def test_only_the_scopes_that_are_asked_for(api: Api) -> None:
    client = made(api, "read", "write")
    for asked, granted in (("write", "write"), ("write read", "write read"), ("", "read write")):
        answer = token(api, client | GRANT | {"scope": asked})[1]
        assert json.loads(decoded(answer["access_token"].split(".")[1]))["scope"] == granted


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": ["x"]}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"scope": "read admin"}, 400, "invalid_scope"),
        ({"scope": ["read"]}, 400, "invalid_scope"),
    ],
)
def test_refusals_have_the_form_of_oauth(api: Api, change: Any, status: int, error: str) -> None:
    answer = token(api, made(api, "read") | GRANT | change)
    assert (answer[0], answer[1]["error"]) == (status, error)
    assert set(answer[1]) == {"error", "error_description", "error_uri", "status_code", "request_id"}


def test_an_inactive_client_and_a_former_secret_get_no_token(api: Api) -> None:
    client = made(api)
    one = f"{ROOT}/{client['client_id']}"
    following = api.ok("POST", f"{one}/secrets/rotate/start")["m2m_client"]["next_client_secret"]
    assert token(api, client | GRANT)[0] == token(api, client | GRANT | {"client_secret": following})[0] == 200
    api.ok("POST", f"{one}/secrets/rotate")
    assert token(api, client | GRANT)[0] == 401
    api.ok("PUT", one, {"status": "inactive"})
    assert token(api, client | GRANT | {"client_secret": following})[0] == 401


@pytest.mark.parametrize(
    ("vertical", "path", "error"),
    [
        ("B2B", "/v1/sessions/jwks", "invalid_consumer_endpoint"),
        ("CONSUMER", "/v1/b2b/sessions/jwks", "invalid_b2b_endpoint"),
    ],
)
def test_the_keys_of_another_vertical_and_of_no_project(api: Api, vertical: Vertical, path: str, error: str) -> None:
    status, answer = public(api, "GET", f"{path}/{api.app.workspace.environment(vertical).project_id}")
    assert (status, answer["error_type"]) == (400, error)
    status, answer = public(api, "GET", f"{path}/nowhere")
    assert (status, answer["error_type"]) == (404, "project_not_found")


def test_a_token_of_no_project(api: Api) -> None:
    status, answer = public(api, "POST", "/v1/public/nowhere/oauth2/token", b"{}")
    assert (status, answer["error"]) == (404, "project_not_found")
