"""Applies of creates of members: the rate that is held, what a write costs, and what the progress says.

A create of a member is two writes: the second marks it as ours, with the id that the first was answered with.
"""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import world
from benchmarks.command import HERE, Bench, Figures
from benchmarks.emulated import Stytch, delayed, emulator, make_database

RATE = 65.0  # requests a second: what Stytch advises for scripts
LATENCIES = (0.0, 0.05, 0.2, 0.5, 1.0)
SLOW_SYNC = 0.02
WRITES_A_CREATE = 2
READS = 2  # of a plan: the organizations, the members
ORGANIZATIONS = 100
EVERY = 0.25  # seconds between two looks at the number of requests
MINUTE = 60
LIMITS = ("--faults", f"limit_writes:{RATE * MINUTE:.0f}/{MINUTE}s")
LEFT = re.compile(r"((?:\d+ (?:h|min|s)\s?)+)left")
PART_OF_TIME = re.compile(r"(\d+) (h|min|s)")


def apply(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """Measure a long apply: its rate, its CPU beside the plan's, and whether it knows how long it will take."""
    creates = 500 if bench.quick else 20_000
    root, database = _world(bench, creates)
    said: list[tuple[float, str]] = []
    sdk_ms = _of_sdk(bench)
    with emulator(database, bench.folder, *LIMITS) as stytch:
        beside = bench.beside()
        planned = bench.run(root, "plan", stytch=stytch, expected=(2,), repeat=2)
        with watched(stytch) as counted:
            figures = bench.run(root, "apply", "--yes", stytch=stytch, said=lambda *line: said.append(line))
    a_write = (figures["cpu"] - planned["cpu"]) / (creates * WRITES_A_CREATE) * 1000
    figures |= {"rate_percent": held(counted), "ms_a_write": a_write}
    figures |= {"sdk_ms": sdk_ms, "beside_sdk_ms": a_write - sdk_ms}
    yield (
        f"apply, {creates:,} creates at {RATE:.0f} writes/s",
        beside | figures | _time_left(said, counted),
    )


def latency(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """Measure the rate where answers come late, and where the disk is slow."""
    creates = 200 if bench.quick else 1_500
    cases = [("latency", 0.2, 0.0)] if bench.quick else [("latency", seconds, 0.0) for seconds in LATENCIES]
    for what, seconds, sync in (*cases, ("fsync", 0.0, SLOW_SYNC)):
        root, database = _world(bench, creates)
        program = ("-P", str(HERE / "slow_fsync.py"), str(sync)) if sync else ("-m", "reconciler")
        with emulator(database, bench.folder, *LIMITS) as stytch, delayed(stytch, seconds) as later:
            beside = bench.beside()
            with watched(stytch) as counted:
                figures = bench.run(root, "apply", "--yes", stytch=later, program=program)
        name = f"apply, {creates:,} creates, {max(seconds, sync) * 1000:.0f} ms {what}"
        yield name, beside | figures | {"rate_percent": held(counted)}


def _world(bench: Bench, creates: int) -> tuple[Path, Path]:
    """Return a repository, and a database with its organizations and nobody in them."""
    root = world.write_repository(bench.new_folder("apply"), ORGANIZATIONS, creates, RATE)
    return root, make_database(bench.new_folder("database"), ORGANIZATIONS, 0)


@contextmanager
def watched(stytch: Stytch) -> Iterator[list[tuple[float, int]]]:
    """Look at the number of requests all the time; the list gets when there were how many, once writes have begun."""
    counted: list[tuple[float, int]] = []
    before, over = stytch.counts()[0], threading.Event()

    def look() -> None:
        while not over.wait(EVERY):
            number, refused = stytch.counts()
            if number - before > READS:
                counted.append((time.monotonic(), number - refused))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield counted
    finally:
        over.set()
        thread.join()


def held(counted: list[tuple[float, int]]) -> float:
    """Return what percentage of the rate was held, from the first write to the last."""
    (began, first), (ended, last) = counted[0], _end(counted)
    return (last - first) / (ended - began) / RATE * 100


def _end(counted: list[tuple[float, int]]) -> tuple[float, int]:
    return next(at for at in counted if at[1] == counted[-1][1])


def _time_left(said: list[tuple[float, str]], counted: list[tuple[float, int]]) -> Figures:
    """Return by how many percent the time left was wrong: after the first minute, and at most before the last."""
    began, ended = counted[0][0], _end(counted)[0]
    wrong = []
    for at, line in said:
        if (found := LEFT.search(line)) and at - began >= MINUTE and ended - at >= MINUTE:
            parts = PART_OF_TIME.findall(found[1])
            left = sum(int(number) * {"h": 3600, "min": 60, "s": 1}[unit] for number, unit in parts)
            wrong.append(abs(left - (ended - at)) / (ended - at) * 100)
    return {"time_left_wrong_percent": wrong[0], "time_left_most_wrong_percent": max(wrong)} if wrong else {}


def _of_sdk(bench: Bench) -> float:
    """Return the CPU milliseconds that Stytch's SDK takes for a write, at the same rate, from a project of its own."""
    database = make_database(bench.new_folder("sdk"), 1, 0)
    with emulator(database, bench.folder) as stytch:
        command = [sys.executable, "-P", str(HERE / "sdk.py"), str(RATE)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=bench.environment(stytch))
    found: float = json.loads(done.stdout)["call"]
    return found * 1000
