"""What is measured, part by part: each yields the name of a row, and its figures."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

from benchmarks import applying, terraform, world
from benchmarks.command import HERE, Bench, Figures
from benchmarks.emulated import emulator, make_database

Rows = Iterator[tuple[str, Figures]]
CHANGES = (2, 3)  # how a plan ends that has some
OFTEN = 5  # runs of what takes less than a second


def start(bench: Bench) -> Rows:
    """Measure ``--help``, and ``validate`` over nothing and over 1,000 organizations."""
    nothing = world.write_files(bench.new_folder("nothing"), {"reconciler.yaml": world.CONFIGURATION % world.UNLIMITED})
    (nothing / "manifests").mkdir()
    thousand = world.write_repository(bench.new_folder("thousand"), 1_000, 1)
    for name, root, arguments in (
        ("--help", nothing, ["--help"]),
        ("validate, empty repository", nothing, ["validate"]),
        ("validate, 1,000 organizations", thousand, ["validate"]),
    ):
        yield name, bench.beside() | bench.run(root, *arguments, repeat=OFTEN)


def plan(bench: Bench) -> Rows:
    """Measure plans in which everything is in place, but for one user in a hundred."""
    for users in (1_000, 10_000) if bench.quick else (10_000, 100_000, 1_000_000):
        yield _in_place(bench, users, 1_000)


def organizations(bench: Bench) -> Rows:
    """Measure the same over few organizations and over many."""
    for number in (100, 1_000) if bench.quick else (100, 1_000, 10_000, 50_000):
        yield _in_place(bench, 1_000 if bench.quick else 100_000, number)


def _in_place(bench: Bench, users: int, number: int) -> tuple[str, Figures]:
    name = f"plan in place, {users:,} users, {number:,} organizations"
    root = world.write_repository(bench.new_folder("in-place"), number, users)
    database = make_database(bench.new_folder("database"), number, users)
    with emulator(database, bench.folder) as stytch:
        beside = bench.beside(root / "users.json")
        figures = bench.run(root, "plan", stytch=stytch, expected=CHANGES, repeat=1 if users > 100_000 else 2)
    _check(bench, f"Plan: {users // world.CHANGED:,} to update")
    return name, beside | {"users": users} | figures


def first(bench: Bench) -> Rows:
    """Measure plans over an environment that has the organizations and nobody in them."""
    for users in (1_000,) if bench.quick else (100_000, 1_000_000):
        root = world.write_repository(bench.new_folder("first"), 1_000, users)
        database = make_database(bench.new_folder("database"), 1_000, 0)
        with emulator(database, bench.folder) as stytch:
            for way, options in (("-o", ("-o", "../plan.json")), ("-f json", ("--format", "json"))):
                beside = bench.beside(root / "users.json")
                figures = bench.run(root, "plan", *options, stytch=stytch, expected=CHANGES)
                yield f"first plan, {users:,} creates, {way}", beside | {"users": users} | figures


def export(bench: Bench) -> Rows:
    """Measure an export of organizations with their members."""
    number, members = (100, 1_000) if bench.quick else (1_000, 100_000)
    root = world.write_files(bench.new_folder("export"), {"reconciler.yaml": world.CONFIGURATION % world.UNLIMITED})
    database = make_database(bench.new_folder("database"), number, members, "unmarked")
    with emulator(database, bench.folder) as stytch:
        for what, options in (("", ()), (f" and {members:,} members", ("--members",))):
            into = str(bench.new_folder("exported"))
            figures = bench.beside() | bench.run(root, "export", into, *options, stytch=stytch)
            yield f"export, {number:,} organizations{what}", figures


def tables(bench: Bench) -> Rows:
    """Measure what a row of a table takes: of ``validate`` over many rows, beside few."""
    rows = 10_000 if bench.quick else 1_000_000
    small, large = (world.write_table(bench.new_folder("table"), count) for count in (1, rows))
    least = bench.run(small, "validate", repeat=OFTEN)
    figures = bench.beside() | bench.run(large, "validate")
    figures["bytes_per_row"] = (figures["mb"] - least["mb"]) * 1024 * 1024 / rows
    yield f"validate, a table of {rows:,} rows", figures


def rules(bench: Bench) -> Rows:
    """Measure rules alone, in one process: what they cost hides behind the rest of a plan."""
    command = [sys.executable, "-P", str(HERE / "rules.py"), *(["2000"] if bench.quick else [])]
    beside = bench.beside()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=bench.environment())
    for name, figures in json.loads(done.stdout).items():
        rate = figures["users"] / figures["cpu"]
        yield f"rules: {name}", beside | figures | {"users_per_second": rate}


def soak(bench: Bench) -> Rows:
    """Measure many applies in one process: what of it grows with their number."""
    applies = 100 if bench.quick else 2_000
    root = world.write_repository(bench.new_folder("soak"), 20, 200)
    with emulator(make_database(bench.new_folder("database"), 20, 200), bench.folder) as stytch:
        beside = bench.beside()
        program = ("-P", str(HERE / "soak.py"), str(root), str(applies))
        figures = bench.run(root, stytch=stytch, program=program)
    said = json.loads((bench.folder / "output").read_text(encoding="utf-8"))
    yield f"{applies:,} applies in one process", beside | figures | said


def _check(bench: Bench, said: str) -> None:
    """End the program where the last command did not say what it must have found."""
    text = (bench.folder / "output").read_text(encoding="utf-8")
    if said not in text:
        raise SystemExit(f"expected {said!r} in:\n{text[-2_000:]}")


PARTS: Mapping[str, Callable[[Bench], Rows]] = {
    "start": start,
    "plan": plan,
    "organizations": organizations,
    "first": first,
    "export": export,
    "tables": tables,
    "rules": rules,
    "apply": applying.apply,
    "latency": applying.latency,
    "soak": soak,
    "terraform": terraform.side_by_side,
}
