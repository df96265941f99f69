"""Create projects and environments: for the API, for tests, and for the initial workspace [2.1, 2.2]."""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any, Final

from reconciler.emulator.core import keys
from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import new_id
from reconciler.emulator.core.store import Fields, Store
from reconciler.emulator.core.workspace import Environment, Project, Type, Vertical, Workspace
from reconciler.emulator.management import redirect_urls

DEFAULTS: Final[Mapping[str, Any]] = {
    "cross_org_passwords_enabled": False,
    "user_impersonation_enabled": False,
    "zero_downtime_session_migration_url": "",
    "use_custom_domain_in_magic_link_emails": False,
    "user_lock_self_serve_enabled": False,
    "user_lock_threshold": 10,
    "user_lock_ttl": 3600,
    "idp_authorization_url": "",
    "idp_dynamic_client_registration_enabled": False,
    "idp_dynamic_client_registration_access_token_template_content": "",
}
FIRST: Final[tuple[tuple[Vertical, str, str], ...]] = (("CONSUMER", "consumer", "Consumer"), ("B2B", "b2b", "B2B"))
TYPES: Final[tuple[tuple[Type, str, str], ...]] = (("live", "production", "Production"), ("test", "test", "Test"))


def open_workspace(store: Store, behaviour: Behaviour, now: str) -> Workspace:
    """Return the store's workspace. A new one has a Consumer and a B2B project, each with a live and a test one."""
    kept: Fields = store.setting("workspace") or {
        "key_id": f"workspace-key-prod-{uuid.uuid4()}",
        "key_secret": secrets.token_urlsafe(32),
        "environments": [],
    }
    workspace = Workspace(store, kept["key_id"], kept["key_secret"])
    if "environments" in kept:  # The database is new, or from a version in which a workspace could not change.
        before = {
            (environment["vertical"], environment["type"]): {
                "secret": environment["secret"],
                "project_id": environment["project_id"],
            }
            for environment in kept["environments"]
        }
        for vertical, slug, name in FIRST:
            project = make_project(workspace, vertical, slug, name, now)
            for type_, environment_slug, environment_name in TYPES:
                known = before.get((vertical, type_)) or {"secret": keys.new_secret(type_), "project_id": ""}
                stated = {"environment_slug": environment_slug, "name": environment_name}
                make_environment(workspace, project, type_, stated, behaviour, now, **known)
        store.set("workspace", {"key_id": workspace.key_id, "key_secret": workspace.key_secret})
    store.commit()
    return workspace


def make_project(workspace: Workspace, vertical: Vertical, slug: str, name: str, now: str) -> Project:
    """Create a project without environments."""
    return workspace.keep_project({"project_slug": slug, "name": name, "vertical": vertical, "created_at": now})


def make_environment(
    workspace: Workspace,
    project: Project,
    type_: Type,
    stated: Fields,
    behaviour: Behaviour,
    now: str,
    *,
    secret: str = "",
    project_id: str = "",
) -> Environment:
    """Create an environment with its initial content. ``stated`` overrides the defaults.

    Only the emulator itself passes ``secret``, with which clients authenticate, and ``project_id``.
    """
    shown = {
        "project_id": project_id or new_id("project", type_),
        "project_slug": project.slug,
        "oauth_callback_id": new_id("oauth-callback", type_),
        **DEFAULTS,
        **stated,
        "type": type_.upper(),
        "created_at": now,
    }
    environment = workspace.keep_environment(project, shown, secret)
    if secret:
        keys.add_secret(workspace.store, environment, secret, now)
    keys.add_public_token(workspace.store, environment, now)
    if type_ == "test" and behaviour.new_redirect_url:
        redirect_urls.begin(workspace.store, environment)
    return environment
