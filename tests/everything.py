"""Everything that an emulated Stytch holds, and what a change may touch of it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.emulator.server.app import App
from reconciler.model import Change, Delete, Update

Fields = dict[str, Any]
Everything = dict[tuple[str, str, str], Any]
"""By owner (an environment's ``project_id``, or a project), sort and id; what has no id has ``""``."""

# Where the emulator keeps what has no id of its own.
DOCUMENTS: Final = {
    "JWTTemplate": "jwt_template {name}",
    "CountryCodeAllowlist": "allowed_country_codes {name}",
    "RBACPolicy": "rbac_policy",
    "PasswordStrengthConfig": "password_strength_config",
    "SDKConfig": "sdk_config",
    "EventLogStreaming": "event_log_streaming",
    "DefaultEmailTemplate": "default_email_templates",
    "VerdictReasonOverride": "verdict_reason_overrides",
}
CREDENTIALS: Final = ("client_secret", "bearer_token")
SHOWN_OF_ONE: Final = ("last_four", "expires_at")
METADATA: Final = ("trusted_metadata", "untrusted_metadata")
ROWS: Final = "SELECT project_id, kind, id, text FROM object JOIN collection ON collection = collection.number"


def everything(app: App) -> Everything:
    """All of it, but for when a secret was used last."""
    with app.lock:
        rows = app.store.connection.execute(ROWS).fetchall()
        settings = app.store.connection.execute("SELECT name, value FROM setting").fetchall()
    found: Everything = {(owner, sort, id_): json.loads(text) for owner, sort, id_, text in rows}
    return found | {("", name, ""): json.loads(text) for name, text in settings if not name.startswith("used ")}


def concerns(change: Change, key: tuple[str, str, str], fields: Any) -> bool:
    """Whether ``change`` is about this."""
    _, sort, id_ = key
    if change.kind == "Environment" and sort == "environment":
        return bool(fields["shown"]["environment_slug"] == change.name)
    if not id_ and change.kind in DOCUMENTS:
        return sort.startswith(f"{DOCUMENTS[change.kind].format(name=change.name)} ")
    if sort == "fraud_rule":
        return id_.replace(" ", "/", 1) == change.name
    owner = id_.partition(" ")[2] if sort.endswith("_secret") else id_
    return bool(id_) and owner == change.id


def went_along(change: Change, key: tuple[str, str, str], fields: Any, was: Mapping[Any, Any]) -> bool:
    """Whether this goes when that thing is deleted, because it lies in it; a next secret goes when it is the secret."""
    if key[1].endswith("_secret") and key[2] == f"next {change.id}":
        return any(field.path[0] in CREDENTIALS for field in change.fields)
    if not isinstance(change, Delete):
        return False
    if change.kind == "Environment":
        owners = {k[2] for k, each in was.items() if k[1] == "environment" and concerns(change, k, each)}
        return key[0] in owners or any(key[1].endswith(f" {owner}") for owner in owners)
    return change.kind == "Organization" and isinstance(fields, dict) and fields.get("organization_id") == change.id


def rest_of(thing: Any, change: Change, sort: str) -> Any:
    """A thing without what ``change`` says, and without what Stytch itself does along with it."""
    if not isinstance(thing, dict) or sort.endswith("_secret") or change.replaces:
        return None
    if change.kind == "DefaultEmailTemplate":  # all of them are kept together, by type
        return {key: value for key, value in thing.items() if key != change.name}
    paths: set[tuple[str, ...]] = {("status",)}
    if isinstance(change, Update):
        paths = {field.path for field in change.fields}
        shown = {path for path in paths if path[0] in CREDENTIALS}
        paths |= {(f"{begin}{name}_{end}",) for (name,) in shown for begin in ("", "next_") for end in SHOWN_OF_ONE}
    if sort not in ("organization", "member"):
        return _without(thing.get("shown", thing), paths)
    drop = {path[0] for path in paths if len(path) == 1} | {"updated_at"}
    if ("email_address",) in paths:
        drop |= {"email_address_verified", "retired_email_addresses", "member_password_id"}
    if ("roles",) in paths:
        drop |= {"is_admin"}
    rest = {key: value for key, value in thing.items() if key not in drop}
    for key in METADATA:
        mentioned = {path[1] for path in paths if path[0] == key and len(path) > 1} | {"reconciler"}
        rest[key] = {name: value for name, value in (rest.get(key) or {}).items() if name not in mentioned}
    return rest


def _without(thing: Fields, paths: set[tuple[str, ...]]) -> Fields:
    rest = {key: value for key, value in thing.items() if (key,) not in paths and key != "updated_at"}
    for name, inner in (path for path in paths if len(path) > 1):
        value = rest.get(name)
        if isinstance(value, dict):
            rest[name] = {key: each for key, each in value.items() if key != inner}
        elif isinstance(value, list):
            rest[name] = [each for each in value if not (isinstance(each, dict) and inner in each.values())]
    return rest
