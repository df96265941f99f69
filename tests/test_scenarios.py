"""Cases as files: each folder of tests/scenarios is a repository, what is in Stytch, and what must come of it.

A folder holds what a team's repository holds (``reconciler.yaml`` may be left out: there is a plain one beside the
folders, as there is a ``policy.json``), ``live.yaml`` (organizations by slug, their members by address; ``mark`` is
ours in that organization, but for what it says otherwise; ``$SLUG`` is an organization's id) and ``expected.yaml``:

``plan`` every change with every field, in order (what a delete looks at again is not written down); ``observed``,
``held``, ``removed``, ``unmanaged``, ``unmatched``, ``problems`` likewise, each empty unless it says otherwise;
``exit`` the exit code of the plan; ``meanwhile`` what somebody changes in Stytch before the plan is applied;
``not_applied`` what does not come of it; ``again`` the plan after that, what was withheld unless it says otherwise;
``live`` facts that hold in Stytch at the end. Of input that is refused, ``problems`` gives codes with places, ``hints``
words that must be said.
"""

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
import yaml

from reconciler import pipeline
from reconciler.clients import Wires, open_client
from reconciler.clients.data import Client
from reconciler.config import Config, Credentials, load_config
from reconciler.emulator import bulk
from reconciler.emulator.app import App
from reconciler.emulator.running import Options, make
from reconciler.emulator.transport import EmulatorAdapter, EmulatorTransport
from reconciler.emulator.workspace import Environment
from reconciler.errors import ReconcilerError
from reconciler.model import Change, Create, Delete, FieldChange, Listed, Plan, Problem, Update
from reconciler.plan import Planned, exit_code
from reconciler.report import plan_report

FOLDER = Path(__file__).parent / "scenarios"
CASES = sorted(path for path in FOLDER.iterdir() if path.is_dir())
OWNER = "acme-identity"
NEVER_READ = ("expected.yaml", "live.yaml")  # by the reconciler: they are not part of the repository
FEW = 8  # requests that a plan makes, however much there is to decide
# Everything that Stytch does not promise, the other way round.
OTHERWISE = (
    *("search_order=random", "set_order=reversed", "total=unknown", "last_cursor=absent", "unset_fields=null"),
    *("empty_metadata=absent", "lower_emails=false", "created_status=201", "get_shows_deleted=true"),
)
Fields = dict[str, Any]


