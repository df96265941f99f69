"""The life of a thing of every kind, through the command line; each file of tests/kinds says what to do to one.

Of a kind that has several sorts there is a file for each, ``KIND.SORT.yaml``.

``name``, ``namespace`` and ``spec`` are its manifest, ``beside`` other documents that are there all the time,
``target`` what ``reconciler.yaml`` says where that is not the emulator's own test environment (which is then asked
for with the workspace key alone), ``secrets`` variables of the environment, ``calls`` what is done in Stytch before
it all (as in tests/scenarios), ``known`` calls that keep the ids of what was made. ``fields`` changes the spec step
by step, each a piece of it (sections are put together, everything else replaced; a section that is null goes), which
shows in the plan as the paths of that piece, or as ``shows`` says; ``unchangeable`` says of a field why nothing else
can be declared. ``fixed`` are pieces that Stytch would not change and that we refuse. ``behind`` are calls behind
git's back and what they show; ``gone`` answers at the end, when the thing is ``absent``; ``behaviour`` switches of
the emulator.
"""

import contextlib
import io
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml
from msgspec import Struct

from reconciler.commands import cli
from reconciler.emulator.core.behaviour import Behaviour, parse_switches
from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.management.projects import SLUG
from reconciler.emulator.seed.running import Options, make, running
from reconciler.emulator.server.app import App
from reconciler.kinds import KINDS
from reconciler.schema.kind import Kind
from reconciler.schema.traits import Merged, fields_of
from tests.stages import OWNER, WORKSPACE, Fields, Stage, is_read, read, resolved, texts
from tests.test_scenarios import OTHERWISE, answers

FOLDER = Path(__file__).parent.parent / "kinds"
OF_THEIR_OWN = {"Organization", "Member"}  # have scenarios by the dozen
NAMES = sorted(KINDS.keys() - OF_THEIR_OWN)
LIVES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
REPLANS = 20  # a whole project is planned a thousand times in test_steady.py
HERE = {"project": "b2b", "environment": "test"}
RESERVED = ("shows", "secrets")


class Counted:
    """An app's ``respond`` that counts writes."""

    def __init__(self, app: App) -> None:
        self._respond, self.number = app.respond, 0
        app.respond = self  # type: ignore[method-assign] # that is how to see them

    def __call__(self, request: Request) -> Response:
        self.number += not is_read(request.method, request.path)
        return self._respond(request)


