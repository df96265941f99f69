"""``doctor``: which project, test or live, what can be reached. It only reads; every finding has a hint."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from reconciler.clients.b2b import Client
from reconciler.clients.connect import open_client, servers
from reconciler.clients.credentials import Credentials, base_url, telemetry_url
from reconciler.clients.network import Network
from reconciler.config.read import Config
from reconciler.errors import Fault, ReconcilerError, Unavailable
from reconciler.kinds import KINDS
from reconciler.load.repository import Declared, load_documents
from reconciler.model import Target, type_of
from reconciler.read.run import store_of
from reconciler.read.target import PROJECTS, check_environment, check_target, find, needs_management, sign_in
from reconciler.read.users import check_consumer

ADVICE = {
    "unauthorized_credentials": "the id and the secret do not belong together, or the secret was deleted",
    "invalid_b2b_endpoint": "these are the credentials of a Consumer project; use those of the B2B project",
    "invalid_consumer_endpoint": "these are the credentials of a B2B project; use those of the Consumer project",
    "route_not_found": "STYTCH_API_URL does not lead to Stytch's API",
}
ODD = (KeyError, TypeError, AttributeError)  # what an answer of another shape ends in
NOT_ENABLED = "enterprise_endpoint"
DENIED = (401, 403)
FAILED = 500
NOT_AS_DESCRIBED = "Stytch's response does not match its API description"
DATA_URL, MANAGEMENT_URL, TELEMETRY_URL = "STYTCH_API_URL", "STYTCH_MANAGEMENT_BASE_URI", "STYTCH_TELEMETRY_URL"
Row = Mapping[str, Any]
Looks = tuple[tuple[str, Callable[[], str]], ...]  # each a subject, and what reads it and says what was found


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at: whether it is as it should be, what was found, what to do if it is not."""

    ok: bool
    subject: str
    text: str
    hint: str = ""


def examine(config: Config, credentials: Credentials) -> Iterator[Finding]:
    """Look at the configuration, the credentials and what they reach; a finding at a time, so that a stall shows."""
    yield _well("configuration", f"environment {config.environment}, owner {config.owner.name or 'none named'}")
    yield from _given(credentials)
    yield from _network(credentials)
    if not (credentials.secret or credentials.workspace_key_secret):
        return
    try:
        with open_client(credentials, config.rates) as client:
            workspace = tuple(_workspace(client, credentials)) if client.has_management else ()
            yield from workspace
            readable = all(finding.ok for finding in workspace)
            target = Target()
            if readable or client.has_data:
                finding, target = _target(config, client, readable=readable)
                yield finding
                if finding.ok and target.is_there and not client.has_data:
                    yield _signed_in(config, client, target)
            silent: set[str] = set()  # addresses at which nobody answers
            if client.has_data:
                yield from _data(client, credentials, silent)
            yield from _users(config, credentials, client, target, silent)
    except ReconcilerError as error:
        for problem in error.problems:
            yield _wrong("credentials", problem.message, problem.hint)


def _given(credentials: Credentials) -> Iterator[Finding]:
    """Yield which credentials there are, and what each is for."""
    workspace = bool(credentials.workspace_key_id and credentials.workspace_key_secret)
    text = f"{'set' if workspace else 'not set'}; it is for projects, environments, secrets, settings, e-mail templates"
    yield _well("workspace key", text)
    for name in ("project_id", "secret") if not workspace or credentials.project_id or credentials.secret else ():
        if not getattr(credentials, name):
            text = f"STYTCH_{name.upper()} is not set"
            yield _wrong("credentials", text, "set it in the environment")


def _network(credentials: Credentials) -> Iterator[Finding]:
    """Yield whose certificates are trusted and which proxies are used, where anything says so."""
    network = Network.from_environment(os.environ)
    if not network.certificates and not network.proxies:
        return
    urls = servers(credentials)
    if any(network.problems(urls)):
        return  # which is what opening a client says
    trusted = ", ".join(f"those of {named.variable}" for named in network.certificates) or "the usual ones"
    used = sorted({found.shown for url in urls if (found := network.proxy_for(url))})
    proxies = ", ".join(used) or "none is used for these servers"
    yield _well("network", f"trusted certificates: {trusted}; proxy: {proxies}")


