import base64
import json
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients.redact import LONGEST, PIECE, redacted, revealed_in
from reconciler.clients.responses import Answer, decoded, error_response
from reconciler.model.secret import Sealed
from tests.clients.test_retry import refused

PLAIN = string.ascii_letters + string.digits + "+/=-_:.@"
SECRET = "canary-3f9c: not to be/seen"
MEMBER = "member-test-4f1c2ad0-9f1e-4a5c-b6fd-2f6b1f1d8f3e"


def basic(user: str) -> str:
    return base64.b64encode(f"{user}:{SECRET}".encode()).decode()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("There is no thing.", "There is no thing."),
        (f"{SECRET} and {SECRET} again", "*** and *** again"),
        (f"cut short: {SECRET[:PIECE]}", ""),
        (f"in a URL: {quote(SECRET)}", ""),
        (f"in hexadecimal: {SECRET.encode().hex()}", ""),
        *((f"Basic {basic(user)}", "") for user in ("a", "ab", "abc")),
        ("from ann@acme.example", "from a***@acme.example#b759"),
        ("made secret-test-9ak3KQn0uZsd7PpWq2nGvA==.", "made ***."),
        (f"no {MEMBER}", f"no {MEMBER}"),
        ("\x1b[31mred\x07", " [31mred "),
    ],
)
def test_what_is_shown_of_a_sentence(said: str, shown: str) -> None:
    assert redacted(said, [SECRET, ""]) == shown


@given(st.text(PLAIN, min_size=PIECE), st.text(PLAIN), st.text(PLAIN))
def test_a_secret_is_never_shown(secret: str, before: str, after: str) -> None:
    shown = redacted(f"{before}{secret}{after}", [secret])
    assert secret not in shown.replace("***", "")
    assert len(shown) <= LONGEST
    assert not shown or shown.isprintable()


@pytest.mark.parametrize("name", ["error_message", "error_description"])
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_fault_never_holds_a_secret(name: str, status: int) -> None:
    answer = refused(status, "thing_not_found")
    body = {**json.loads(answer.body), "error_message": "", name: f"{SECRET} was sent"}
    answer = type(answer)(status, {}, json.dumps(body).encode())
    fault = error_response("things.get", answer, write=True, secrets=(SECRET,))
    assert str(fault) == f"things.get was answered {status} thing_not_found (*** was sent)"


def test_an_error_type_is_a_word_or_none() -> None:
    fault = error_response("things.get", refused(400, "it was canary 1234"), write=False)
    assert (fault.error_type, str(fault)) == ("", "things.get was answered 400")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"request-id-{MEMBER}", f"request-id-{MEMBER}"),
        ("ann@acme.example", ""),
        ("::error::x y", ""),
        ("\x1b[31m", ""),
        ("9ak3KQn0uZsd7PpWq2nGvA", ""),
        (SECRET[:PIECE].replace("-", "-"), ""),
        (SECRET.encode().hex(), ""),
        ("r" * 101, ""),
        (None, ""),
        ({"a": 1}, ""),
    ],
    ids=str,
)
def test_a_request_id_is_an_id_or_not_shown(said: object, shown: str) -> None:
    body = json.dumps({"request_id": said, "error_type": "thing_not_found"}).encode()
    assert (
        decoded("things.make", Answer(200, {}, body), json.loads, write=False, secrets=(SECRET,))["request_id"] == shown
    )
    refused_with = error_response("things.get", Answer(400, {}, body), write=True, secrets=(SECRET,))
    assert refused_with.request_id == shown


def test_how_a_secret_begins_is_no_secret() -> None:
    """An id that shares "-test-" and the two characters after it with a secret is shown all the same."""
    body = json.dumps({"request_id": "request-id-test-ab-12"}).encode()
    answer = Answer(200, {}, body)
    assert decoded("things.make", answer, json.loads, write=False, secrets=("secret-test-abcdefgh",))["request_id"]
    longer = Answer(200, {}, body.replace(b"ab-12", b"abcdefgh"))
    assert not decoded("things.make", longer, json.loads, write=False, secrets=("secret-test-abcdefgh",))["request_id"]


def test_secrets_are_found_in_what_is_sent() -> None:
    one, other = Sealed("one").reveal(), Sealed("other").reveal()
    body = {"name": "harmless", "config": {"keys": [one, {"password": other}]}, "none": None}
    assert list(revealed_in(body)) == ["one", "other"]
    assert repr(body) == "{'name': 'harmless', 'config': {'keys': ['***', {'password': '***'}]}, 'none': None}"
