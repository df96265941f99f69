"""A case set up: an emulated Stytch with what is in it, and the repository to plan from."""

import base64
import json
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import yaml
from msgspec import structs

from reconciler import pipeline
from reconciler.clients.b2b import Client
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials
from reconciler.clients.pacing import Clock
from reconciler.config.read import Config, load_config
from reconciler.diff.written import remembering
from reconciler.emulator.core.workspace import Environment
from reconciler.emulator.seed import bulk, placing
from reconciler.emulator.seed.running import Options, make, variables
from reconciler.emulator.server.app import App
from reconciler.emulator.server.faults import Faults
from reconciler.emulator.server.limits import Limits
from reconciler.emulator.server.transport import EmulatorTransport, request_of
from reconciler.history.git import Repository, find
from reconciler.history.look import History
from reconciler.history.state import FILE, State, hidden
from reconciler.kinds import KINDS
from reconciler.model import FieldChange, Json, Mark
from reconciler.plan.planned import Planned
from reconciler.read.run import Run
from tests.emulator.certificates import private_key
from tests.everything import Everything, everything
from tests.history.worlds import commit, git
from tests.memory_store import MemoryStore

FOLDER = Path(__file__).parent / "scenarios"
SCENARIOS = sorted(FOLDER.glob("*/[0-9]*"), key=lambda case: case.name)  # a folder for each subject
OWNER = "acme-identity"
NEVER_READ = ("expected.yaml", "live.yaml", "applied")  # by the reconciler: they are not part of the repository
USERS = "    users: {file: users.jsonl}\n"
NOWHERE = "http://127.0.0.1:9"
READS_BY_POST = re.compile(r"/(search|list)$")
JOURNAL = ".reconciler/journal-{environment}-20260101T000000.000000Z-1.jsonl"
KIND = re.compile(r"^kind: (\w+)", re.MULTILINE)
WORKSPACE: Final = ("STYTCH_WORKSPACE_KEY_ID", "STYTCH_WORKSPACE_KEY_SECRET")
DATA: Final = ("STYTCH_PROJECT_ID", "STYTCH_SECRET")
Fields = dict[str, Any]


@cache
def texts() -> Mapping[str, str]:
    """Long texts by the names that cases call them by: certificates, and a private key."""
    files = (Path(__file__).parent / "certificates").glob("*.pem")
    return {**{path.stem: path.read_text() for path in files}, "private-key": private_key()}


def is_read(method: str, path: str) -> bool:
    """Whether a request changes nothing."""
    return method == "GET" or (method == "POST" and READS_BY_POST.search(path) is not None)