def _workspace(client: Client, credentials: Credentials) -> Iterator[Finding]:
    """Yield what the workspace key reaches."""
    try:
        projects: list[Row] = client.management.get(PROJECTS)["projects"]
        environments = {row["project_slug"]: _environments(client, row["project_slug"]) for row in projects}
    except Fault as fault:
        if _is_silence(fault):
            yield _silence(fault, MANAGEMENT_URL if credentials.management_base_uri else "")
            return
        yield _wrong("workspace", str(fault), ADVICE.get(fault.error_type, ""))
        return
    except ODD:
        hint = f"{MANAGEMENT_URL} does not lead to Stytch's API"
        yield _wrong("workspace", NOT_AS_DESCRIBED, hint)
        return
    text = "readable; the same key writes projects, environments, their secrets and settings, all over the workspace"
    yield _well("workspace", text)
    for project in projects:
        slug, vertical = project["project_slug"], project["vertical"]
        rows = environments[slug]
        listed = ", ".join(f"{row['environment_slug']} ({row['type'].lower()}, {row['project_id']})" for row in rows)
        yield _well("project", f"{slug}, {vertical}: {listed or 'no environments'}")


def _environments(client: Client, project: str) -> list[Row]:
    found: list[Row] = client.management.get(f"{Target(project=project).project_path}/environments")["environments"]
    return found


def _target(config: Config, client: Client, *, readable: bool) -> tuple[Finding, Target]:
    """Return the environment that a plan is for, or why there is none: the checks are those of a plan.

    The workspace is asked as far as it is ``readable``.
    """
    declared = _declared(config)
    known = declared or Declared()
    named = bool(client.has_management and config.target.project and config.target.environment)
    target = Target(project_id=client.project_id)
    try:
        if readable and (named or needs_management(config, known, client)):
            target = find(config, client)
        check_target(config, target, to_write=True)
        if declared is not None:
            check_environment(config, declared, target)
    except ReconcilerError as error:
        return _refused("target", error), target
    if not target.is_there:
        return _to_be_made(config, target, declared), target
    sort = "LIVE" if target.is_live else "test"
    called = f"{target.project}/{target.environment} is {target.project_id}" if target.project else target.project_id
    pinned = "as reconciler.yaml says" if config.target.project_id else "reconciler.yaml pins no target.project_id"
    return _well("target", f"{called}, a {sort} project; {pinned}"), target


def _declared(config: Config) -> Declared | None:
    """Read the manifests; None where something is wrong with them, which `validate` tells."""
    try:
        return load_documents(config)
    except ReconcilerError:
        return None


def _to_be_made(config: Config, target: Target, declared: Declared | None) -> Finding:
    """Return who creates the environment that does not exist yet; unknown if the manifests have errors."""
    slugs = f"{target.project}/{target.environment}"
    if declared is None:
        return _well("target", f"{slugs} does not exist yet; an apply that declares it creates it")
    needed = ("Environment",) if target.project_is_there else ("Project", "Environment")
    ours = all(config.authority_of(kind) != "observe" for kind in needed)
    who = "an apply creates it" if ours else f"another environment creates it: {config.environment} only observes it"
    return _well("target", f"{slugs} does not exist yet; {who}")


def _signed_in(config: Config, client: Client, target: Target) -> Finding:
    """Sign in with the secret that the credential store holds, as a plan does, and say whether there is one."""
    declared = _declared(config) or Declared()
    secrets = declared.by_kind.get("Secret", ())
    try:
        sign_in(secrets, client, target, store_of(config))
    except ReconcilerError as error:
        return _refused("secret", error)
    if client.has_data:
        return _well("secret", "the credential store holds one; the next lines show what it opens")
    kinds = declared.kinds(config)
    needed = any(KINDS[kind].api != "management" for kind in kinds)
    made = any(each.ensure == "present" for each in secrets) and config.authority_of("Secret") != "observe"
    if made and "Secret" in kinds:
        return _well("secret", "none is known; an apply creates the declared one")
    hint = "set STYTCH_PROJECT_ID and STYTCH_SECRET, or declare a Secret, which `apply` creates" if needed else ""
    return Finding(ok=not needed, subject="secret", text="none is known, so only settings can be read", hint=hint)


