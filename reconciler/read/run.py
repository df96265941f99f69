"""What is the same from the first read of a run to its last write."""

import os

from msgspec import Struct

from reconciler.clients.b2b import Client
from reconciler.config.read import Config
from reconciler.credentials.store import CredentialStore, open_store
from reconciler.expressions.redaction import Redaction
from reconciler.history.look import History


class Run(Struct, frozen=True):
    """One environment of one repository, the client that reaches it, and the store that keeps its credentials.

    ``made`` are the slugs of the environments that this run has made since it planned for the first time: while nobody
    else has made a live one, nothing of the project is live yet. With a ``redaction`` everything that is read is
    without people, and so is what is declared. ``history`` is what git says, if anybody asked it.
    """

    config: Config
    client: Client
    store: CredentialStore
    made: frozenset[str] = frozenset()
    redaction: Redaction | None = None
    history: History = History()


def open_run(config: Config, client: Client, history: History | None = None) -> Run:
    """Return a run with the environment's own credential store."""
    return Run(config, client, store_of(config), history=history or History())


def store_of(config: Config) -> CredentialStore:
    """Open the environment's credential store."""
    return open_store(config.credentials, config.root, config.environment, os.environ)
