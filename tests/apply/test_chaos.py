"""Any weather, any number of runs that it cuts short: a few calm runs later all is as if there had been none.

Each seed is one storm: a tenth or three tenths of all answers go wrong, for up to a minute there is none, and
some runs die at a request. Nothing that is not ours is touched meanwhile, and in the end nothing is there twice.
``STYTCH_RECONCILER_STORMS=2000`` sets the number of storms, ``STYTCH_RECONCILER_STORM=SEED`` repeats one.
"""

import base64
import json
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler import pipeline
from reconciler.apply.earlier import unfinished
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials
from reconciler.config.read import Config
from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, make, variables
from reconciler.emulator.server.app import App
from reconciler.emulator.server.faults import Faults
from reconciler.emulator.server.transport import EmulatorTransport, request_of
from reconciler.errors import ReconcilerError, Unreadable
from reconciler.model import Outcome
from reconciler.read.run import Run
from tests.apply.test_cut_short import doubtful, state, undisturbed, usable
from tests.connected import VirtualClock
from tests.everything import Everything, everything
from tests.memory_store import MemoryStore
from tests.repositories import config_of, write
from tests.weather import Killed, Weather
from tests.whole_project import SECRETS, copied, stytch
from tests.whole_project import applied as applied_from_nothing

STORMS: Final = int(os.environ.get("STYTCH_RECONCILER_STORMS", "24"))
ONE: Final = os.environ.get("STYTCH_RECONCILER_STORM")
SEEDS: Final = [int(ONE)] if ONE else list(range(STORMS))
CALM_RUNS: Final = (
    3  # that it takes at most: one that finds what was left open, one that does the rest, one for nothing
)
CONFIGURATION: Final = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments:
  test:
    target: {project: b2b, environment: test}
    users: {file: users.jsonl}
    authority: {Member: authoritative, Organization: authoritative, RedirectURL: authoritative}
    guards:
      max_delete_percent: 100
      max_delete_percent_per_organization: 100
      max_organization_loss_percent: 100
      max_organization_deletes: 5
      max_update_percent: 100
      max_shrink_percent: 100
      max_missing_users_percent: 100
"""
RULES: Final = """\
apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: employees}
spec:
  rules:
    - name: by-email-domain
      match: {email_domain: {organization: trusted_metadata.email_domains}}
      assign: [{organization: "${{ organization.name }}", name: "${{ user.name.first_name }}"}]
