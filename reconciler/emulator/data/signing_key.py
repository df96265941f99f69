"""The key with which an environment signs tokens: created on first use, published as a JWKS [1.1]."""

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from reconciler.emulator.core.call import Answer, Call

if TYPE_CHECKING:  # It is slow to load, and few requests need it.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KIND: Final = "jwk"
ALGORITHM: Final = "RS256"
BITS: Final = 2048
EXPONENT: Final = 65537


def published(call: Call) -> Answer:
    """``GET /v1/b2b/sessions/jwks/{project_id}`` and ``GET /v1/sessions/jwks/{project_id}``: without credentials."""
    id_, key = _key(call)
    numbers = key.public_key().public_numbers()
    shown = {
        "kty": "RSA",
        "use": "sig",
        "key_ops": ["verify"],
        "alg": ALGORITHM,
        "kid": id_,
        "x5c": [],
        "x5tS256": "",
        "n": _encoded(numbers.n.to_bytes(BITS // 8, "big")),
        "e": _encoded(numbers.e.to_bytes(3, "big")),
    }
    return {"keys": [shown]}


def signed(call: Call, claims: dict[str, Any]) -> str:
    """Return a JWT with these claims."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    id_, key = _key(call)
    head = {"alg": ALGORITHM, "kid": id_, "typ": "JWT"}
    told = ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
    return f"{told}.{_encoded(key.sign(told.encode(), PKCS1v15(), SHA256()))}"


def _key(call: Call) -> "tuple[str, RSAPrivateKey]":
    """Return the environment's key, and its id."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    kept = call.document(KIND)
    if kept is None:
        made = rsa.generate_private_key(EXPONENT, BITS)
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        kept = {"kid": call.new_id(KIND), "pem": pem}
        call.keep_document(KIND, kept)
    key = load_pem_private_key(kept["pem"].encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 # the key above was created as an RSA key
    return kept["kid"], key


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
