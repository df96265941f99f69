"""Write objects directly to the store: fast, exactly as given, also fields that the API cannot set."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from reconciler.emulator.core.keys import new_secret
from reconciler.emulator.core.store import Fields, text
from reconciler.emulator.core.workspace import Environment, Project, Type, Vertical
from reconciler.emulator.data.member_fields import DEFAULTS as MEMBER
from reconciler.emulator.data.member_fields import keep as keep_member
from reconciler.emulator.data.member_fields import names as names_of_member
from reconciler.emulator.data.member_fields import with_roles
from reconciler.emulator.data.organization_settings import DEFAULTS as SETTINGS
from reconciler.emulator.data.organizations import COMPUTED
from reconciler.emulator.data.organizations import keep as keep_organization
from reconciler.emulator.data.users import DEFAULTS as USER
from reconciler.emulator.data.users import keep as keep_user
from reconciler.emulator.data.users import names as names_of_user
from reconciler.emulator.management.founding import make_environment, make_project
from reconciler.emulator.server.app import App

BATCH = 10_000


def place_project(app: App, slug: str, vertical: Vertical = "B2B") -> Project:
    """Create a project without environments."""
    with app.lock:
        project = make_project(app.workspace, vertical, slug, slug, app.call().now())
        app.store.commit()
    return project


def place_environment(app: App, project: Project, slug: str, type_: Type = "test", **fields: Any) -> Environment:
    """Create an environment of a project, with a ``secret`` for clients. ``fields`` are any that the API answers."""
    stated = {"environment_slug": slug, "name": slug, **fields}
    with app.lock:
        secret, now = new_secret(type_), app.call().now()
        environment = make_environment(app.workspace, project, type_, stated, app.behaviour, now, secret=secret)
        app.store.commit()
    return environment


def place_organization(app: App, fields: Mapping[str, Any], environment: Environment | None = None) -> Fields:
    """Store an organization: ``fields`` over the defaults. Replace the one with the same ``organization_id``."""
    call = app.call(environment or app.workspace.environment("B2B"))
    started = {
        "organization_id": call.new_id("organization"),
        "organization_name": fields.get("organization_slug", ""),
        **COMPUTED,
        **SETTINGS,
        "sso_jit_provisioning": "NOT_ALLOWED" if app.behaviour.sso_jit_default == "NOT_ALLOWED" else "ALL_ALLOWED",
        "email_invites": "ALL_ALLOWED",
        **dict.fromkeys(("created_at", "updated_at"), call.now()),
    }
    with app.lock:
        whole = {**started, **fields}
        row = app.store.get(call.collection("organization"), whole["organization_id"])
        kept = keep_organization(call, whole, row)
        app.store.commit()
    return kept.fields


def place_member(app: App, fields: Mapping[str, Any], environment: Environment | None = None) -> Fields:
    """Store a member: ``fields`` over the defaults. ``organization_id`` and ``email_address`` are required.

    ``roles`` are ids, which become direct assignments, or objects, which are kept unchanged. A member with the same
    ``member_id`` is replaced.
    """
    call = app.call(environment or app.workspace.environment("B2B"))
    now = call.now()
    with app.lock:
        organization = app.store.get(call.collection("organization"), fields["organization_id"])
        if organization is None:
            raise ValueError("the member's organization_id belongs to no organization")
        started = {
            "member_id": call.new_id("member"),
            "status": "active",
            **MEMBER,
            "created_at": now,
            "updated_at": now,
        }
        whole = {**started, **fields}
        if all(isinstance(role, str) for role in whole["roles"]):
            whole = with_roles({**whole, "roles": []}, whole["roles"], organization.fields)
        row = app.store.get(call.collection("member"), whole["member_id"])
        kept = keep_member(call, whole, row, organization)
        app.store.commit()
    return kept.fields


def place_user(app: App, fields: Mapping[str, Any], environment: Environment | None = None) -> Fields:
    """Store a Consumer user: ``fields`` over the defaults. Replace the one with the same ``user_id``."""
    call = app.call(environment or app.workspace.environment("CONSUMER"))
    with app.lock:
        whole = {"user_id": call.new_id("user"), "status": "active", **USER, "created_at": call.now()}
        whole |= fields
        row = app.store.get(call.collection("user"), whole["user_id"])
        kept = keep_user(call, whole, row)
        app.store.commit()
    return kept.fields


def organizations(app: App, environment: Environment | None = None) -> list[Fields]:
    """Return every organization, in the order of insertion."""
    return _all(app, environment or app.workspace.environment("B2B"), "organization")


def members(app: App, environment: Environment | None = None) -> list[Fields]:
    """Return every member, also deleted ones, by organization, in the order of insertion."""
    return _all(app, environment or app.workspace.environment("B2B"), "member")


def users(app: App, environment: Environment | None = None) -> list[Fields]:
    """Return every Consumer user, in the order of insertion."""
    return _all(app, environment or app.workspace.environment("CONSUMER"), "user")


def load_users(app: App, environment: Environment, rows: Iterable[Mapping[str, Any]]) -> int:
    """Add Consumer users in batches: each row over the defaults. Return their number.

    Raises:
        ValueError: where a user has no id, or the id of another user.
    """
    collection = app.store.collection(environment.project_id, "user")
    defaults = {"status": "active", **USER, "created_at": app.call(environment).now()}

    def prepared(fields: Mapping[str, Any]) -> tuple[int, str, str, str, list[str]]:
        if not (isinstance(fields, dict) and fields.get("user_id")):
            raise ValueError("a user has no user_id")
        whole = app.store.clean({**defaults, **{name: value for name, value in fields.items() if value is not None}})
        return 0, whole["user_id"], whole["status"], text(whole), list(names_of_user(whole))

    return _load(app, collection, rows, prepared)


def load_members(app: App, environment: Environment, rows: Iterable[Mapping[str, Any]]) -> int:
    """Add members in batches: as in ``place_member``, but ``member_id`` is required. Return their number."""
    collection = app.store.collection(environment.project_id, "member")
    organization_rows = app.store.children(app.store.collection(environment.project_id, "organization"))
    known = {row.id: row for row in organization_rows}
    now = app.call(environment).now()
    defaults = {"status": "active", **MEMBER, "created_at": now, "updated_at": now}

    def prepared(fields: Mapping[str, Any]) -> tuple[int, str, str, str, list[str]]:
        organization = known[fields["organization_id"]]
        whole = {**defaults, **fields}
        if all(isinstance(role, str) for role in whole["roles"]):
            whole = with_roles({**whole, "roles": []}, whole["roles"], organization.fields)
        whole = app.store.clean(whole)
        names = list(names_of_member(whole))
        return organization.number, whole["member_id"], whole["status"], text(whole), names

    return _load(app, collection, rows, prepared)


def _load(
    app: App,
    collection: int,
    rows: Iterable[Mapping[str, Any]],
    prepared: Callable[[Mapping[str, Any]], tuple[int, str, str, str, list[str]]],
) -> int:
    made = map(prepared, rows)
    count = 0
    with app.lock:
        while batch := list(islice(made, BATCH)):
            try:
                app.store.put_many(collection, batch)
            except sqlite3.IntegrityError:
                app.store.rollback()
                raise ValueError("two rows have the same id, or an id exists already") from None
            count += len(batch)
        app.index.refresh()
    return count


def _all(app: App, environment: Environment, kind: str) -> list[Fields]:
    collection = app.store.collection(environment.project_id, kind)
    sql = "SELECT text FROM object WHERE collection = ? ORDER BY parent, number"
    with app.lock:
        return [json.loads(body) for (body,) in app.store.connection.execute(sql, (collection,))]
