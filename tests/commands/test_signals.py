"""Signals, to real processes: what was written is said, whatever a run waits for, and nothing ends in a traceback.

GitHub cancels a job with SIGINT, SIGTERM 7.5 s later, and SIGKILL after 2.5 s more.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler.emulator.core.exchange import JSON, Request, Response
from reconciler.emulator.seed.running import Options, Running, running
from tests.repositories import write
from tests.stages import is_read
from tests.whole_project import REPOSITORY, SECRETS

CONFIGURATION: Final = """\
apiVersion: reconciler/v1
kind: Configuration
name: acme-identity
environments: {test: {target: {project: b2b, environment: test}, rates: {share: 1}}}
"""
MANIFEST: Final = """\
---
apiVersion: reconciler/v1
kind: DFPRule
metadata: {{name: "cidr_block/{network}"}}
spec: {{action: BLOCK}}
"""
REFUSED: Final = b'{"status_code": 429, "request_id": "request-id-test-1", "error_type": "too_many_requests"}'
WAYS: Final[Mapping[str, Response | None]] = {
    "a pause": Response(429, REFUSED, (*JSON, ("Retry-After", "290"))),
    "an outage": Response(503, b"<html>"),
    "no answer": None,
}
INT, TERM = signal.SIGINT, signal.SIGTERM
LONG: Final = 60.0  # seconds, where something hangs


class Stytch:
    """An emulator that does not answer as it should what is ``met``; ``writes`` are those that it carried out."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.met: Callable[[Request], bool] = lambda _: False
        self.way = ""
        self.is_asked, self.is_met, self.over = threading.Event(), threading.Event(), threading.Event()
        self.writes: list[str] = []
        self.latency = 0.0
        self._respond = server.app.respond
        server.app.respond = self.respond  # type: ignore[method-assign] # that is how to disturb it

    def respond(self, request: Request) -> Response:
        self.is_asked.set()
        time.sleep(self.latency)
        instead = WAYS[self.way] if self.way and self.met(request) else None
        if instead is None:
            response = self._respond(request)
            if not is_read(request.method, request.path) and response.status < 300:
                self.writes.append(json.loads(request.body or b"{}").get("cidr_block", request.path))
        if self.way and self.met(request):
            self.is_met.set()
            if instead is None:
                self.over.wait(LONG)
        return instead or response

    def disturb(self, way: str, met: Callable[[Request], bool]) -> None:
        self.way, self.met = way, met


@pytest.fixture
def stytch() -> Iterator[Stytch]:
    with running(Options()) as server:
        stytch = Stytch(server)
        yield stytch
        stytch.over.set()


@contextmanager
def started(
    root: Path, stytch: Stytch, *arguments: str, without: Sequence[str] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    known = {**os.environ, **stytch.server.environment, **SECRETS, "CI": ""}
    given = {name: value for name, value in known.items() if name not in without}
    command = [sys.executable, "-m", "reconciler", "-C", str(root), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=given, **pipes) as process:  # type: ignore[call-overload] # many sorts of values
        try:
            yield process
        finally:
            stytch.over.set()
            process.kill()


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, str, str]:
    out, said = process.communicate(timeout=LONG)
    assert b"Traceback" not in said
    return process.returncode, out.decode(), said.decode().strip()


def outcomes(printed: str) -> dict[str, tuple[str, str]]:
    return {each["address"]: (each["result"], each.get("detail", "")) for each in json.loads(printed)["outcomes"]}


def declared(root: Path, number: int) -> Path:
    networks = (f"{10 + each // 250}.{each % 250}.0.0/16" for each in range(number))
    text = "".join(MANIFEST.format(network=network) for network in networks)
    return write(root, {"reconciler.yaml": CONFIGURATION, "manifests/all.yaml": text})


def posts(request: Request) -> bool:
    return request.path == "/v1/rules/set"


def lists(request: Request) -> bool:
    return request.path == "/v1/rules/list"


def lines_of(root: Path) -> list[dict[str, Any]]:
    """Return the lines of all journals, but for one that is just being written."""
    texts = (path.read_text(encoding="utf-8") for path in (root / ".reconciler").glob("journal-*"))
    return [json.loads(line) for text in texts for line in text.rpartition("\n")[0].splitlines()]


