"""Access tokens of M2M clients, and the key that signs them: made on first use, published as a JWKS [1.1, 2.16]."""

from typing import TYPE_CHECKING, Final

from reconciler.emulator.core import shown_once
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Row
from reconciler.emulator.data.m2m_clients import KIND

if TYPE_CHECKING:  # It is slow to load, as is jwt, and few requests need it.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


GRANT: Final = "client_credentials"
VALID: Final = 3600
"""The lifetime of a token, in seconds."""
DOCUMENT: Final = "jwk"
ALGORITHM: Final = "RS256"
BITS: Final = 2048
EXPONENT: Final = 65537


def issue(call: Call) -> Answer:
    """``POST …/oauth2/token``: with the errors of RFC 6749. Which of them Stytch answers is unknown."""
    import jwt

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
    id_, key = _key(call)
    token = jwt.encode(claims, key, ALGORITHM, headers={"kid": id_})
    return {"access_token": token, "token_type": "bearer", "expires_in": VALID}


def keys(call: Call) -> Answer:
    """``GET /v1/b2b/sessions/jwks/{project_id}`` and ``GET /v1/sessions/jwks/{project_id}``: without credentials."""
    from jwt.algorithms import RSAAlgorithm

    id_, key = _key(call)
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    shown = {"kty": public["kty"], "use": "sig", "key_ops": public["key_ops"], "alg": ALGORITHM, "kid": id_}
    return {"keys": [{**shown, "x5c": [], "x5tS256": "", "n": public["n"], "e": public["e"]}]}


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


def _key(call: Call) -> "tuple[str, RSAPrivateKey]":
    """Return the environment's key, and its id."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    kept = call.document(DOCUMENT)
    if kept is None:
        made = rsa.generate_private_key(EXPONENT, BITS)
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        kept = {"kid": call.new_id(DOCUMENT), "pem": pem}
        call.keep_document(DOCUMENT, kept)
    key = load_pem_private_key(kept["pem"].encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 # the key above was created as an RSA key
    return kept["kid"], key
