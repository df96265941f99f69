"""Who am I, which project, test or live, what can I reach: read only, and every finding with what to do about it."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from reconciler.check import LIVE_PROJECT, check_target
from reconciler.clients import open_client
from reconciler.clients.data import Client
from reconciler.config import Config, Credentials
from reconciler.errors import Fault, ReconcilerError, Unreadable

ADVICE = {
    "unauthorized_credentials": "the project id and the secret do not belong together, or the secret was deleted",
    "invalid_b2b_endpoint": "these are the credentials of a Consumer project; use those of the B2B project",
    "invalid_consumer_endpoint": "these are the credentials of a B2B project; use those of the Consumer project",
    "route_not_found": "STYTCH_API_URL leads somewhere else",
}


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at: whether it is as it should be, what was found, what to do if it is not."""

    ok: bool
    subject: str
    text: str
    hint: str = ""


def examine(config: Config, credentials: Credentials) -> Iterator[Finding]:
    """Look at the configuration, the credentials and what they reach; a finding at a time, so that a stall shows."""
    yield Finding(ok=True, subject="configuration", text=f"environment {config.environment}, owner {config.owner}")
    for name in ("project_id", "secret"):
        if not getattr(credentials, name):
            variable = f"STYTCH_{name.upper()}"
            yield Finding(
                ok=False, subject="credentials", text=f"{variable} is not set", hint="set it in the environment"
            )
    if not (credentials.project_id and credentials.secret):
        return
    yield _target(config, credentials.project_id)
    workspace = bool(credentials.workspace_key_id and credentials.workspace_key_secret)
    yield Finding(
        ok=True,
        subject="workspace key",
        text="set" if workspace else "not set; nothing that is managed today needs one",
    )
    try:
        with open_client(credentials, config.rates) as client:
            yield from _reach(config, client)
    except ReconcilerError as error:
        yield Finding(ok=False, subject="credentials", text=error.problems[0].message, hint=error.problems[0].hint)


def _target(config: Config, project_id: str) -> Finding:
    sort = "LIVE" if project_id.startswith(LIVE_PROJECT) else "test"
    try:
        check_target(config, project_id, to_write=True)
    except ReconcilerError as error:
        return Finding(ok=False, subject="target", text=error.problems[0].message, hint=error.problems[0].hint)
    named = "as reconciler.yaml says" if config.target.project_id else "reconciler.yaml pins no target.project_id"
    return Finding(ok=True, subject="target", text=f"{project_id}, a {sort} project; {named}")


def _reach(config: Config, client: Client) -> Iterator[Finding]:
    yield _tried("RBAC policy", lambda: f"readable, {len(client.rbac_policy().get('roles') or ())} roles")
    yield _tried("organizations", lambda: f"readable, {len(client.search_organizations().rows):,} live")
    if config.users is None:
        yield Finding(ok=True, subject="users", text="none configured: rules have nobody to place")
    elif config.users.file is None:
        yield _tried(
            "users",
            lambda: f"the live Consumer project is readable, {len(next(client.search_users())):,} on the first page",
        )
    else:
        there = config.users.file.is_file()
        text = f"{config.users.shown} is there" if there else f"{config.users.shown} is not there"
        yield Finding(
            ok=there,
            subject="users",
            text=text,
            hint="" if there else "export the users, or name the file with --users",
        )


def _tried(subject: str, read: Callable[[], str]) -> Finding:
    try:
        return Finding(ok=True, subject=subject, text=read())
    except Fault as fault:
        return Finding(ok=False, subject=subject, text=str(fault), hint=ADVICE.get(fault.error_type, ""))
    except Unreadable as error:
        return Finding(ok=False, subject=subject, text=error.problems[0].message, hint=error.problems[0].hint)