def was_lost(outcome: tuple[str, ...]) -> bool:
    """Whether a write may have happened: its answer never came, or said 503, and the run ended before it came again."""
    return outcome[0] == "failed" and outcome[1].startswith("Ambiguous: ")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("told", [INT, TERM], ids=lambda told: told.name)
def test_while_it_plans_nothing_is_lost_and_it_ends_at_once(
    tmp_path: Path, stytch: Stytch, way: str, told: signal.Signals
) -> None:
    stytch.disturb(way, lists)
    with started(declared(tmp_path, 3), stytch, "apply") as process:
        assert stytch.is_met.wait(LONG)
        process.send_signal(told)
        assert ended(process) == (128 + told, "", "interrupted")
    assert stytch.writes == []
    assert lines_of(tmp_path) == []


def test_the_first_waits_for_writes_under_way_and_begins_no_other(tmp_path: Path, stytch: Stytch) -> None:
    stytch.disturb("no answer", posts)
    with started(declared(tmp_path, 40), stytch, "apply", "--format", "json") as process:
        assert stytch.is_met.wait(LONG)
        process.send_signal(INT)
        time.sleep(0.5)
        stytch.over.set()
        code, out, _ = ended(process)
    became = outcomes(out)
    assert code == 130
    assert {f"DFPRule/cidr_block/{network}" for network in stytch.writes} == {
        name for name, was in became.items() if was[0] == "applied"
    }
    assert {was for was in became.values() if was[0] != "applied"} == {("skipped", "interrupted")}
    assert len(became) == 40
    events = [line["event"] for line in lines_of(tmp_path)]
    assert events.count("intent") == events.count("outcome") == len(stytch.writes) < 40


@pytest.mark.slow
@pytest.mark.parametrize("way", ["a pause", "an outage"])
def test_the_first_does_not_wait_long_for_what_only_waits(tmp_path: Path, stytch: Stytch, way: str) -> None:
    stytch.disturb(way, posts)
    with started(declared(tmp_path, 40), stytch, "apply", "--format", "json") as process:
        assert stytch.is_met.wait(LONG)
        process.send_signal(INT)
        code, out, _ = ended(process)
    assert code == 130
    assert {was for was in outcomes(out).values() if not was_lost(was)} == {("skipped", "interrupted")}
    assert stytch.writes == []
    lost = {"open"} if way == "an outage" else set()
    assert {line["event"] for line in lines_of(tmp_path)} <= {"intent", "outcome", "closed", *lost}


@pytest.mark.parametrize("way", WAYS)
def test_the_second_waits_for_nothing_and_says_what_may_have_happened(tmp_path: Path, stytch: Stytch, way: str) -> None:
    stytch.disturb(way, posts)
    with started(declared(tmp_path, 40), stytch, "apply", "--format", "json") as process:
        assert stytch.is_met.wait(LONG)
        for told in (INT, TERM):
            time.sleep(0.3)
            process.send_signal(told)
        code, out, _ = ended(process)
        assert not stytch.over.is_set()
    became = outcomes(out)
    assert (code, len(became)) == (130, 40)
    open_ones = {name for name, was in became.items() if was[0] == "failed"}
    assert {became[name][1] for name in open_ones} <= {"interrupted during this write: the write may have happened"}
    assert {f"DFPRule/cidr_block/{network}" for network in stytch.writes} <= open_ones
    assert {was for name, was in became.items() if name not in open_ones} == {("skipped", "interrupted")}


