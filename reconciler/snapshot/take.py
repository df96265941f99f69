"""What is live, and the users and tables as the rules read them → the lines of a snapshot, without people."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final

from msgspec import structs

from reconciler.apply.earlier import unfinished
from reconciler.errors import ReconcilerError
from reconciler.expressions.nodes import ReadPath
from reconciler.expressions.redaction import HIDDEN, Redaction, fixed, pruned
from reconciler.kinds import KINDS
from reconciler.load.repository import Declared, load
from reconciler.model import MARK_KEY, MEMBER, Json, Live, LiveMember, OrganizationMembers, Problem, Table
from reconciler.plan.compare import compare_resources
from reconciler.read.live import LiveResources, can_be_asked, policy_roles, read_live, read_resources
from reconciler.read.members import read_members
from reconciler.read.run import Run
from reconciler.read.target import PROJECTS, find_target, projects_of
from reconciler.read.users import open_users
from reconciler.rules.rule import Rules
from reconciler.schema.secret_names import credential_name
from reconciler.snapshot.lines import Credential, Head, Line, Malformed, Members, Row, TableHead, Thing, Users
from reconciler.snapshot.store import Recorder
from reconciler.sources.rows import read_table
from reconciler.sources.users import MalformedUser, UserStream

PART: Final = 500  # members, or users, on a line
ALWAYS: Final[tuple[ReadPath, ...]] = (("user_id",), ("emails",), ("external_id",), ("status",))
FREE: Final = ("name", "mfa_phone_number")  # what says of a member who that is; only what is managed is kept
ANY: Final = ""  # in the place of the keys of metadata that are computed as a whole
METADATA: Final = ("trusted_metadata", "untrusted_metadata")

Managed = Mapping[str, Mapping[str, frozenset[str]]]  # by kind and field: the keys of it that somebody declares


def lines_of(run: Run, given: frozenset[str] = frozenset(), salt: str = "") -> Iterator[Line]:
    """Yield the lines of a snapshot; ``given`` names the tables whose files the command line names.

    Raises as a plan does: what could not be read whole is no snapshot.
    """
    declared, rules = load(run.config)
    target = find_target(run, declared)
    live = _with_checked(run, declared, read_live(run, declared, target))
    paths = frozenset(fixed(path[1:]) for path in rules.paths if path[0] == "user") | frozenset(ALWAYS)
    redaction = Redaction(salt=salt or token_hex(16), users=frozenset(("user", *path) for path in paths))
    managed = _managed(declared)
    users = open_users(run.config, rules, run.client, frozenset({"external_id", "status"}), live.target)
    yield _head(run, declared, rules, live, redaction, users, given)
    for name, source in run.config.tables.items():
        table = read_table(name, source)
        columns = _columns(table, declared, rules)
        for number, row in enumerate(table.rows):
            kept = {column: redaction.json(cell) if column in columns else None for column, cell in row.items()}
            yield Row(name, table.lines[number], kept)
    for one in live.everything():
        yield Thing(_thing(one, redaction, managed))
    ids = {one.id: 0 for one in live.organizations}
    for batch in read_members(run.client, ids) if ids else ():
        for found in batch.values():
            yield from _members(found, redaction, managed.get(MEMBER, {}))
    if users is not None:
        yield from _users(users, paths, redaction)


def _head(
    run: Run,
    declared: Declared,
    rules: Rules,
    live: LiveResources,
    redaction: Redaction,
    users: UserStream | None,
    given: frozenset[str],
) -> Head:
    recorder = Recorder(run.store)
    begun = unfinished(run.config.root, run.config.environment)
    compare_resources(structs.replace(run, store=recorder), declared, live, begun.credentials)
    tables = {
        name: TableHead(
            shown=source.shown,
            of_repository=name not in given,
            columns=tuple(sorted(_columns(table, declared, rules))),
        )
        for name, source in run.config.tables.items()
        for table in (read_table(name, source),)
    }
    open_names = {
        credential_name(KINDS[one.kind], one)
        for one in declared.resources
        if (credential := KINDS[one.kind].credential) and not credential.shown_once
    }
    client = run.client
    return Head(
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        salt=redaction.salt,
        environment=run.config.environment,
        project_id=client.project_id,
        consumer_project_id=client.consumer_project_id,
        secret_last_four=redaction.ending(client.secret_last_four),
        has_data=client.has_data,
        has_management=client.has_management,
        target=structs.replace(live.target, secret_last_four=redaction.ending(live.target.secret_last_four)),
        kinds=tuple(live.resources),
        missing={kind: _said(problem, redaction) for kind, problem in live.missing.items()},
        roles=tuple(sorted(policy_roles(client))) if client.has_data else None,
        projects=_projects(run, live),
        credentials={
            name: one if name in open_names else _without_endings(one, redaction)
            for name, one in recorder.asked.items()
        },
        users=None if users is None else tuple(sorted(redaction.users)),
        tables=tables,
    )


def _with_checked(run: Run, declared: Declared, live: LiveResources) -> LiveResources:
    """Return what is live with what manual steps look for, as far as it can be read."""
    found = dict(live.resources)
    for step in declared.manual_steps:
        name = step.body["spec"].get("check", {}).get("kind", MEMBER)
        if name not in found and not KINDS[name].is_searched and can_be_asked(KINDS[name], run.client, live.target):
            with suppress(ReconcilerError):
                found |= read_resources(run.client, [name], live.target)
    return structs.replace(live, resources=found)


def _columns(table: Table, declared: Declared, rules: Rules) -> frozenset[str]:
    """Return the columns of a table that rules read; of one that organizations are made of, all."""
    read = {path[2:] for path in rules.paths if path[:2] == ("row", table.name)}
    if table.name in declared.of_sets or () in read:
        return table.columns
    return frozenset(str(path[0]) for path in read)


def _managed(declared: Declared) -> Managed:
    """Return what manifests and rules declare of each kind, and which keys of metadata."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    specs: list[tuple[str, Mapping[str, Json]]] = [
        (one.kind, spec)
        for one in (*declared.resources, *declared.organizations_elsewhere)
        for spec in (one.spec, one.initial)
    ]
    for document in declared.rules:
        for rule in document.body["spec"]["rules"]:
            specs += [(MEMBER, spec) for entry in rule["assign"] for spec in (entry, entry.get("initial") or {})]
    for kind, spec in specs:
        here = found.setdefault(kind, {})
        for name, value in spec.items():
            keys = {*value} if isinstance(value, dict) else {ANY} if name in METADATA and value is not None else set()
            here[name] = here.get(name, frozenset()) | keys
    return found