class Clock:
    """Time that passes at once."""

    def __init__(self) -> None:
        self._now = 0.0

    def wall(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class CountingAdapter(EmulatorAdapter):
    """Counts the writes."""

    writes = 0

    def send(self, *args: Any, **kwargs: Any) -> Any:
        self.writes += 1
        return super().send(*args, **kwargs)


class Stage:
    """One case set up: the emulated Stytch with what is in it, and the repository to plan from."""

    def __init__(self, app: App, root: Path, expected: Fields) -> None:
        self.app, self.root, self.expected = app, root, expected
        kind: Literal["test", "live"] = expected.get("project", "test")
        self.environment: Environment = app.workspace.environment("B2B", kind)
        self.adapter = CountingAdapter(app)

    @contextmanager
    def client(self, config: Config) -> Iterator[Client]:
        consumer = self.app.workspace.environment("CONSUMER")
        credentials = Credentials(
            project_id=self.environment.project_id,
            secret=self.environment.secret,
            api_url="http://127.0.0.1:9",
            consumer_project_id=consumer.project_id,
            consumer_secret=consumer.secret,
        )
        wires = Wires(clock=Clock(), transport=EmulatorTransport(self.app), adapter=self.adapter)
        with open_client(credentials, config.rates, wires) as client:
            yield client

    def plan(self) -> Planned:
        config = load_config(self.root, self.expected.get("environment"))
        with self.client(config) as client:
            return pipeline.plan(config, client, self.expected.get("only", ()))

    def apply(self, planned: Planned) -> tuple[Any, ...]:
        config = load_config(self.root, self.expected.get("environment"))
        with self.client(config) as client:
            return pipeline.apply(planned, config, client, lambda _: None).outcomes

    def state(self) -> dict[str, Fields]:
        """Everything in Stytch, by id."""
        organizations = bulk.organizations(self.app, self.environment)
        members = bulk.members(self.app, self.environment)
        return {item.get("member_id") or item["organization_id"]: item for item in (*organizations, *members)}

    def find(self, address: str) -> Fields | None:
        """The live thing with this address, or else a deleted one."""
        kind, slug, *rest = address.split("/", 2)
        state = self.state()
        found = next((one for one in state.values() if one.get("organization_slug") == slug), None)
        if kind == "Organization" or found is None:
            return found
        seats = [
            one
            for one in state.values()
            if one.get("organization_id") == found["organization_id"]
            and one.get("email_address", "").lower() == rest[0]
        ]
        return min(seats, key=lambda one: one["status"] == "deleted", default=None)


def marks(case: Path) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.odd_records,) if case.name.endswith("-an-odd-live-member") else ()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in CASES])
def test_it_comes_as_expected(case: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = read(case / "expected.yaml")
    with staged(case, tmp_path / "repository", expected) as stage:
        before = stage.state()
        planned: Planned | None = None
        if expected["exit"] in (1, 4):
            refused(stage)
        else:
            planned = stage.plan()
        assert (stage.state(), stage.adapter.writes) == (before, 0), "a plan writes nothing"
        if planned:
            came_of_it(stage, planned)
            unordered(case, tmp_path / "shuffled", expected, planned.plan)
        assert "@" not in caplog.text
        assert stage.environment.secret not in caplog.text + "".join(
            path.read_text() for path in stage.root.rglob("*") if path.is_file()
        )


def refused(stage: Stage) -> None:
    """Input that cannot be: the exit code, and every problem with its place."""
    with pytest.raises(ReconcilerError) as caught:
        stage.plan()
    error, expected = caught.value, stage.expected
    assert error.exit_code == expected["exit"]
    said = [" ".join([one.code, "at" if one.at else "", *places(one)]).strip() for one in error.problems]
    assert sorted(said) == sorted(expected["problems"])
    words = " ".join(f"{one.message} {one.hint}" for one in error.problems)
    assert [hint for hint in expected.get("hints", ()) if hint not in words] == []


def came_of_it(stage: Stage, planned: Planned) -> None:
    """The plan, what applying it does, what it leaves alone, and the plan after it."""
    plan, expected = planned.plan, stage.expected
    shown(plan, expected)
    caused(stage.root, plan)
    text = plan_report(plan, "text") + plan_report(plan, "json") + plan_report(plan, "markdown")
    assert stage.environment.secret not in text
    for address, fields in expected.get("meanwhile", {}).items():
        outside_change(stage, address, fields)
    before = stage.state()
    if "apply" in expected:
        with pytest.raises(ReconcilerError) as caught:
            stage.apply(planned)
        assert caught.value.exit_code == expected["apply"]
        outcomes: tuple[Any, ...] = ()
    else:
        outcomes = stage.apply(planned)
        withheld = [f"withheld {name(change)}" for change in plan.changes if change.withheld_by]
        not_applied = [f"{one.result} {one.action} {one.address}" for one in outcomes if one.result != "applied"]
        details = [f"{one.address}: {one.detail}" for one in outcomes if one.result == "failed"]
        assert sorted(not_applied) == sorted([*withheld, *expected.get("not_applied", ())]), details
    applied = {one.id: one.action for one in outcomes if one.result == "applied"}
    left_alone(before, stage.state(), [change for change in plan.changes if change.id in applied])
    again = stage.plan()
    withheld_again = [line(change) for change in plan.changes if change.withheld_by]
    assert lines(again.plan.changes) == normal(expected.get("again", withheld_again))
    facts(stage, expected.get("live", {}))
    if all(change.withheld_by for change in again.plan.changes):
        written, settled = stage.adapter.writes, stage.state()
        if "apply" not in expected:
            stage.apply(again)
        assert (stage.adapter.writes, stage.state()) == (written, settled), "the second apply writes nothing"


def shown(plan: Plan, expected: Fields) -> None:
    """Everything that the plan says."""
    assert lines(plan.changes) == normal(expected["plan"])
    assert lines(plan.observed) == normal(expected.get("observed", []))
    for part in ("held", "removed", "unmanaged"):
        listed: Sequence[Listed] = getattr(plan, part)
        assert [one.address for one in listed] == sorted(expected.get(part, [])), part
    problems = [" ".join([one.code, *sorted(one.addresses), *sorted(one.users)]) for one in plan.problems]
    assert sorted(problems) == sorted(expected.get("problems", []))
    if expected.get("unmatched") != "any":
        assert list(plan.unmatched) == sorted(expected.get("unmatched", []))
    assert exit_code(plan) == expected["exit"]
    counts = msgspec.to_builtins(plan.summary)
    assert {key: counts[key] for key in expected.get("counts", {})} == expected.get("counts", {})
    assert plan.cost.reads <= FEW


def caused(root: Path, plan: Plan) -> None:
    """Every line has a cause: a line of a file of the repository."""
    for change in (*plan.changes, *plan.observed):
        assert change.causes or isinstance(change, Delete), change.address
        for cause in change.causes:
            assert 0 < cause.line <= len((root / cause.file).read_text().splitlines())


def unordered(case: Path, root: Path, expected: Fields, plan: Plan) -> None:
    """The plan hangs neither on the order of files, documents, rules, users and rows, nor on how Stytch answers."""
    with staged(case, root, expected, behaviour=OTHERWISE) as stage:
        shuffle(root)
        shown(stage.plan().plan, expected)
        assert [(one.id, one.mark) for one in stage.plan().plan.changes] == [(one.id, one.mark) for one in plan.changes]


def left_alone(before: Mapping[str, Fields], after: Mapping[str, Fields], applied: Sequence[Change]) -> None:
    """What no change names is as it was, and so is what a change does not mention."""
    changes = {change.id: change for change in applied}
    for id_, was in before.items():
        change = changes.get(id_)
        gone = changes.get(was["organization_id"])
        if isinstance(gone, Delete) and gone.kind == "Organization":
            assert id_ not in after
        elif change is None:
            assert after[id_] == was
        else:
            assert rest_of(after[id_], change) == rest_of(was, change)


def rest_of(thing: Fields, change: Change) -> Fields:
    """A thing without what ``change`` says, and without what Stytch itself does along with it."""
    paths = {field.path for field in change.fields} if isinstance(change, Update) else {("status",)}
    drop = {path[0] for path in paths if len(path) == 1} | {"updated_at"}
    if ("email_address",) in paths:
        drop |= {"email_address_verified", "retired_email_addresses", "member_password_id"}
    if ("roles",) in paths:
        drop |= {"is_admin"}
    rest = {key: value for key, value in thing.items() if key not in drop}
    for key in ("trusted_metadata", "untrusted_metadata"):
        mentioned = {path[1] for path in paths if path[0] == key and len(path) > 1} | {"reconciler"}
        rest[key] = {name: value for name, value in (rest.get(key) or {}).items() if name not in mentioned}
    return rest


def facts(stage: Stage, wanted: Fields) -> None:
    """What must be so in Stytch at the end."""
    for address, told in wanted.items():
        found = stage.find(address)
        if told == "none":
            assert found is None, address
            continue
        assert found is not None, address
        metadata = dict(found.get("trusted_metadata") or {})
        mark = metadata.pop("reconciler", "none")
        there = {**found, "trusted_metadata": metadata, "mark": mark, "roles": direct(found)}
        must = dict(told)
        if isinstance(told.get("mark"), dict):
            must["mark"] = {"v": 1, "owner": OWNER, "organization": found["organization_id"], **told["mark"]}
        assert {key: there.get(key) for key in must} == must, address


# ---- how things are written down


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def name(change: Change) -> str:
    return f"{'create' if isinstance(change, Create) else type(change).__name__.lower()} {change.address}"


def line(change: Change) -> dict[str, list[str]]:
    said = [] if isinstance(change, Delete) else [field_text(field) for field in change.fields]
    said += ["adopted"] * change.adopts + [f"withheld by {change.withheld_by}"] * bool(change.withheld_by)
    return {name(change): said}


def lines(changes: Sequence[Change]) -> list[dict[str, list[str]]]:
    return normal([line(change) for change in changes])


def normal(expected: Sequence[Mapping[str, list[str]]]) -> list[dict[str, list[str]]]:
    """The changes in their order; the fields of one in any."""
    return [{key: sorted(said) for key, said in one.items()} for one in expected]


def field_text(field: FieldChange) -> str:
    before, after = (
        " " + value_text(value) if value is not msgspec.UNSET else "" for value in (field.before, field.after)
    )
    return f"{'.'.join(field.path)}:{before} →{after}"


def value_text(value: Any) -> str:
    """A value as in YAML's flow style."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {value_text(inner)}" for key, inner in value.items()) + "}"
    plain = isinstance(value, str) and not re.fullmatch(r"|true|false|null|-?\d+(\.\d+)?", value)
    return str(value) if plain else f"'{value}'" if isinstance(value, str) else json.dumps(value)


def places(problem: Problem) -> list[str]:
    return [f"{place.file}:{place.line}" for place in problem.at]


def direct(member: Fields) -> list[str]:
    roles = member.get("roles") or ()
    return sorted(
        role["role_id"]
        for role in roles
        if role["role_id"] != "stytch_member"
        and any(source["type"] == "direct_assignment" for source in role["sources"])
    )


# ---- how a case is set up


@contextmanager
def staged(case: Path, root: Path, expected: Fields, behaviour: Sequence[str] = ()) -> Iterator[Stage]:
    """Copy the repository to ``root`` and put what ``live.yaml`` says into an emulator."""
    shutil.copytree(case, root, ignore=shutil.ignore_patterns(*NEVER_READ))
    if not (root / "reconciler.yaml").exists():
        shutil.copy(FOLDER / "reconciler.yaml", root)
    policy = next(path for path in (case / "policy.json", FOLDER / "policy.json") if path.exists())
    app = make(Options(rbac_policy=policy, behaviour=behaviour, faults=expected.get("faults", ())))
    try:
        stage = Stage(app, root, expected)
        if (case / "live.yaml").exists():
            place(stage, read(case / "live.yaml"))
        if (case / "consumer.jsonl").exists():
            for user in (case / "consumer.jsonl").read_text().splitlines():
                bulk.place_user(app, json.loads(user))
        yield stage
    finally:
        app.close()


def place(stage: Stage, live: Mapping[str, Fields]) -> None:
    ids = {slug: made_id("organization", stage, slug) for slug in live}
    for slug, told in resolved(live, ids).items():
        here = {"organization_id": ids[slug]}
        fields = {key: value for key, value in told.items() if key not in ("members", "deleted", "mark")}
        fields = {**here, "organization_slug": slug, **fields, **marked(told, ids[slug], ids)}
        bulk.place_organization(stage.app, fields, stage.environment)
        for status, part in (("active", "members"), ("deleted", "deleted")):
            for address, member in told.get(part, {}).items():
                id_ = made_id("member", stage, slug, address, status)
                seat = {**here, "member_id": id_, "email_address": address, "email_address_verified": True}
                seat |= {"status": status, **member, **marked(member, ids[slug], ids)}
                seat["roles"] = [role_of(role) for role in ("stytch_member", *seat.get("roles", ()))]
                seat.pop("mark", None)
                bulk.place_member(stage.app, seat, stage.environment)


def made_id(kind: str, stage: Stage, *key: str) -> str:
    return f"{kind}-{stage.environment.type}-{uuid.uuid5(uuid.NAMESPACE_URL, '/'.join(key))}"


def resolved(value: Any, ids: Mapping[str, str]) -> Any:
    """``$SLUG`` is the id of that organization."""
    if isinstance(value, dict):
        return {key: resolved(inner, ids) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, ids) for inner in value]
    return ids[value[1:]] if isinstance(value, str) and value.startswith("$") else value


def marked(told: Fields, organization_id: str, ids: Mapping[str, str]) -> Fields:
    if told.get("mark") is None:
        return {}
    mark = {"v": 1, "owner": OWNER, "organization": organization_id, **told["mark"]}
    mark["organization"] = ids.get(mark["organization"], mark["organization"])
    return {"trusted_metadata": {**told.get("trusted_metadata", {}), "reconciler": mark}}


def role_of(role: str | Mapping[str, str]) -> Fields:
    """``editor`` is a direct assignment, ``{viewer: email_assignment}`` comes from elsewhere."""
    ((role_id, source),) = role.items() if isinstance(role, Mapping) else ((role, "direct_assignment"),)
    return {"role_id": role_id, "sources": [{"type": source, "details": {}}]}


def outside_change(stage: Stage, address: str, fields: Fields) -> None:
    """Somebody else changes a thing, or makes one."""
    there = stage.find(address) or {}
    if "roles" in fields:
        fields = {**fields, "roles": [role_of(role) for role in ("stytch_member", *fields["roles"])]}
    place_one = bulk.place_organization if address.startswith("Organization/") else bulk.place_member
    place_one(stage.app, {**there, **fields}, stage.environment)


def shuffle(root: Path) -> None:
    """Turn round the order of files, of documents in a file, of rules in a document, of users and rows."""
    for folder in ("manifests", "rules"):
        files = sorted(path for path in (root / folder).rglob("*.y*ml"))
        for number, path in enumerate(reversed(files)):
            documents = re.split(r"^---\s*$", path.read_text(), flags=re.MULTILINE)
            path.with_name(f"{number:03}-{path.name}").write_text("\n---\n".join(map(turned, reversed(documents))))
            path.unlink()
    for path in (*root.glob("*.jsonl"), *root.glob("*.csv")):
        rows = path.read_text().splitlines(keepends=True)
        header = 1 if path.suffix == ".csv" else 0
        path.write_text("".join([*rows[:header], *reversed(rows[header:])]))


def turned(document: str) -> str:
    """A document of rules with its rules the other way round."""
    if "kind: MappingRules" not in document:
        return document.replace("...\n", "")
    head, rules = document.split("  rules:\n")
    items = re.split(r"^(?=    - )", rules, flags=re.MULTILINE)
    return f"{head}  rules:\n{''.join(reversed(items))}"


def test_cases_are_numbered() -> None:
    numbers = [int(case.name.split("-")[0]) for case in CASES]
    assert [wanted for wanted, number in zip_longest(range(1, len(CASES) + 1), numbers) if wanted != number] == []