@pytest.mark.parametrize("way", WAYS)
def test_while_it_plans_again_in_an_environment_that_it_has_made(tmp_path: Path, stytch: Stytch, way: str) -> None:
    files = {path.relative_to(REPOSITORY).as_posix(): path.read_text() for path in REPOSITORY.rglob("*.*")}
    stytch.disturb(way, lambda request: request.path == "/v1/b2b/organizations/search")
    arguments = ("apply", "--yes", "--format", "json")
    with started(write(tmp_path, files), stytch, *arguments, without=("STYTCH_PROJECT_ID", "STYTCH_SECRET")) as process:
        assert stytch.is_met.wait(LONG), ended(process)
        process.send_signal(TERM)
        code, out, _ = ended(process)
    became = outcomes(out)
    assert code == 143
    assert {name.partition("/")[0] for name, was in became.items() if was[0] == "applied"} == {
        *("Project", "Environment", "Secret"),
    }
    assert {was for was in became.values() if was[0] != "applied"} == {("skipped", "interrupted")}


@pytest.mark.parametrize("signals", [1, 2])
def test_while_it_prints(tmp_path: Path, stytch: Stytch, signals: int) -> None:
    """One does not keep it from printing all; a second one does, as nobody may be reading, and the journal is named."""
    with started(declared(tmp_path, 400), stytch, "apply", "--format", "json") as process:
        until = time.monotonic() + LONG
        while not (lines := lines_of(tmp_path)) or lines[-1]["event"] != "closed":
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(1)  # a pipe takes 64 KiB, and the report has more
        for _ in range(signals):
            process.send_signal(INT)
            time.sleep(0.5)
        if signals == 1:
            code, out, said = ended(process)
            assert (code, said, len(outcomes(out))) == (0, "", 400)
            return
        assert process.wait(LONG) == 130
        assert process.stdout is not None
        assert (
            str(tmp_path / ".reconciler")
            in process.stdout.read().decode() + (process.stderr or process.stdout).read().decode()
        )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_at_any_moment(tmp_path: Path, stytch: Stytch, seed: int) -> None:
    """Two signals, at any moment and any time after one another: everything that was written is said."""
    chance = random.Random(seed)  # noqa: S311 # the same every time
    stytch.latency = 0.02
    with started(declared(tmp_path, 60), stytch, "apply", "--format", "json") as process:
        assert stytch.is_asked.wait(LONG)
        time.sleep(chance.uniform(0, 2.5))
        process.send_signal(INT)
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(TERM)
        code, out, said = ended(process)
    if not out:
        assert (code, stytch.writes, said) == (130, [], "interrupted")
        return
    became = outcomes(out)
    assert len(became) == 60
    told = {name for name, was in became.items() if was[0] in ("applied", "failed")}
    assert {f"DFPRule/cidr_block/{network}" for network in stytch.writes} <= told
    assert code in ({0, 130} if all(was[0] == "applied" for was in became.values()) else {130})


@pytest.mark.parametrize("command", ["plan", "drift", "export", "doctor"])
def test_other_commands_end_at_once(tmp_path: Path, stytch: Stytch, command: str) -> None:
    stytch.disturb("a pause", lambda _: True)
    with started(declared(tmp_path, 3), stytch, command) as process:
        assert stytch.is_met.wait(LONG)
        process.send_signal(TERM)
        code, _, said = ended(process)
    assert (code, said) == (143, "interrupted")


@pytest.mark.parametrize("way", WAYS)
def test_a_time_limit_ends_a_run_as_a_signal_does_and_the_next_one_goes_on(
    tmp_path: Path, stytch: Stytch, way: str
) -> None:
    if way == "no answer":
        stytch.latency = 0.5  # of which there are enough
    else:
        stytch.disturb(way, posts)
    arguments = ("apply", "--format", "json")
    with started(declared(tmp_path, 150), stytch, *arguments, "--time-limit", "3s") as process:
        code, out, _ = ended(process)
    became = outcomes(out)
    assert code == 1
    assert {f"DFPRule/cidr_block/{network}" for network in stytch.writes} == {
        name for name, was in became.items() if was[0] == "applied"
    }
    left = {was for was in became.values() if was[0] != "applied"}
    assert {was for was in left if not was_lost(was)} == {("skipped", "time limit")}
    stytch.disturb("", lambda _: False)
    stytch.latency = 0.0
    with started(tmp_path, stytch, *arguments) as process:
        code, out, _ = ended(process)
    assert code == 0, out
    assert len(outcomes(out)) == 150 - sum(was[0] == "applied" for was in became.values())