def _projects(run: Run, live: LiveResources) -> dict[str, dict[str, Any]]:
    """Return what the management API says of the project of the run, as it says it."""
    if not run.client.has_management or not live.target.project:
        return {}
    rows, found = [], {}
    for project, environments in projects_of(run.client.management):
        if project["project_slug"] == live.target.project:
            rows.append({name: project[name] for name in ("project_slug", "vertical")})
            names = ("environment_slug", "project_id", "type")
            there = [{name: each[name] for name in names} for each in environments]
            found[f"{live.target.project_path}/environments"] = {"environments": there}
    return {PROJECTS: {"projects": rows}, **found}


def _without_endings(known: Credential, redaction: Redaction) -> Credential:
    last, near = (end and redaction.ending(end) for end in (known.last_four, known.at_hand))
    return structs.replace(known, last_four=last, at_hand=near)


def _thing(live: Live, redaction: Redaction, managed: Managed) -> Live:
    """Return a live resource without people, and without the metadata that nobody declares."""
    here = managed.get(live.kind, {})
    spec = {
        name: _metadata(value, here.get(name, frozenset())) if name in METADATA else value
        for name, value in live.spec.items()
    }
    name, id = redaction.text(live.name), redaction.text(live.id)
    return structs.replace(live, name=name, id=id, spec=KINDS[live.kind].normalize(redaction.json(spec)))


def _metadata(metadata: Json, keys: frozenset[str]) -> Json:
    """Return metadata with its keys, and the values of those that are declared, and our mark without its hashes."""
    if not isinstance(metadata, dict):
        return metadata
    if isinstance(mark := metadata.get(MARK_KEY), dict):  # of values that people could be found out by
        metadata = {**metadata, MARK_KEY: {key: value for key, value in mark.items() if key != "written"}}
    return {key: value if key in keys or key == MARK_KEY or ANY in keys else HIDDEN for key, value in metadata.items()}


def _members(
    found: OrganizationMembers, redaction: Redaction, managed: Mapping[str, frozenset[str]]
) -> Iterator[Members]:
    problems = tuple(_said(one, redaction) for one in found.problems)
    for at in range(0, max(1, len(found.members)), PART):
        yield Members(
            organization_id=found.organization_id,
            members=[_member(one, redaction, managed) for one in found.members[at : at + PART]],
            problems=() if at else problems,
            half_read=() if at else tuple(sorted(found.half_read)),
            unread=0 if at else found.unread,
        )


def _member(member: LiveMember, redaction: Redaction, managed: Mapping[str, frozenset[str]]) -> LiveMember:
    """Return a live member without its name, and with a hash before the @."""
    kept: dict[str, Any] = {
        name: redaction.json(getattr(member, name)) if name in managed or not getattr(member, name) else HIDDEN
        for name in FREE
    }
    for name in METADATA:
        kept[name] = redaction.json(_metadata(getattr(member, name), managed.get(name, frozenset())))
    retired = member.retired_email_addresses
    if retired is not None:
        kept["retired_email_addresses"] = [
            {"email_address": redaction.address(text)}
            for entry in retired
            if isinstance(text := entry.get("email_address"), str)
        ]
    return structs.replace(
        member,
        email_address=redaction.address(member.email_address),
        external_id=redaction.json(member.external_id),
        scim_registration=True if member.scim_registration else None,
        **kept,
    )


def _users(users: UserStream, paths: frozenset[ReadPath], redaction: Redaction) -> Iterator[Users]:
    read: list[dict[str, Json]] = []
    malformed: list[Malformed] = []
    for one in users:
        if isinstance(one, MalformedUser):
            at, who = one.position, one.user_id and redaction.text(one.user_id)
            malformed.append(Malformed(user_id=who, message=redaction.text(one.message), file=at.file, line=at.line))
        else:
            read.append(_user(one, paths, redaction))
        if len(read) + len(malformed) == PART:
            yield Users(read, malformed)
            read, malformed = [], []
    yield Users(read, malformed, "nothing says how many users there are" if users.uncounted else users.why_no_deletes)


def _user(user: Mapping[str, Any], paths: frozenset[ReadPath], redaction: Redaction) -> dict[str, Json]:
    """Return of a user what the rules read, without people."""
    kept: dict[str, Json] = {}
    for name, value in pruned(dict(user), paths).items():
        if name == "emails" and isinstance(value, list):
            kept[name] = [
                {"email": redaction.address(entry["email"]), "verified": entry["verified"]} for entry in value
            ]
        else:
            kept[name] = redaction.json(value)
    return kept


def _said(problem: Problem, redaction: Redaction) -> Problem:
    return structs.replace(
        problem,
        message=redaction.text(problem.message),
        addresses=tuple(map(redaction.text, problem.addresses)),
        users=tuple(map(redaction.text, problem.users)),
    )
