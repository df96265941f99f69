"""The clock of the machine that plans may be wrong; what ends at a time does so by Stytch's."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from reconciler import pipeline
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.pacing import Clock
from reconciler.config.read import Config
from reconciler.emulator.server.app import App
from reconciler.emulator.server.transport import EmulatorTransport
from reconciler.model import Plan
from reconciler.read.run import Run
from tests.connected import VirtualClock, credentials
from tests.memory_store import MemoryStore
from tests.repositories import OWNED, config_of, write

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)  # by Stytch's clock
RULE = """\
apiVersion: reconciler/v1
kind: DFPRule
metadata: {name: country_code/KP}
spec: {action: BLOCK, expires_at: END}
"""


class Dated(EmulatorTransport):
    """Answers with a Date, as every server does, or with another header."""

    def __init__(self, app: App, header: str) -> None:
        super().__init__(app)
        self.header = header

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.headers[self.header] = format_datetime(NOW, usegmt=True)
        return response


class MachineClock(VirtualClock):
    """A clock that is set by what Stytch says."""

    now = Clock.now


@contextmanager
def run(root: Path, off: timedelta, end: datetime, header: str = "Date") -> Iterator[tuple[Run, App]]:
    """A run on a machine whose clock is off."""
    config: Config = config_of(
        write(root, {"reconciler.yaml": OWNED, "manifests/a.yaml": RULE.replace("END", end.isoformat())})
    )
    app = App(clock=NOW.timestamp)
    clock = MachineClock((NOW + off).timestamp())
    with open_client(credentials(app), config.rates, Transports(clock=clock, transport=Dated(app, header))) as client:
        yield Run(config, client, MemoryStore({})), app
    app.close()


def told(plan: Plan) -> list[str]:
    return [f"{each.code}: {each.message}" for each in plan.problems]


@pytest.mark.parametrize("off", [timedelta(0), timedelta(hours=3), timedelta(days=-400)], ids=str)
def test_what_ends_at_a_time_does_so_by_the_clock_of_stytch(off: timedelta, tmp_path: Path) -> None:
    with run(tmp_path, off, NOW + timedelta(hours=1)) as (here, _):
        planned = pipeline.plan(here)
        (outcome,) = pipeline.apply(here, planned, lambda _: None).outcomes
        assert outcome.result == "applied"
        assert pipeline.plan(here).plan.changes == ()  # it ends when it was to


@pytest.mark.parametrize("off", [timedelta(0), timedelta(days=-2), timedelta(days=2)], ids=str)
def test_what_has_ended_by_the_clock_of_stytch_is_not_made_again(off: timedelta, tmp_path: Path) -> None:
    with run(tmp_path, off, NOW - timedelta(hours=1)) as (here, _):
        assert pipeline.plan(here).plan.changes == ()


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (timedelta(seconds=80), []),
        (timedelta(minutes=2), ["wrong-clock: the clock of this machine is 120 s ahead of Stytch's"]),
        (timedelta(hours=-1), ["wrong-clock: the clock of this machine is 3600 s behind Stytch's"]),
    ],
    ids=str,
)
def test_a_clock_that_is_much_off_is_said(off: timedelta, said: list[str], tmp_path: Path) -> None:
    with run(tmp_path, off, NOW + timedelta(hours=1)) as (here, _):
        assert told(pipeline.plan(here).plan) == said


@pytest.mark.parametrize("header", ["X-Date", "Last-Modified"])
def test_where_stytch_does_not_say_what_time_it_is_the_clock_of_the_machine_is_used(
    header: str, tmp_path: Path
) -> None:
    with run(tmp_path, timedelta(days=2), NOW + timedelta(hours=1), header) as (here, _):
        planned = pipeline.plan(here).plan
        assert (planned.changes, told(planned)) == ((), [])  # it has ended by that clock
