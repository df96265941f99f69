"""What nothing orders is written side by side, and what needs another is never under way with it."""

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import pipeline
from reconciler.apply.stop import Stop
from reconciler.apply.turns import Turns
from reconciler.apply.workers import Workers
from reconciler.clients.b2b import Client
from reconciler.clients.credentials import Rates
from reconciler.clients.pacing import Clock
from reconciler.clients.retry import Statistics
from reconciler.emulator.core.exchange import Lost, Request, Response
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.kinds import KINDS
from reconciler.model import Change, Create, Delete, FieldChange, Outcome, Update
from reconciler.plan.order import in_order
from reconciler.read.run import Run
from tests.connected import connected
from tests.everything import everything
from tests.memory_store import MemoryStore
from tests.repositories import OF_A_PROJECT, config_of, write

Step = tuple[str, str]
ACTIONS: Final[Mapping[str, type[Create | Update | Delete]]] = {"create": Create, "update": Update, "delete": Delete}
STEPS: Final = tuple(product(ACTIONS, KINDS))
SERIAL: Final = (  # there are few of these at most
    *("Project", "Environment", "RBACPolicy", "EventLogStreaming"),
    *("CountryCodeAllowlist", "PasswordStrengthConfig", "SDKConfig"),
)
PATIENCE: Final = 20.0  # seconds, where a test would hang


def change(action: str, kind: str, number: int, *, first: bool = False) -> Change:
    """One of a kind, in one of two organizations; ``first`` is what goes before others of the kind."""
    fields: dict[str, Sequence[FieldChange]] = {
        "RedirectURL": [FieldChange(path=("valid_types", "LOGIN"), after={"type": "LOGIN", "is_default": first})],
        "Environment": [FieldChange(path=("type",), after="LIVE" if first else "TEST")],
        "Member": [] if first else [FieldChange(path=("roles",), before=["stytch_admin"], after=[])],
    }
    inside = f"o{number % 2}" if KINDS[kind].namespace else None
    id = None if action == "create" else "1"
    return ACTIONS[action](kind=kind, namespace=inside, name=f"n{number}", id=id, fields=tuple(fields.get(kind, ())))


steps = st.tuples(st.sampled_from(STEPS), st.integers(0, 5), st.booleans())
plans = st.lists(steps, max_size=40, unique_by=lambda step: step[:2]).map(
    lambda found: in_order(change(*step, number, first=first) for step, number, first in found)
)


def directly(later: Step, earlier: Step) -> bool:
    """Whether a step waits for another, said in the plainest way."""
    (action, name), (before, other) = later, earlier
    kind, alone = KINDS[name], KINDS[name].identity.one_per_parent
    late = {reference.kind for reference in kind.references.values() if reference.late}
    early = {reference.kind for reference in kind.references.values() if not reference.late}
    founded = KINDS[other].order.opens_environment and not kind.order.opens_environment
    if action == "create":
        if before == "delete":
            return alone and name == other
        inside = before == "create" and other == kind.namespace
        return (
            inside or other in early | kind.order.after or (founded and (other != "Secret" or kind.api != "management"))
        )
    if action == "update":
        return (before == "create" and name == other) or (before in ("create", "update") and other in late)
    return before in ("create", "update") and not alone


@cache
def waits() -> Mapping[Step, frozenset[Step]]:
    """All that a step waits for, in however many steps in between; deletes come one kind after the other."""
    found = {later: {earlier for earlier in STEPS if later != earlier and directly(later, earlier)} for later in STEPS}
    for middle, later in product(STEPS, STEPS):
        if middle in found[later]:
            found[later] |= found[middle]
    return {later: frozenset(earlier) for later, earlier in found.items()}


