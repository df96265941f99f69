"""What Stytch shows once goes to the environment's credential store, and appears nowhere else (docs/credentials.md).

``open_store`` is the way in.
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
