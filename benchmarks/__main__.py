"""``make bench``: plans over 100,000 and 1,000,000 users, and what start-up, validation and rules cost.

Prints a table and writes it with the raw figures to docs/results.md; sizes may be given on the command line.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import world
from reconciler.emulator.seed.bulk import load_members, place_organization
from reconciler.emulator.server.app import App

ORGANIZATIONS = 1_000
SIZES = (100_000, 1_000_000)
STAGES = ("load", "parse", "rules", "read", "diff", "render")
RESULTS = Path(__file__).parent.parent / "docs" / "results.md"


def main() -> None:
    """Measure, print, write."""
    sizes = tuple(int(text.replace(",", "")) for text in sys.argv[1:]) or SIZES
    results: dict[str, Any] = {"calibration_s": calibration(), "start": start_up(), "plans": []}
    for users in sizes:
        results["plans"].append(plan(users))
    rules = subprocess.run([sys.executable, "-m", "benchmarks.rules"], check=True, capture_output=True, text=True)
    text = report(results, rules.stdout)
    print(text)
    RESULTS.write_text(text, encoding="utf-8")


def calibration() -> float:
    """Give the CPU seconds of a fixed piece of work, so that figures of two machines can be compared."""
    document = json.dumps([world.user(number, 10) for number in range(10_000)])
    began = time.process_time()
    json.loads(document)
    return round(time.process_time() - began, 3)


def start_up() -> dict[str, float]:
    """Give the wall seconds of ``--help``, and of ``validate`` over nothing and over 1,000 organizations."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        world.write_repository(small, 1, 1)
        world.write_repository(large, ORGANIZATIONS, 1)
        for declared in (*small.glob("rules/*"), *small.glob("manifests/*")):
            declared.unlink()
        return {
            "--help": _wall("--help"),
            "validate, empty repository": _wall("-C", str(small), "validate"),
            "validate, 1,000 organizations": _wall("-C", str(large), "validate"),
        }


def _wall(*arguments: str) -> float:
    command = [sys.executable, "-m", "reconciler", *arguments]
    times = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.monotonic() - began)
    return round(statistics.median(times), 3)


def plan(users: int) -> dict[str, Any]:
    """Plan a world of this size twice: stage by stage, and once more for the same digest."""
    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder), users) as environment:
        root = Path(folder, "repository")
        world.write_repository(root, ORGANIZATIONS, users)
        first, second = (_stages(root, environment) for _ in range(2))
        expected = users - users // world.CHANGED + ORGANIZATIONS, users // world.CHANGED
        if (first["unchanged"], first["changes"]) != expected or second["digest"] != first["digest"]:
            raise SystemExit(f"the plan is not the expected one: {first}, {second}")
        return {"users": users, **first}


def _stages(root: Path, environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.stages", str(root)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | environment)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@contextmanager
def emulator(folder: Path, users: int) -> Iterator[dict[str, str]]:
    """Run an emulator that holds the live side in a process of its own; give the variables that lead to it."""
    database, env_file = folder / "stytch.db", folder / "stytch.env"
    app = App(database)
    for organization in world.live_organizations(ORGANIZATIONS):
        place_organization(app, organization)
    load_members(app, app.workspace.environment("B2B"), world.live_members(ORGANIZATIONS, users))
    app.close()
    command = [sys.executable, "-m", "reconciler.emulator", "--database", str(database), "--env-file", str(env_file)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not env_file.exists():
            if process.poll() is not None:
                raise SystemExit("the emulator did not start")
            time.sleep(0.05)
        lines = (line.removeprefix("export ").partition("=") for line in env_file.read_text().splitlines() if line)
        yield {name: value.strip("'") for name, _, value in lines}
    finally:
        process.terminate()
        process.wait()


def report(results: dict[str, Any], rules: str) -> str:
    """Lay the figures out as Markdown, the raw ones below."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    work = f"{results['calibration_s']} s"
    lines = [
        "# Results",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} by `make bench` on {machine}, against the emulator beside it.",
        f"Decoding the JSON of 10,000 users took {work} of CPU: compare figures as ratios to that.",
        "",
        f"## A plan over {ORGANIZATIONS:,} organizations, everything in place but 1 %",
        "",
        "| users | " + " | ".join(STAGES) + " | CPU total | peak memory | wall | requests | 429s |",
        "|---|" + "---|" * (len(STAGES) + 5),
    ]
    for plan_ in results["plans"]:
        stages = " | ".join(
            f"{plan_['cpu'].get(stage, 0):.2f} s, {plan_['peak_mb'].get(stage, 0)} MB" for stage in STAGES
        )
        lines.append(
            f"| {plan_['users']:,} | {stages} | **{plan_['cpu_total']:.1f} s** | **{plan_['peak_mb_total']} MB** | "
            f"{plan_['wall']:.1f} s | {plan_['requests']:,} | {plan_['throttled']} |"
        )
    lines += [
        "",
        "Each stage: seconds of CPU, and the process's peak memory when it last ran. `read` holds the reading threads.",
        "A second plan over the same world made the same requests and had the same digest.",
        "",
        "## Start-up and validation (wall, median of 5)",
        "",
        "| command | seconds |",
        "|---|---|",
        *(f"| `{name}` | {seconds} |" for name, seconds in results["start"].items()),
        "",
        "## Rules",
        "",
        "```",
        rules.strip(),
        "```",
        "",
        "## Raw",
        "",
        "```json",
        json.dumps(results, indent=1),
        "```",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
