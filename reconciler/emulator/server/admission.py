"""Check the credentials, the path and the body of a request, and drop fields that do not count [2, 7.19]."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from reconciler.emulator.core import keys
from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Refusal, Request
from reconciler.emulator.core.workspace import NO_PROJECT, NOWHERE, Environment, Project, Workspace
from reconciler.emulator.server.routes import Route, is_management, is_public, match

UPDATES = frozenset({"PUT", "PATCH"})
NAMES = frozenset({"name", "display_name", "client_name", "organization_name"})
NEEDED = frozenset({"org_policy"})
"""Fields that an update requires: the official SDK for Go sends a policy without roles as ``{}``."""

FORM = "application/x-www-form-urlencoded"
DEEPEST = 100
"""The deepest nesting of a body. Stytch's limit is unknown."""


def admitted(request: Request, workspace: Workspace, now: str) -> Environment:
    """Return the environment of the request: by its credentials, or by the path where the path is public.

    It is ``NOWHERE`` for the management API, which needs the workspace's key.

    Raises:
        Refusal: where the credentials are wrong.
    """
    if is_public(request.path):
        return _named(request, workspace)
    name, secret = _credentials(request)
    if is_management(request.path):
        if (name, secret) != (workspace.key_id, workspace.key_secret):
            raise _unauthorized()
        return NOWHERE
    environment = workspace.found(name)
    if environment is None or not keys.admits(workspace.store, environment, secret, now):
        raise _unauthorized()
    return environment


def concerned(workspace: Workspace, path: Mapping[str, str]) -> tuple[Project, Environment]:
    """Return the project and the environment in a path of the management API.

    Raises:
        Refusal: ``project_not_found``; the vendor lists no type for an environment [2.2].
    """
    if "project_slug" not in path:
        return NO_PROJECT, NOWHERE
    project = workspace.project(path["project_slug"])
    if project is None:
        raise Refusal("project_not_found", "The project could not be found.")
    if "environment_slug" not in path:
        return project, NOWHERE
    for environment in workspace.environments_of(project):
        if environment.slug == path["environment_slug"]:
            return project, environment
    raise Refusal("project_not_found", "The environment could not be found.")


def check_vertical(route: Route, environment: Environment) -> None:
    """Refuse an operation that this vertical does not have."""
    if route.vertical in (None, environment.vertical):
        return
    if route.vertical == "B2B":
        raise Refusal("invalid_b2b_endpoint", "A Consumer project cannot use a B2B endpoint.")
    raise Refusal("invalid_consumer_endpoint", "A B2B project cannot use a Consumer endpoint.")


def body(request: Request) -> dict[str, Any]:
    """Return the request's JSON object; {} for an empty body, and for any body of a GET.

    The official SDK for Rust sends ``null`` with a GET [6].
    """
    if not request.body or request.method == "GET":
        return {}
    try:
        read = json.loads(request.body, parse_constant=_no_number)
        json.dumps(read, ensure_ascii=False).encode()  # Refuses lone surrogates.
    except (ValueError, RecursionError):
        raise Refusal("bad_request", "The body is not valid JSON.") from None
    if not isinstance(read, dict):
        raise Refusal("bad_request", "The body is not a JSON object.")
    if _is_deep(read):
        raise Refusal("bad_request", "The body is nested too deep.")
    return read


def form(request: Request) -> dict[str, Any]:
    """Return an OAuth request's parameters, from JSON or a form. The client's credentials may also be in a header."""
    if request.headers.get("content-type", "").lower().startswith(FORM):
        sent: dict[str, Any] = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
    else:
        sent = body(request)
    if "authorization" not in request.headers:
        return sent
    id_, secret = _credentials(request)
    return {"client_id": id_, "client_secret": secret, **sent}


def without_nulls(value: Any) -> Any:
    """Return the value without fields that are null: the official SDK sends null for fields that are not set [6]."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def taken(body: dict[str, Any], method: str, behaviour: Behaviour, *, manages: bool) -> dict[str, Any]:
    """Return the body without the fields that are not applied. ``manages``: a request to the management API."""
    fields = body
    if behaviour.trims_names:
        fields = {name: _trimmed(value) if name in NAMES else value for name, value in fields.items()}
    if method in UPDATES and not manages:
        if behaviour.empty_list == "ignored":
            fields = {name: value for name, value in fields.items() if name in NEEDED or value not in ([], {})}
        if behaviour.false_flag == "ignored":
            fields = {name: value for name, value in fields.items() if value is not False}
    return fields


def _named(request: Request, workspace: Workspace) -> Environment:
    _, path = match(request.method, request.path)
    environment = workspace.found(path["project_id"])
    if environment is None:
        raise Refusal("project_not_found", "The project could not be found.")
    return environment


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise Refusal("invalid_authorization_header", "Basic authentication is required.")
    return name, secret


def _unauthorized() -> Refusal:
    return Refusal("unauthorized_credentials", "Unauthorized credentials.")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level if isinstance(outer, dict) for inner in outer.values()] + [
            inner for outer in level if isinstance(outer, list) for inner in outer
        ]
        if not level:
            return False
    return True


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
