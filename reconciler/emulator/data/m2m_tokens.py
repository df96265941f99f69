"""``/v1/public/{project_id}/oauth2/token``: access tokens of M2M clients [1.1, 2.16]."""

from typing import Final

from reconciler.emulator.core import shown_once
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Row
from reconciler.emulator.data import signing_key
from reconciler.emulator.data.m2m_clients import KIND

GRANT: Final = "client_credentials"
VALID: Final = 3600
"""The lifetime of a token, in seconds."""


def issue(call: Call) -> Answer:
    """``POST …/oauth2/token``: with the errors of RFC 6749. Which of them Stytch answers is unknown."""
    grant = call.body.get("grant_type")
    if grant != GRANT:
        message = f"grant_type must be {GRANT}."
        raise Refusal("unsupported_grant_type" if grant else "invalid_request", message)
    client = _client(call)
    project_id, now = call.environment.project_id, int(call.clock())
    claims = {
        "sub": client.id,
        "iss": f"stytch.com/{project_id}",
        "aud": [project_id],
        "scope": " ".join(_scopes(call, client)),
        "iat": now,
        "nbf": now,
        "exp": now + VALID,
    }
    return {"access_token": signing_key.signed(call, claims), "token_type": "bearer", "expires_in": VALID}


def _client(call: Call) -> Row:
    id_, secret = call.body.get("client_id"), call.body.get("client_secret")
    if isinstance(id_, str) and isinstance(secret, str):
        row = call.store.get(call.collection(KIND), id_)
        if row and row.fields["status"] == "active" and shown_once.counts(call, KIND, id_, secret):
            return row
    raise Refusal("invalid_client", "There is no active M2M client with this client_id and client_secret.")


def _scopes(call: Call, client: Row) -> list[str]:
    """Return the requested scopes, or all scopes of the client."""
    asked = call.body.get("scope")
    had: list[str] = client.fields["scopes"]
    if asked in (None, ""):
        return had
    if not isinstance(asked, str) or not set(asked.split()) <= set(had):
        raise Refusal("invalid_scope", "The M2M client does not have every scope that is asked for.")
    return list(dict.fromkeys(asked.split()))