"""
OF_A_COMPANY: Final = """\
apiVersion: reconciler/v1
kind: Organization
metadata: {name: %(name)s}
spec: {organization_name: %(title)s, mfa_policy: %(mfa)s, trusted_metadata: {email_domains: [%(name)s.example]}}
---
apiVersion: reconciler/v1
kind: RedirectURL
metadata: {name: "https://%(name)s.example/%(path)s"}
spec: {valid_types: [{type: LOGIN}]}
---
apiVersion: reconciler/v1
kind: M2MClient
metadata: {name: %(name)s-jobs}
spec: {scopes: [%(scope)s]}
---
"""
Files = dict[str, str]


def company(rng: random.Random, name: str) -> str:
    return OF_A_COMPANY % {
        "name": name,
        "title": f"{name.title()} {rng.randrange(3)}",
        "mfa": rng.choice(("OPTIONAL", "REQUIRED_FOR_ALL")),
        "path": rng.choice(("callback", "login")),
        "scope": rng.choice(("read", "write")),
    }


def repository(rng: random.Random, *names: str) -> Files:
    """A company for each name, and users of each, by chance."""
    users = (
        {
            "user_id": f"user-test-{name}-{number}",
            "name": {"first_name": rng.choice(("Ann", "Bob"))},
            "emails": [{"email": f"u{number}@{name}.example", "verified": True}],
        }
        for name in names
        for number in range(10)
        if rng.random() < 0.7
    )
    return {
        "reconciler.yaml": CONFIGURATION,
        "rules/a.yaml": RULES,
        "manifests/a.yaml": "".join(company(rng, name) for name in names),
        "users.jsonl": "".join(f"{json.dumps(user)}\n" for user in users),
    }


@contextmanager
def run(
    config: Config, app: App, store: MemoryStore, transport: EmulatorTransport, clock: VirtualClock
) -> Iterator[Run]:
    """One run through this transport."""
    known = Credentials.from_environment(variables(app, "http://127.0.0.1:1"))
    rng = random.Random(0)  # noqa: S311 # for jitter
    with open_client(known, config.rates, Transports(clock=clock, rng=rng, transport=transport)) as client:
        yield Run(config, client, store)


def applied(config: Config, app: App, store: MemoryStore, weather: Weather | None = None) -> tuple[Outcome, ...]:
    """Plan and apply, in calm weather if in no other."""
    with run(
        config, app, store, weather or EmulatorTransport(app), weather.clock if weather else VirtualClock()
    ) as opened:
        planned = pipeline.plan(opened)
        return tuple(pipeline.apply(opened, planned, lambda _: None).outcomes)


def ask(app: App, method: str, path: str, body: Any) -> Any:
    """Make one call as somebody else would."""
    here = app.workspace.environment("B2B", "test")
    key = base64.b64encode(f"{here.project_id}:{here.secret}".encode()).decode()
    request = request_of(
        method, f"http://127.0.0.1:1{path}", {"authorization": f"Basic {key}"}, json.dumps(body).encode()
    )
    answer = app.respond(request)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def place_theirs(app: App, slugs: tuple[str, ...]) -> Everything:
    """Put in what is not ours: an organization with a member, members by hand in ours, a client. Return all of it."""
    before = everything(app)
    ours = [one["organization_id"] for one in bulk.organizations(app) if one["organization_slug"] in slugs]
    made = ask(app, "POST", "/v1/b2b/organizations", {"organization_name": "Theirs", "organization_slug": "theirs"})
    for number, id in enumerate([made["organization"]["organization_id"], *ours]):
        ask(app, "POST", f"/v1/b2b/organizations/{id}/members", {"email_address": f"hand{number}@elsewhere.example"})
    ask(app, "POST", "/v1/m2m/clients", {"client_name": "theirs", "scopes": ["read"]})
    return {key: value for key, value in everything(app).items() if key not in before}


def storm(config: Config, app: App, store: MemoryStore, seed: int) -> None:
    """One to three runs in bad weather, of which some die."""
    rng = random.Random(seed)  # noqa: S311 # a seed is what a failure is repeated by
    share = rng.choice((0.1, 0.3))
    for attempt in range(rng.randrange(1, 4)):
        weather = Weather(app, VirtualClock(), seed * 10 + attempt, share, dies=rng.random() < 0.5)
        with suppress(Killed, ReconcilerError):
            applied(config, app, store, weather)
    app.faults = Faults()


def calm(config: Config, app: App, store: MemoryStore, seed: int) -> None:
    """A few runs in calm weather, the last of which finds nothing to do; what is held as unproven is looked at."""
    for _ in range(CALM_RUNS):
        outcomes = applied(config, app, store)
        if not outcomes:
            break
    assert not outcomes, seed
    assert unfinished(config.root, config.environment).credentials == {}, seed


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_project_with_people(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 # repeated by its seed
    first = write(tmp_path / "first", repository(rng, "acme", "globex", "initech"))
    second = write(tmp_path / "second", repository(rng, "acme", "globex", "umbrella"))
    ends = []
    for stormy in (False, True):
        app, store = make(Options()), MemoryStore({})
        try:
            applied(config_of(first), app, store)
            theirs = place_theirs(app, ("acme", "globex"))
            config = config_of(second)
            if stormy:
                storm(config, app, store, seed)
            calm(config, app, store, seed)
            after = everything(app)
            assert {key: after.get(key) for key in theirs} == theirs, seed
            ends.append(state(app))
        finally:
            app.close()
    assert ends[1] - ends[0] == ends[0] - ends[1] == {}, seed


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS[::4])
def test_a_whole_project_from_nothing(tmp_path: Path, seed: int) -> None:
    """Every kind; a credential that nothing proves to be ours is held, and somebody deletes it."""
    wanted, *_ = undisturbed(copied(tmp_path / "calm"))
    config, store = copied(tmp_path / "stormy"), MemoryStore(SECRETS)
    rng = random.Random(seed)  # noqa: S311 # repeated by its seed
    with stytch() as app:
        for attempt in range(rng.randrange(1, 4)):
            weather = Weather(app, VirtualClock(), seed * 10 + attempt, rng.choice((0.1, 0.3)), dies=rng.random() < 0.5)
            with suppress(Killed, ReconcilerError):
                applied_from_nothing(config, app, store, weather)
        app.faults = Faults()
        outcomes: Sequence[Outcome] = ()
        for _ in range(CALM_RUNS + 2):
            with suppress(Unreadable):
                outcomes = applied_from_nothing(config, app, store)
            if not doubtful(config, app, store, delete=True) and not outcomes:
                break
        assert not outcomes, seed
        assert state(app) == wanted, seed
        assert unfinished(config.root, config.environment).credentials == {}, seed
        usable(app, store)