class Repository:
    """A repository with one thing of a kind in it, and the command line."""

    def __init__(self, root: Path, told: Fields, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.told, self.kind, self._monkeypatch = root, told, kind, monkeypatch
        self.spec: Fields = dict(told.get("spec") or {})
        self.names: Mapping[str, str] = {}
        target = told.get("target", HERE)
        keeps = {"file": "credentials.env", "ephemeral": True}
        settings = {
            "target": target,
            "credentials": keeps,
            "rates": {"requests_per_second": 10_000, "searches_per_minute": 100_000},
        }
        self._write("reconciler.yaml", [{"kind": "Configuration", "name": OWNER, "environments": {"test": settings}}])
        (root / "manifests").mkdir()
        if beside := told.get("beside"):
            self._write("manifests/beside.yaml", beside)
        # What the program sets for its whole process is not for this one.
        monkeypatch.setattr("reconciler.commands.cli.signal.signal", lambda *_: None)
        monkeypatch.setattr("reconciler.commands.cli.gc.set_threshold", lambda *_: None)

    def environment(self, variables: Mapping[str, str]) -> None:
        """Give the command line its credentials, and the secrets of the case."""
        for name, value in variables.items():
            if "target" not in self.told or name in WORKSPACE or name.endswith(("_URL", "_URI", "_STATE")):
                self._monkeypatch.setenv(name, value)
        self.secrets(self.told.get("secrets", {}))

    def secrets(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(name, resolved(value, texts()))

    @property
    def address(self) -> str:
        return "/".join(filter(None, (self.kind, self.told.get("namespace"), self.told["name"])))

    def declare(self, spec: Fields | None) -> None:
        """Write the manifest of the thing; without a spec it is to be absent."""
        metadata = {"namespace": self.told.get("namespace"), "name": self.told["name"]}
        document: Fields = {
            "kind": self.kind,
            "metadata": {name: value for name, value in metadata.items() if value is not None},
            **({"spec": resolved(spec, {**texts(), **self.names})} if spec else {}),
        }
        if spec is None:
            document |= {"ensure": "absent", "lifecycle": {"allow_delete": self.told["name"]}}
        self._write("manifests/thing.yaml", [document])

    def run(self, *arguments: str) -> tuple[int, Any]:
        """What a command ends with, and what it prints."""
        self._monkeypatch.setattr(sys, "argv", ["reconciler", "-C", str(self.root), *arguments, "--format", "json"])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), json.loads(printed.getvalue())

    def shows(self, *, command: str = "plan") -> list[str]:
        """The paths of the one change that a plan, or the drift, holds."""
        code, plan = self.run(command)
        changes = plan["changes"]
        assert (code, [each["address"] for each in changes]) == (2, [self.address] * len(changes)), (code, plan)
        return sorted(f"{'.'.join(field['path'])}" for each in changes for field in each["fields"])

    def settled(self, *, command: str = "plan") -> None:
        code, plan = self.run(command)
        assert (code, plan["changes"], problems(plan)) == (0, [], []), plan

    def apply(self, writes: Counted | None = None) -> None:
        """Apply, with as many writes as the plan says that it takes."""
        _, plan = self.run("plan")
        before = writes.number if writes else 0
        code, told = self.run("apply", "--yes")
        assert code == 0, told["outcomes"]
        assert writes is None or writes.number - before == plan["cost"]["writes"], plan["changes"]

    def _write(self, name: str, documents: list[Fields]) -> None:
        versioned = [{"apiVersion": "reconciler/v1", **each} for each in documents]
        (self.root / name).write_text(yaml.safe_dump_all(versioned, sort_keys=False), encoding="utf-8")


def problems(plan: Fields) -> list[str]:
    """What is told besides the changes; that there is no secret of an environment is known where a case has none."""
    return [each["code"] for each in plan["problems"] if each["code"] != "unread"]


@pytest.fixture
def repository(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    kind = request.param.partition(".")[0]
    return Repository(tmp_path, read(FOLDER / f"{request.param}.yaml"), kind, monkeypatch)


def stage_of(app: App, repository: Repository) -> Stage:
    stage = Stage(app, repository.root, {})
    stage.call(repository.told.get("calls", ()))
    repository.names = stage.names
    return stage


@pytest.mark.parametrize("repository", LIVES, indirect=True)
def test_a_life(repository: Repository) -> None:
    with running(Options(behaviour=repository.told.get("behaviour", ()))) as server:
        repository.environment(server.environment)
        stage, writes = stage_of(server.app, repository), Counted(server.app)
        made(repository, writes)
        stage.call(repository.told.get("known", ()))
        for piece in repository.told.get("fields", ()):
            changed(repository, writes, piece)
        for piece in repository.told.get("fixed", ()):
            refused(repository, piece)
        for call in repository.told.get("behind", ()):
            stage.call([{key: value for key, value in call.items() if key != "shows"}])
            if "shows" in call:
                repaired(repository, writes, call["shows"])
        ended(repository, writes)
        answers(stage, repository.told.get("gone", ()))


def made(repository: Repository, writes: Counted) -> None:
    """It is created, or set, once."""
    repository.declare(repository.spec)
    repository.shows()
    repository.apply(writes)
    repository.settled()


def changed(repository: Repository, writes: Counted, piece: Fields) -> None:
    """A change of one field shows as that, is made, and does not come back."""
    before = repository.spec
    repository.spec = together(KINDS[repository.kind], before, piece)
    repository.declare(repository.spec)
    repository.secrets(piece.get("secrets", {}))
    assert repository.shows() == sorted(piece.get("shows", paths(KINDS[repository.kind], piece)))
    repository.apply(writes)
    repository.settled()


def refused(repository: Repository, piece: Fields) -> None:
    """What cannot be changed is a problem, and nothing is planned."""
    repository.declare(together(KINDS[repository.kind], repository.spec, piece))
    code, plan = repository.run("plan")
    assert (code, plan["changes"], problems(plan)) == (3, [], ["create-only"]), plan
    repository.declare(repository.spec)


def repaired(repository: Repository, writes: Counted, shows: list[str]) -> None:
    """A change behind git's back is drift, and what is declared is restored."""
    assert repository.shows(command="drift") == sorted(shows)
    repository.apply(writes)
    repository.settled(command="drift")


def ended(repository: Repository, writes: Counted) -> None:
    """It goes, or is reset, once."""
    repository.declare(None)
    code, plan = repository.run("plan")
    changes = [(each["action"], each["address"]) for each in plan["changes"]]
    assert (code, changes) == (2, [("delete", repository.address)]), plan
    repository.apply(writes)
    repository.settled()


@pytest.mark.parametrize("repository", LIVES, indirect=True)
def test_it_stays_settled_however_stytch_answers(repository: Repository) -> None:
    switches = repository.told.get("behaviour", ())
    app = make(Options(behaviour=switches))
    with served(app) as variables:
        repository.environment(variables)
        stage_of(app, repository)
        for piece in repository.told.get("fields", ()):
            repository.spec = together(KINDS[repository.kind], repository.spec, piece)
            repository.secrets(piece.get("secrets", {}))
        repository.declare(repository.spec)
        repository.apply()
        draw = random.Random(repository.kind)  # noqa: S311 # the same every time
        for _ in range(REPLANS):
            app.behaviour = otherwise(draw, switches)
            repository.settled()


@contextlib.contextmanager
def served(app: App) -> Iterator[Mapping[str, str]]:
    try:
        with running(app=app) as server:
            yield server.environment
    finally:
        app.close()


def otherwise(draw: random.Random, switches: Sequence[str] = ()) -> Behaviour:
    """What Stytch does not promise, some of it the other way round; lists come in another order each time."""
    some = [switch for switch in OTHERWISE if draw.random() < 0.5]
    return parse_switches(
        [*some, *switches, "search_order=random", f"set_order={draw.choice(('kept', 'sorted', 'reversed'))}"]
    )


def test_every_kind_has_its_life() -> None:
    assert sorted({name.partition(".")[0] for name in LIVES}) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_life_covers_every_field(name: str) -> None:
    lives, kind = [read(FOLDER / f"{life}.yaml") for life in LIVES if life.partition(".")[0] == name], KINDS[name]
    pieces = [piece for told in lives for part in ("fields", "fixed") for piece in told.get(part, ())]
    changed = {path for piece in pieces for path in paths(kind, piece)}
    changed |= {path for told in lives for path in told.get("unchangeable", {})}
    changed |= {path.partition(".")[0] for path in changed}
    assert set(every_path(kind)) - changed == set()
    assert all("behind" in told for told in lives) or not fields_of(kind.spec)


def every_path(kind: Kind) -> Iterator[str]:
    """The fields of a kind's spec, and of its sections whose fields are managed one by one."""
    for field in fields_of(kind.spec).values():
        sections = [each for each in get_args(field.hint) if isinstance(each, type) and issubclass(each, Struct)]
        if field.trait(Merged) and sections:
            yield from (f"{field.name}.{each}" for each in sections[0].__struct_fields__)
        else:
            yield field.name


def paths(kind: Kind, piece: Fields) -> Iterator[str]:
    """The paths of a piece of a spec, as a plan shows them."""
    for name, value in piece.items():
        if name in kind.merged and isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
        elif name not in RESERVED:
            yield name


def together(kind: Kind, spec: Fields, piece: Fields) -> Fields:
    """A spec with a piece put over it."""
    result = dict(spec)
    for name, value in piece.items():
        if name in kind.merged and isinstance(value, dict):
            result[name] = {**result.get(name, {}), **value}
        elif name in kind.merged:
            del result[name]
        elif name not in RESERVED:
            result[name] = value
    return result


@pytest.mark.parametrize("kind", ["Project", "Environment"])
@pytest.mark.parametrize("slug", ["a", "1.0", "Acme_EU~2", "-", "a" * 128, "", "a b", "ä", "a\n", "a/b", "a" * 129])
def test_slugs_of_the_workspace_are_those_that_the_emulator_takes(kind: str, slug: str) -> None:
    taken = contextlib.nullcontext() if SLUG.fullmatch(slug) else pytest.raises(msgspec.ValidationError)
    with taken:
        assert msgspec.convert(slug, KINDS[kind].key.type) == slug


def test_event_logs_on_their_way_to_active_are_taken_for_active() -> None:
    normalize = KINDS["EventLogStreaming"].normalize
    assert normalize({"streaming_status": "PENDING"}) == normalize({"streaming_status": "ACTIVE"})
    assert normalize({"streaming_status": "DISABLED"}) == {"streaming_status": "DISABLED"}
