"""The credential store of an environment: keeps what Stytch shows only once (docs/credentials.md).

Start with ``open_store``.
"""

from reconciler.credential_store.sealed import Revealed, Sealed, generate
from reconciler.credential_store.settings import CredentialSettings, contradiction
from reconciler.credential_store.store import LASTING, CredentialStore, open_store

__all__ = [
    "LASTING",
    "CredentialSettings",
    "CredentialStore",
    "Revealed",
    "Sealed",
    "contradiction",
    "generate",
    "open_store",
]