def are_ordered(one: Change, other: Change) -> bool:
    steps = (one.action, one.kind), (other.action, other.kind)
    if steps[0] != steps[1]:
        last = all(step[0] == "delete" and not KINDS[step[1]].identity.one_per_parent for step in steps)
        return last or steps[0] in waits()[steps[1]] or steps[1] in waits()[steps[0]]
    order = KINDS[one.kind].order
    shared = order.shares(one)
    return order.rank(one) != order.rank(other) or (shared is not None and shared == order.shares(other))


@given(plans, st.integers(0, 2**32))
def test_what_is_ordered_is_never_under_way_together_and_everything_else_may_be(
    changes: tuple[Change, ...], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 # repeated by its seed
    turns, under_way, left = Turns(changes), set[int](), set(range(len(changes)))
    while not turns.are_over:
        while (place := turns.take()) is not None:
            assert not any(are_ordered(changes[place], changes[other]) for other in under_way)
            under_way.add(place)
            left.remove(place)
        for place in left:
            unfinished = [changes[other] for other in (*under_way, *left) if other < place]
            assert any(are_ordered(changes[place], other) for other in unfinished), f"{changes[place].address} waits"
        done = chance.choice(sorted(under_way))
        under_way.remove(done)
        turns.done(done)
    assert not left


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_says_what_its_changes_share(name: str) -> None:
    one, other = change("create", name, 1), change("create", name, 3)
    assert are_ordered(one, other) == (name in (*SERIAL, "SSOConnection", "SCIMConnection"))


class Fake:
    """A client of which only its time is asked."""

    def __init__(self) -> None:
        self.statistics, self.clock, self.now = Statistics(), Clock(), 0.0
        self.clock.monotonic = lambda: self.now  # type: ignore[method-assign] # nobody waits


class Meeting:
    """Writes that wait for one another: ``most`` were under way at once."""

    def __init__(self, fake: Fake, wanted: int, through: int) -> None:
        self._fake, self._wanted, self._through = fake, wanted, through  # the first ones wait for nobody
        self._changed = threading.Condition()
        self._here = self._begun = self.most = 0

    def __call__(self, change: Change) -> Outcome:
        with self._changed:
            self._begun += 1
            self._fake.now += 0.01
            if self._begun > self._through:
                self._here += 1
                self.most = max(self.most, self._here)
                self._changed.notify_all()
                assert self._changed.wait_for(lambda: self.most >= self._wanted, PATIENCE)
                self._here -= 1
        return Outcome.of(change, "applied")


def work(changes: Sequence[Change], write: Callable[[Change], Outcome], fake: Fake, rates: Rates) -> Sequence[str]:
    outcomes = Workers(changes, write, lambda _: None, cast("Client", fake), Stop(), rates).run()
    return [outcome.name for outcome in outcomes]


def test_more_are_under_way_as_long_as_the_rate_holds_nobody_back() -> None:
    rates, changes = Rates(), [change("create", "Member", number) for number in range(500)]
    fake = Fake()
    meeting = Meeting(fake, rates.in_flight, through=200)
    assert work(changes, meeting, fake, rates) == [one.name for one in changes], "in the order of the plan"
    assert meeting.most == rates.in_flight


def test_there_are_no_more_than_needed_where_the_rate_holds_them_back() -> None:
    fake, rates, names, lock = Fake(), Rates(), set[str](), threading.Lock()

    def held_back(change: Change) -> Outcome:
        with lock:
            names.add(threading.current_thread().name)
            fake.now += 0.01
            fake.statistics.waited += 0.01 * rates.in_flight / 2 / 2  # half of everybody's time
        return Outcome.of(change, "applied")

    work([change("create", "Member", number) for number in range(500)], held_back, fake, rates)
    assert len(names) <= rates.in_flight / 2


def test_nothing_follows_an_error_that_nobody_foresaw() -> None:
    def broken(_: Change) -> Outcome:
        raise SystemExit(7)

    with pytest.raises(SystemExit):
        work([change("create", "Project", number) for number in range(3)], broken, Fake(), Rates())


# With requests


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


class Crowd:
    """An app's ``respond`` that answers creates at ``path`` only when so many of them have come."""

    def __init__(self, app: App, path: str, number: int) -> None:
        self._respond, self._path = app.respond, path
        self._met = threading.Barrier(number)
        self.answer: Callable[[Response], Response] = lambda response: response

    def __call__(self, request: Request) -> Response:
        response = self._respond(request)
        if request.method == "POST" and request.path.endswith(self._path):
            self._met.wait(PATIENCE)
            return self.answer(response)
        return response


def manifest(kind: str, name: str, rest: str = "") -> str:
    return f"---\napiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: '{name}'}}\n{rest}"


def run(root: Path, app: App, store: MemoryStore, *manifests: str) -> Sequence[Outcome]:
    config = config_of(write(root, {"reconciler.yaml": OF_A_PROJECT, "manifests/all.yaml": "".join(manifests)}))
    with connected(app) as client:
        here = Run(config, client, store)
        return pipeline.apply(here, pipeline.plan(here), lambda _: None).outcomes


@pytest.mark.parametrize(("kind", "path"), [("Secret", "/secrets"), ("RedirectURL", "/redirect_urls")])
def test_settings_are_written_side_by_side(
    tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch, kind: str, path: str
) -> None:
    spec = "spec: {valid_types: [{type: LOGIN}]}\n" if kind == "RedirectURL" else ""
    names = [f"https://a.example/{number}" if spec else f"SECRET_{number}" for number in range(8)]
    monkeypatch.setattr(app, "respond", Crowd(app, path, len(names)))
    outcomes = run(tmp_path, app, MemoryStore({}), *(manifest(kind, name, spec) for name in names))
    assert {outcome.address: outcome.result for outcome in outcomes} == {f"{kind}/{name}": "applied" for name in names}


def test_a_lost_answer_is_not_taken_for_what_others_make_at_the_same_time(
    tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, store, lost = [f"SECRET_{number}" for number in range(5)], MemoryStore({}), list[Any]()

    def losing(response: Response) -> Response:
        if lost:
            return response
        lost.append(response)
        return replace(response, lost=Lost.DROPPED)

    before = {key[2] for key in everything(app) if key[1] == "secret"}
    monkeypatch.setattr(app, "respond", crowd := Crowd(app, "/secrets", len(names)))
    crowd.answer = losing
    outcomes = run(tmp_path, app, store, *(manifest("Secret", name) for name in names))
    (held,) = [outcome for outcome in outcomes if outcome.result != "applied"]
    (unknown,) = {key[2] for key in everything(app) if key[1] == "secret"} - before - {*store.ids.values()}
    assert held.result == "withheld"
    assert f"created {unknown}:" in held.reason
    assert len(store.ids) == len(names) - 1


def test_one_that_was_made_is_in_nobody_elses_doubt(tmp_path: Path, app: App) -> None:
    """Two runs at once cut short: the journal proves whose one is, so that the other is simply made."""
    names, store = ["FIRST_SECRET", "SECOND_SECRET"], MemoryStore({})
    run(tmp_path, app, store, manifest("Secret", names[0]))
    made = store.ids.pop(names[0])
    store.texts.pop(names[0])
    (journal,) = (tmp_path / ".reconciler").glob("journal-*")
    journal.unlink()
    there = sorted({key[2] for key in everything(app) if key[1] == "secret"} - {made})
    lines = [
        {"event": event, "address": f"Secret/{name}", "action": "create", **more}
        for name in names
        for event, more in (("intent", {}), ("note", {"there": there}))
    ]
    lines.append({"event": "made", "address": f"Secret/{names[0]}", "action": "create", "id": made})
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    outcomes = run(tmp_path, app, store, *(manifest("Secret", name) for name in names))
    assert {(outcome.name, outcome.action, outcome.result) for outcome in outcomes} == {
        (names[0], "update", "applied"),
        (names[1], "create", "applied"),
    }
