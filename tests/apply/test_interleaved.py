"""Two runs of one repository from two machines at once, in every order: nothing is made twice, and both come to rest.

Both have planned when the first of them writes. One makes some requests, then the other one, and so on: every way in
which two runs can take turns up to three times is tried, one request after the other. What a machine keeps to itself,
its journal and its credentials, the other one does not see.
"""

import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import pytest
import yaml

from reconciler import pipeline
from reconciler.config.read import Config
from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.seed.placing import counts
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.kinds import KINDS
from reconciler.model import Outcome, Plan
from reconciler.plan.planned import Planned
from reconciler.read.run import Run
from tests.apply.test_cut_short import ID, state
from tests.emulator.certificates import certificate
from tests.everything import everything
from tests.memory_store import MemoryStore
from tests.repositories import config_of, write
from tests.whole_project import REPOSITORY, SECRETS, asked

Document = dict[str, Any]
EVERY_TURN: Final = "STYTCH_RECONCILER_WHOLE" in os.environ  # and not only some of them
SECRET: Final = "M2M_CLIENT_BILLING_SECRET"  # the name of one
ALL: Final = 1_000_000  # requests: to the end
UNNAMED: Final = {"Secret", "PublicToken"}
DOUBLED: Final = {"secret", "public_token"}  # nothing tells whether the other one is the same


class Turns:
    """Lets two runs make requests in turn: ``schedule`` says which of them makes how many before the other one does.

    At its end both make as many as they need, the one that is last in it first.
    """

    def __init__(self, schedule: Sequence[tuple[int, int]]) -> None:
        self._left = [list(turn) for turn in schedule]
        self._ended: set[int] = set()
        self._changed = threading.Condition()

    def wait(self, side: int) -> None:
        """Return once it is a side's turn, for one more request."""
        with self._changed:
            while self._left and self._left[0] == [side, 0]:
                self._left.pop(0)
                self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._is_on(side), 60):
                raise AssertionError(f"side {side} waits for ever: {self._left}")
            if self._left:
                self._left[0][1] -= 1

    def end(self, side: int) -> None:
        """Let the other side do the rest."""
        with self._changed:
            self._ended.add(side)
            self._changed.notify_all()

    def _is_on(self, side: int) -> bool:
        while self._left and self._left[0][0] in self._ended:
            self._left.pop(0)
        return not self._left or self._left[0][0] == side


class Side:
    """The app as one of two runs sees it, once they take turns."""

    def __init__(self, app: App, number: int) -> None:
        self._app, self.number = app, number
        self.turns: Turns | None = None
        self.requests = 0

    def respond(self, request: Request) -> Response:
        if self.turns:
            self.turns.wait(self.number)
        self.requests += 1
        return self._app.respond(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)


