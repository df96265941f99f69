"""How an environment's secrets and public tokens are stored and checked [2.3, 2.4]."""

import secrets
from hashlib import sha256

from reconciler.emulator.core.exchange import new_id
from reconciler.emulator.core.store import Fields, Row, Store
from reconciler.emulator.core.workspace import Environment, Project, Workspace


def new_secret(environment_type: str) -> str:
    """Return a new value."""
    return f"secret-{environment_type}-{secrets.token_urlsafe(32)}"


def add_secret(store: Store, environment: Environment, value: str, now: str) -> Row:
    """Store a secret. Only a digest of ``value`` is kept."""
    fields: Fields = {"secret_id": new_id("secret", environment.type), "last_four": value[-4:], "created_at": now}
    row = Row(fields["secret_id"], fields, (_name(value),))
    return store.put(store.collection(environment.project_id, "secret"), row)


def admits(store: Store, environment: Environment, value: str, now: str) -> bool:
    """Return whether ``value`` is one of the environment's secrets. If so, its time of last use becomes ``now``."""
    rows = store.named(store.collection(environment.project_id, "secret"), _name(value))
    for row in rows:
        if used_at(store, environment, row) != now:
            store.set(f"used {row.id} {environment.project_id}", now)
            store.commit()
    return bool(rows)


def remove_secret(workspace: Workspace, project: Project, environment: Environment, row: Row) -> None:
    """Delete a secret, so that it no longer works."""
    store = workspace.store
    if environment.secret and row in store.named(
        store.collection(environment.project_id, "secret"), _name(environment.secret)
    ):
        workspace.keep_environment(project, workspace.shown(environment), "", environment.number)
    store.remove(row)


def used_at(store: Store, environment: Environment, row: Row) -> str | None:
    """Return the time of a secret's last use, or None."""
    last_use: str | None = store.setting(f"used {row.id} {environment.project_id}")
    return last_use


def add_public_token(store: Store, environment: Environment, now: str) -> Row:
    """Create a public token."""
    fields: Fields = {"public_token": new_id("public-token", environment.type), "created_at": now}
    row = Row(fields["public_token"], fields)
    return store.put(store.collection(environment.project_id, "public_token"), row)


def _name(value: str) -> str:
    return f"secret:{sha256(value.encode()).hexdigest()}"