class QuickClock(Clock):
    """Time that passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def wall(self) -> float:
        return self._now

    def now(self) -> float:
        return time.time()  # by the emulator's clock

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class CountingTransport(EmulatorTransport):
    """Counts the writes."""

    writes = 0

    def handle_request(self, request: Any) -> Any:
        reads = is_read(request.method, request.url.path)
        self.writes += not reads
        return super().handle_request(request)


class Stage:
    """One case set up; ``names`` are the ids, and texts, that it calls by a name, as ``$NAME``."""

    def __init__(self, app: App, root: Path, expected: Fields) -> None:
        self.app, self.root, self.told = app, root, expected
        kind: Literal["test", "live"] = expected.get("project", "test")
        self.environment: Environment = app.workspace.environment("B2B", kind)
        self.transport = CountingTransport(app)
        self.names = dict(texts())
        self.store = MemoryStore({})
        self.exit_code = 0  # of the last apply
        self.applied = ""  # the revision that was applied last

    @property
    def expected(self) -> Fields:
        """What the case expects, with ids for their names."""
        found: Fields = resolved(self.told, self.names)
        return found

    @property
    def writes(self) -> int:
        """The writing requests so far."""
        return self.transport.writes

    @property
    def management(self) -> set[str]:
        """The kinds of the case that live in the management API."""
        text = "\n".join(path.read_text() for path in (self.root / "manifests").rglob("*.y*ml"))
        return {name for name in KIND.findall(text) if name in KINDS and KINDS[name].api == "management"}

    @contextmanager
    def client(self, config: Config) -> Iterator[Client]:
        known = variables(self.app, NOWHERE)
        known |= {"STYTCH_PROJECT_ID": self.environment.project_id, "STYTCH_SECRET": self.environment.secret}
        default = ["data", *(["workspace"] if self.management else [])]
        given = self.told.get("credentials", default)
        for sort, names in (("data", DATA), ("workspace", WORKSPACE)):
            known |= dict.fromkeys(names, "") if sort not in given else {}
        transports = Transports(clock=QuickClock(), transport=self.transport)
        with open_client(Credentials.from_environment(known), config.rates, transports) as client:
            yield client

    @property
    def history(self) -> History:
        """What git says, where the case says which approvals were used before."""
        if self.applied:
            state = State(commit=self.applied, revision=self.applied, is_evidence=True)
            pending = tuple(hidden(address, self.applied) for address in self.told.get("pending", ()))
            return History(repository=find(self.root, FILE), state=structs.replace(state, pending=pending))
        if "used_approvals" not in self.told:
            return History()
        state = State(commit="", used_approvals=frozenset(self.told["used_approvals"]))
        return History(repository=Repository(top=self.root, prefix="", shared=self.root), state=state)

    def run(self, config: Config, client: Client) -> Run:
        return Run(config, client, self.store, history=self.history)

    def plan(self) -> Planned:
        config = load_config(self.root, self.told.get("environment"))
        with self.client(config) as client:
            return pipeline.plan(self.run(config, client), self.told.get("only", ()))

    def apply(self, planned: Planned) -> Sequence[Any]:
        config = load_config(self.root, self.told.get("environment"))
        with self.client(config) as client:
            applied = pipeline.apply(self.run(config, client), planned, lambda _: None)
        self.exit_code = applied.exit_code
        return applied.outcomes

    def state(self) -> Everything:
        """Everything in Stytch."""
        return everything(self.app)

    def find(self, address: str) -> Fields | None:
        """The live organization or member with this address, or else a deleted member."""
        kind, slug, *rest = address.split("/", 2)
        organizations = bulk.organizations(self.app, self.environment)
        found = next((one for one in organizations if one["organization_slug"] == slug), None)
        if kind == "Organization" or found is None:
            return found
        members = [
            one
            for one in bulk.members(self.app, self.environment)
            if one["organization_id"] == found["organization_id"] and one["email_address"].lower() == rest[0]
        ]
        return min(members, key=lambda one: one["status"] == "deleted", default=None)

    def ask(self, request: str, body: Json = None) -> tuple[int, Fields]:
        """Make one call, ``METHOD path``, as somebody else would: past every fault."""
        method, path = resolved(request, self.names).split(" ", 1)
        project = f"/pwa/v3/projects/{self.environment.project_slug}"
        path = path.replace("{environment}", f"{project}/environments/{self.environment.slug}")
        path = path.replace("{project}", project)
        user, password = self.environment.project_id, self.environment.secret
        if path.startswith("/pwa"):
            user, password = self.app.workspace.key_id, self.app.workspace.key_secret
        headers = {"authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
        sent = b"" if body is None else json.dumps(resolved(body, self.names)).encode()
        disturbed, self.app.faults = self.app.faults, Faults()
        limited, self.app.limits = self.app.limits, Limits()
        try:
            answer = self.app.respond(request_of(method, f"{NOWHERE}{path}", headers, sent))
        finally:
            self.app.faults, self.app.limits = disturbed, limited
        return answer.status, json.loads(answer.body)

    def place(self, what: str, fields: Fields) -> Fields:
        """Put something in that no call can make."""
        told = resolved(fields, self.names)
        if what == "scim_group":
            return placing.place_scim_group(self.app, told["organization_id"], told["group_name"], self.environment)
        return placing.place_connected_app(self.app, told, self.environment)

    def call(self, calls: Sequence[Mapping[str, Any]]) -> None:
        """Make calls that must succeed; ``keep`` gives names to what they answer."""
        for told in calls:
            ((request, body),) = ((key, value) for key, value in told.items() if key != "keep")
            status, answer = self.ask(request, body) if " " in request else (200, self.place(request, body))
            assert status < 300, (request, answer)
            for name, path in told.get("keep", {}).items():
                value: Any = answer
                for key in path.split("."):
                    value = value[int(key)] if isinstance(value, list) else value[key]
                self.names[name] = value


@contextmanager
def staged(case: Path, root: Path, expected: Fields, behaviour: Sequence[str] = ()) -> Iterator[Stage]:
    """Copy the repository to ``root`` and put what ``live.yaml`` says into an emulator."""
    shutil.copytree(case, root, ignore=shutil.ignore_patterns(*NEVER_READ))
    if not (root / "reconciler.yaml").exists():
        plain = (FOLDER / "reconciler.yaml").read_text()
        has_users = (case / "rules").exists() or (case / "users.jsonl").exists()
        (root / "reconciler.yaml").write_text(plain if has_users else plain.replace(USERS, ""))
    policy = next(path for path in (case / "policy.json", FOLDER / "policy.json") if path.exists())
    if "ignored" in expected:
        (root / ".gitignore").write_text("\n".join(expected["ignored"]))
    applied = committed(case / "applied", root) if (case / "applied").exists() else ""
    switched = (*behaviour, *expected.get("behaviour", ()))
    app = make(Options(rbac_policy=policy, behaviour=switched, faults=expected.get("faults", ())))
    try:
        stage = Stage(app, root, expected)
        stage.applied = applied
        if (case / "live.yaml").exists():
            live = read(case / "live.yaml")
            calls = live.pop("calls", ())
            place(stage, live)
            stage.call(calls)
        if (case / "consumer.jsonl").exists():
            for user in (case / "consumer.jsonl").read_text().splitlines():
                bulk.place_user(app, json.loads(user))
        stage.store = MemoryStore(stage.expected.get("secrets", {}), expected.get("refused", ()))
        begun(stage)
        yield stage
    finally:
        app.close()


def committed(applied: Path, root: Path) -> str:
    """Commit what was applied last, as the folder has it, and then what is there now; return the former revision."""
    git(root, "init", "--quiet")
    now = root.with_name(f"{root.name}-now")
    now.mkdir()
    for path in root.iterdir():
        if path.name in ("manifests", "rules", "reconciler.yaml") and (applied / path.name).exists():
            path.rename(now / path.name)
    shutil.copytree(applied, root, dirs_exist_ok=True)
    revision = commit(root, {}, "applied")
    for name in ("manifests", "rules", "reconciler.yaml"):
        if (applied / name).is_dir():
            shutil.rmtree(root / name)
    for path in now.iterdir():
        path.rename(root / path.name)
    commit(root, {}, "now")
    return revision


def begun(stage: Stage) -> None:
    """Leave the journal of a run that is incomplete: what it began, with what it noted.

    ``deleting`` are the addresses of members whose delete it began, in a map with when it had written their marks.
    """
    lines = []
    for address, told in stage.expected.get("begun", {}).items():
        noted = told if isinstance(told, dict) else {"there": told}
        lines.append({"event": "intent", "action": "create", "address": address})
        if "there" in noted:
            lines.append({"event": "note", "address": address, "there": noted["there"]})
        if "made" in noted:
            ends = str(noted.get("last_four", ""))
            lines.append({"event": "made", "address": address, "id": noted["made"], "last_four": ends})
    deleting = stage.expected.get("deleting", ())
    for address in deleting:
        if found := stage.find(address):
            lines.append({"event": "intent", "action": "delete", "address": address, "id": found["member_id"]})
        if isinstance(deleting, dict):
            lines.append({"event": "deleting", "address": address, "marked_at": deleting[address]})
    if lines:
        path = stage.root / JOURNAL.format(environment=stage.told.get("environment", "test"))
        path.parent.mkdir()
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def place(stage: Stage, live: Mapping[str, Fields]) -> None:
    ids = {slug: made_id("organization", stage, slug) for slug in live}
    stage.names |= ids
    for slug, told in resolved(live, ids).items():
        here = {"organization_id": ids[slug]}
        fields = {key: value for key, value in told.items() if key not in ("members", "deleted", "mark")}
        fields = {**here, "organization_slug": slug, **fields, **marked(told, ids[slug], ids)}
        bulk.place_organization(stage.app, fields, stage.environment)
        member_ids = {each: made_id("member", stage, slug, each, "active") for each in told.get("members", {})}
        for status, part in (("active", "members"), ("deleted", "deleted")):
            for address, described in told.get(part, {}).items():
                id_ = made_id("member", stage, slug, address, status)
                own = {} if described.get("mark") is None else {"mark": {"member": id_, **described["mark"]}}
                member = {**here, "member_id": id_, "email_address": address, "email_address_verified": True}
                member |= {"status": status, **described}
                member |= marked({**described, **own}, ids[slug], ids, member_ids)
                member["roles"] = [role_of(role) for role in ("stytch_member", *member.get("roles", ()))]
                member.pop("mark", None)
                bulk.place_member(stage.app, member, stage.environment)


def made_id(kind: str, stage: Stage, *key: str) -> str:
    return f"{kind}-{stage.environment.type}-{uuid.uuid5(uuid.NAMESPACE_URL, '/'.join(key))}"


def resolved(value: Any, names: Mapping[str, str]) -> Any:
    """``$NAME`` is the id that is called so, such as an organization's by its slug."""
    if isinstance(value, dict):
        return {resolved(key, names): resolved(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, names) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\$([\w-]+)", lambda found: names.get(found[1], found[0]), value)
    return value


def marked(
    told: Fields, organization_id: str, ids: Mapping[str, str], member_ids: Mapping[str, str] = MappingProxyType({})
) -> Fields:
    """The mark: of an organization by its slug, of a member by the address; null leaves a key out."""
    if told.get("mark") is None:
        return {}
    mark = {"v": 1, "owner": OWNER, "organization": organization_id, **told["mark"]}
    mark["organization"] = ids.get(mark["organization"], mark["organization"])
    if "member" in mark:
        mark["member"] = member_ids.get(mark["member"], mark["member"])
    if written := mark.get("written"):
        fields = [FieldChange(path=(name,), after=value) for name, value in written.items()]
        mark["written"] = remembering(Mark(owner=OWNER, organization=""), fields, metadata={}).written
    mark = {key: value for key, value in mark.items() if value is not None}
    return {"trusted_metadata": {**told.get("trusted_metadata", {}), "reconciler": mark}}


def role_of(role: str | Mapping[str, str]) -> Fields:
    """``editor`` is a direct assignment, ``{viewer: email_assignment}`` comes from elsewhere."""
    ((role_id, source),) = role.items() if isinstance(role, Mapping) else ((role, "direct_assignment"),)
    return {"role_id": role_id, "sources": [{"type": source, "details": {}}]}


def outside_change(stage: Stage, address: str, fields: Fields) -> None:
    """Somebody else changes an organization or a member, or makes one."""
    there = stage.find(address) or {}
    if "roles" in fields:
        fields = {**fields, "roles": [role_of(role) for role in ("stytch_member", *fields["roles"])]}
    place_one = bulk.place_organization if address.startswith("Organization/") else bulk.place_member
    place_one(stage.app, {**there, **fields}, stage.environment)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
