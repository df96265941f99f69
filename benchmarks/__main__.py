"""``make bench``: what commands cost, run as users run them, and docs/results.md, which says so.

::

    python -m benchmarks [--quick] [--before CHECKOUT] [PART ...]

Without the name of a part, all are measured; the rows of other parts stay as they are in docs/results.md. ``--quick``
measures small sizes and prints them only. ``--before`` measures the commands of another checkout, such as the last
release's, for the other half of the table.
"""

import argparse
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.command import Bench, Figures
from benchmarks.emulated import ROOT
from benchmarks.parts import PARTS
from benchmarks.results import BEFORE, NOW, as_markdown, read_results, replaced, table

RESULTS = ROOT / "docs" / "results.md"


def main() -> None:
    """Measure and print each part; write what was measured whole."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what commands cost.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="measure small sizes and write nothing")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="measure another checkout, as what was before")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}: {', '.join(PARTS)}")
    column = BEFORE if asked.before else NOW
    for part in asked.parts or PARTS:
        rows = measured(part, (asked.before or ROOT).resolve(), quick=asked.quick)
        results = replaced({} if asked.quick else read_results(RESULTS), part, column, rows)
        print(table({part: results[part]}), flush=True)
        if not asked.quick:
            RESULTS.write_text(as_markdown(results, _where()), encoding="utf-8")


def measured(part: str, checkout: Path, *, quick: bool) -> dict[str, Figures]:
    """Measure a part in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        bench = Bench(checkout=checkout, folder=Path(folder), quick=quick)
        bench.compile()
        rows = {}
        for name, figures in PARTS[part](bench):
            print(f"{datetime.now(UTC):%H:%M:%S} {name}", file=sys.stderr, flush=True)
            rows[name] = figures
        return rows


def _where() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