def _whole() -> Iterator[Document]:
    for path in sorted((REPOSITORY / "manifests").rglob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


WHOLE: Final = {(each["kind"], each["metadata"]["name"]): each for each in _whole()}
PROJECT: Final = [WHOLE["Project", "acme-b2b"], WHOLE["Environment", "production"], WHOLE["Secret", "STYTCH_SECRET"]]
ACME: Final = {**WHOLE["Organization", "acme"], "spec": {"organization_name": "Acme"}}
BEFORE: Final = [*PROJECT, ACME, WHOLE["RBACPolicy", "default"]]


def _more(kind: str, name: str, **spec: Any) -> Document:
    return {"apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


# What is there before, and what both runs make of it, by the kind that is tried.
CASES: Final[dict[str, tuple[list[Document], list[Document]]]] = {
    "Project": ([], PROJECT),
    "Environment": (PROJECT, [WHOLE["Environment", "staging"]]),
    "Secret": (BEFORE, [{**WHOLE["Secret", "STYTCH_SECRET"], "metadata": {"name": "SPARE_SECRET"}}]),
    "DefaultEmailTemplate": (BEFORE, [WHOLE["EmailTemplate", "sign-in"], WHOLE["DefaultEmailTemplate", "LOGIN"]]),
    "Organization": (BEFORE, [_more("Organization", "globex", organization_name="Globex", mfa_policy="OPTIONAL")]),
    "VerdictReasonOverride": (BEFORE, [_more("VerdictReasonOverride", "VIRTUAL_MACHINE", override_action="ALLOW")]),
    "RBACPolicy": ([*PROJECT, ACME], [WHOLE["RBACPolicy", "default"]]),
    **{
        f"{kind}/{name}": (BEFORE, [document])
        for (kind, name), document in WHOLE.items()
        if kind not in ("Project", "Environment", "Secret", "DefaultEmailTemplate", "Organization", "RBACPolicy")
    },
}


PEM: Final = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEid2Y52hfRF7+IgZ0jxdrG2sp3gUf
/6Cy8N5UUncpYV0/Ew6vir0J3d/RwL1MOoUlTpnF39EAj9exWPMmg/L70Q==
-----END PUBLIC KEY-----
"""
OKTA: Final = WHOLE["SSOConnection", "Okta"]["spec"]
SIGN_IN: Final = WHOLE["EmailTemplate", "sign-in"]["spec"]
# What is different in the spec of a thing that is there.
OTHERWISE: Final[dict[tuple[str, str], Document]] = {
    ("Project", "acme-b2b"): {"name": "Acme Corp"},
    ("Environment", "staging"): {"name": "Stage", "user_lock_threshold": 5},
    ("RedirectURL", "https://acme.example/authenticate"): {"valid_types": [{"type": "INVITE"}, {"type": "DISCOVERY"}]},
    ("JWTTemplate", "SESSION"): {"custom_audience": "other"},
    ("CountryCodeAllowlist", "sms"): {"country_codes": ["FR", "US"]},
    ("PasswordStrengthConfig", "default"): {"luds_min_password_length": 12},
    ("SDKConfig", "default"): {"basic": {"enabled": True, "domains": [{"domain": "https://other.acme.example"}]}},
    ("RBACPolicy", "default"): {
        "custom_resources": [{"resource_id": "document", "available_actions": ["read", "share"]}],
        "custom_roles": [{"role_id": "viewer", "permissions": [{"resource_id": "document", "actions": ["read"]}]}],
    },
    ("TrustedTokenProfile", "partner"): {"audience": "other", "pem_files": [PEM]},
    ("EventLogStreaming", "DATADOG"): {
        "destination_config": {"datadog": {"api_key": {"secret": "DATADOG_KEY"}, "site": "US"}},
        "streaming_status": "DISABLED",
    },
    ("EmailTemplate", "sign-in"): {
        "name": "Welcome",
        "custom_html_customization": {**SIGN_IN["custom_html_customization"], "subject": "Hello"},
    },
    ("M2MClient", "billing"): {"scopes": [], "client_name": "Money", "trusted_metadata": {"team": "it"}},
    ("ConnectedApp", "Partner"): {
        "redirect_urls": ["https://partner.example/other"],
        "access_token_expiry_minutes": 15,
    },
    ("DFPRule", "cidr_block/10.20.0.0/16"): {"action": "CHALLENGE", "expires_at": "2098-01-31T12:00:00Z"},
    ("VerdictReasonOverride", "VIRTUAL_MACHINE"): {"override_action": "CHALLENGE"},
    ("Organization", "globex"): {"organization_name": "Globex Corp", "trusted_metadata": {"tier": "gold"}},
    ("SSOConnection", "Okta"): {
        "idp_sso_url": "https://other.okta.example/sso",
        "x509_certificate": certificate("okta-2027") + certificate("okta-2028"),
        "saml_group_implicit_role_assignments": [{"role_id": "editor", "group": "writers"}],
    },
    ("SSOConnection", "Acme's own"): {"issuer": "https://login.acme.example/realms/acme"},
    ("SCIMConnection", "Okta"): {"identity_provider": "generic"},
    ("Member", "ann@acme.example"): {"name": "Ann Smith", "roles": ["stytch_admin"]},
}


def _of(documents: Sequence[Document], *, without: Sequence[Document]) -> list[Document]:
    keys = [(each["kind"], each["metadata"]["name"]) for each in without]
    return [each for each in documents if (each["kind"], each["metadata"]["name"]) not in keys]


def _changes() -> Iterator[tuple[str, tuple[list[Document], list[Document]]]]:
    """Yield, of each thing that may be otherwise, its change and its end."""
    every = [*WHOLE.values(), *CASES["Organization"][1], *CASES["VerdictReasonOverride"][1]]
    for (kind, name), fields in OTHERWISE.items():
        there = next(each for each in reversed(every) if (each["kind"], each["metadata"]["name"]) == (kind, name))
        before = [*_of(BEFORE, without=[there]), there]
        yield f"other {kind}/{name}", (before, [{**there, "spec": {**there.get("spec", {}), **fields}}])
        if kind not in ("Project", "Environment", "Organization"):  # whose deletes guards withhold
            end = {"ensure": "absent", "lifecycle": {"allow_delete": name}}
            yield f"no {kind}/{name}", (before, [{key: each for key, each in there.items() if key != "spec"} | end])


CASES.update(_changes())


class Machine:
    """A checkout of the repository, and what this machine alone keeps: a store of credentials and its journals."""

    def __init__(self, root: Path, documents: Sequence[Document], known: MemoryStore | None = None) -> None:
        text = yaml.safe_dump_all(documents)
        settings = (REPOSITORY / "reconciler.yaml").read_text(encoding="utf-8")
        self.config: Config = config_of(write(root, {"reconciler.yaml": settings, "manifests/all.yaml": text}))
        self.store = MemoryStore(SECRETS)
        if known:
            self.store.texts |= known.texts
            self.store.ids |= known.ids

    @contextmanager
    def at(self, app: App, number: int = 0) -> Iterator["At"]:
        """Reach the app, and keep the client from the plan to the last write."""
        side = Side(app, number)
        with asked(self.config, cast("App", side)) as client:
            yield At(side, Run(self.config, client, self.store))

    def plan(self, app: App) -> Plan:
        with self.at(app) as here:
            return pipeline.plan(here.run).plan

    def apply(self, app: App) -> Sequence[Outcome]:
        with self.at(app) as here:
            return here.apply(pipeline.plan(here.run))


@dataclass
class At:
    """A run of a machine, and the app as it sees it."""

    side: Side
    run: Run

    def apply(self, planned: Planned) -> Sequence[Outcome]:
        try:
            return pipeline.apply(self.run, planned, lambda _: None).outcomes
        finally:
            if self.side.turns:
                self.side.turns.end(self.side.number)


class World:
    """An emulated Stytch in which something is there already, as often as it is needed from the start."""

    def __init__(self, root: Path, before: Sequence[Document]) -> None:
        self._root = root
        self.known = MemoryStore({})
        self._file = root / "before.db"
        app = make(Options(database=self._file))
        if before:
            first = Machine(root / "first", before)
            assert {outcome.result for outcome in first.apply(app)} == {"applied"}
            self.known = first.store
        app.close()

    @contextmanager
    def again(self) -> Iterator[App]:
        copy = self._root / "copy.db"
        shutil.copyfile(self._file, copy)
        app = make(Options(database=copy))
        try:
            yield app
        finally:
            app.close()


def together(app: App, machines: Sequence[Machine], turns: Turns) -> list[Sequence[Outcome]]:
    """Let two machines plan and then apply at once, and return what became of it on each."""
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        runs = [stack.enter_context(machine.at(app, number)) for number, machine in enumerate(machines)]
        plans = [pipeline.plan(each.run) for each in runs]
        for each in runs:
            each.side.turns = turns
        return list(pool.map(At.apply, runs, plans))


class Trial:
    """A case, and what one machine alone makes of it by how many requests."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        before, made = CASES[name]
        self._root, self._documents = root, [*_of(before, without=made), *made]
        self._numbers = count()
        self.made = {each["kind"] for each in made}
        self.world = World(root, before)
        with self.world.again() as app:
            alone = self.machine()
            with alone.at(app) as here:
                planned = pipeline.plan(here.run)
                before_it = here.side.requests
                here.apply(planned)
            self.requests = here.side.requests - before_it
            self.wanted, self.sorts = state(app), sorts(app)
            assert rest_of(alone.plan(app)) == []

    def _works(self, app: App, secret: str) -> bool:
        """Whether a client has a secret, if the case leaves the client there."""
        environments = {(each.project_slug, each.slug): each for each in app.workspace.environments}
        here = environments["acme-b2b", "production"]
        return self.name == "no M2MClient/billing" or counts(app, "m2m_client", "billing", secret, here)

    def machine(self) -> Machine:
        return Machine(self._root / f"machine-{next(self._numbers)}", self._documents, self.world.known)

    def check(self, schedule: Sequence[tuple[int, int]]) -> None:
        """Let two machines work by a schedule, and see to it that nothing is there twice and that they come to rest."""
        with self.world.again() as app:
            machines = [self.machine(), self.machine()]
            outcomes = [outcome for each in together(app, machines, Turns(schedule)) for outcome in each]
            assert [each.detail for each in outcomes if not (each.result == "applied" or is_moved(each))] == [], (
                schedule
            )
            doubled = sorts(app) - self.sorts
            assert doubled.keys() <= DOUBLED, schedule
            machines[0].apply(app)
            assert doubled or state(app) == self.wanted, schedule
            for plan in (machine.plan(app) for machine in machines):
                assert list(plan.changes) == [], schedule
                assert [each.reason for each in plan.held if each.kind not in UNNAMED] == [], schedule
            stored = [machine.store.texts[SECRET] for machine in machines if SECRET in machine.store.texts]
            assert [each for each in stored if not self._works(app, each)] == [], schedule
            assert len(stored) == (self.name == "M2MClient/billing") or " " in self.name, schedule
            held = self.machine().plan(app).held  # where nobody knows what the others keep
            assert {each.kind for each in held} == (self.made & UNNAMED if doubled else set()), schedule
            assert all(ID.search(each.reason) for each in held), schedule


def sorts(app: App) -> Counter[str]:
    return Counter(sort for _, sort, _ in everything(app))


def is_moved(outcome: Outcome) -> bool:
    """Whether an outcome says that something came in between, and names what: by its id, or that is its name."""
    named = outcome.id or ID.search(outcome.detail) or outcome.kind in ("M2MClient", "DFPRule")
    return outcome.result == "withheld" and bool(named)


def rest_of(plan: Plan) -> list[str]:
    return [each.address for each in (*plan.changes, *plan.held)]


def test_every_kind_is_tried() -> None:
    assert {name.partition("/")[0] for name in CASES if " " not in name.partition("/")[0]} == {*KINDS}
    assert {kind for kind, _ in OTHERWISE} == {*KINDS} - {"Secret", "PublicToken", "DefaultEmailTemplate"}


@pytest.fixture(params=CASES, scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Trial:
    return Trial(tmp_path_factory.mktemp("trial"), request.param)


def test_one_run_between_any_two_requests_of_the_other(trial: Trial) -> None:
    for first in range(trial.requests + 1):
        trial.check([(0, first), (1, ALL), (0, ALL)])


def test_in_lockstep(trial: Trial) -> None:
    for first in (0, 1):
        trial.check([((first + turn) % 2, 1) for turn in range(2 * trial.requests + 10)])


@pytest.mark.slow
def test_any_three_turns(trial: Trial) -> None:
    for first in range(trial.requests + 1):
        for second in range(1, trial.requests + 1, 1 if EVERY_TURN else 4):
            trial.check([(0, first), (1, second), (0, ALL), (1, ALL)])


@pytest.mark.slow
def test_random_turns(trial: Trial) -> None:
    for seed in range(20 if EVERY_TURN else 4):
        random = Random(seed)  # noqa: S311 # so that it is the same every time
        trial.check([(random.randrange(2), random.randrange(1, 3)) for _ in range(40)])


def test_side_by_side(trial: Trial) -> None:
    trial.check([])