def _data(client: Client, credentials: Credentials, silent: set[str]) -> Iterator[Finding]:
    """Yield what the environment's secret opens."""
    looks: Looks = (
        ("RBAC policy", lambda: f"readable, {len(client.rbac_policy().get('roles') or ())} roles"),
        ("writes", lambda: _the_way_of_writes(client)),
        ("organizations", lambda: f"readable, {len(client.search_organizations().rows):,} live"),
        ("M2M clients", lambda: f"readable, {_clients(client, 'm2m/clients', 'm2m_clients'):,} live"),
        ("Connected Apps", lambda: f"readable, {_clients(client, 'connected_apps/clients', 'connected_apps'):,} live"),
    )
    yield from _looked(looks, base_url(credentials, client.project_id), DATA_URL if credentials.api_url else "", silent)
    rules: Looks = (("fraud rules", lambda: _fraud_rules(client)),)
    yield from _looked(rules, telemetry_url(credentials), TELEMETRY_URL if credentials.telemetry_url else "", silent)


def _the_way_of_writes(client: Client) -> str:
    """Read something the way that writes go, through Stytch's SDK."""
    client.writer().read("rbac.policy")
    return "Stytch's SDK, which sends the writes, reaches the project; nothing was written"


def _fraud_rules(client: Client) -> str:
    try:
        client.telemetry.ask("/v1/rules/list", {"limit": 1})
    except Fault as fault:
        if fault.error_type != NOT_ENABLED or fault.status in DENIED or fault.status >= FAILED:
            raise
        return f"not readable ({fault.error_type}): fraud protection is not enabled for this project"
    return "readable"


def _clients(client: Client, path: str, key: str) -> int:
    return len(client.search(f"{key}.search", f"/v1/{path}/search", key, "client_id"))


def _users(
    config: Config, credentials: Credentials, client: Client, target: Target, silent: set[str]
) -> Iterator[Finding]:
    """Yield where users come from; a Consumer project that is at hand is read whether or not it is that."""
    consumer, live = credentials.consumer_project_id, config.users is not None and config.users.file is None
    if consumer or live:
        subject, pinned = ("users", _pinned(config)) if live else ("Consumer project", "")

        def look() -> str:
            if live:
                check_consumer(config, consumer, target)
            users = len(next(client.search_users(), []))
            return f"{consumer}, a {type_of(consumer)} project{pinned}, is readable, {users:,} users on the first page"

        url = base_url(credentials, consumer)
        yield from _looked(((subject, look),), url, DATA_URL if credentials.api_url else "", silent)
    if config.users is None:
        yield _well("users", "none configured: the rules have no users to match")
    elif config.users.file is not None:
        there = config.users.file.is_file()
        text = f"{config.users.shown} is there" if there else f"{config.users.shown} is not there"
        hint = "" if there else "export the users, or name the file with --users"
        yield Finding(ok=there, subject="users", text=text, hint=hint)


def _pinned(config: Config) -> str:
    named = config.users is not None and config.users.project_id
    return " as reconciler.yaml says" if named else " (reconciler.yaml names none)"


def _looked(looks: Looks, url: str, variable: str, silent: set[str]) -> Iterator[Finding]:
    """Look at one thing after the other; where nobody answers, that is said once."""
    for subject, read in looks if url not in silent else ():
        try:
            yield _tried(subject, read)
        except Unavailable as fault:
            silent.add(url)
            yield _silence(fault, variable)
            return


def _is_silence(fault: Fault) -> bool:
    return isinstance(fault, Unavailable) and not fault.status


def _silence(fault: Fault, variable: str) -> Finding:
    """Return that a server does not answer; ``variable`` is where its address was read, if it was."""
    hint = f"{variable} names it: fix or unset that variable" if variable else "check that this machine can reach it"
    return _wrong("address", str(fault), hint)


def _tried(subject: str, read: Callable[[], str]) -> Finding:
    """Read something; raises ``Unavailable`` where nobody answers."""
    try:
        return _well(subject, read())
    except Fault as fault:
        if _is_silence(fault):
            raise
        return _wrong(subject, str(fault), ADVICE.get(fault.error_type, ""))
    except ODD:
        return _wrong(subject, NOT_AS_DESCRIBED, ADVICE["route_not_found"])
    except ReconcilerError as error:
        return _refused(subject, error)


def _refused(subject: str, error: ReconcilerError) -> Finding:
    return _wrong(subject, error.problems[0].message, error.problems[0].hint)


def _well(subject: str, text: str) -> Finding:
    return Finding(ok=True, subject=subject, text=text)


def _wrong(subject: str, text: str, hint: str) -> Finding:
    return Finding(ok=False, subject=subject, text=text, hint=hint)
