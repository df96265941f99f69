"""Many applies in one process: ``python soak.py FOLDER APPLIES`` prints JSON. What grows with them is a leak."""

import io
import json
import os
import statistics
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from reconciler.commands.cli import cli

RENAMED = 5  # organizations that each apply gives another name
MB = 1024 * 1024


def main() -> None:
    """Apply again and again, and print what it took at first and in the end."""
    root, applies = Path(sys.argv[1]), int(sys.argv[2])
    manifests = sorted((root / "manifests").rglob("*.yaml"))[:RENAMED]
    texts = [manifest.read_text(encoding="utf-8") for manifest in manifests]
    seconds = []
    tenth = applies // 10
    for number in range(applies):
        for manifest, text in zip(manifests, texts, strict=True):
            manifest.write_text(text.replace(": Organization ", f": Organization {number} "), encoding="utf-8")
        began = time.process_time()
        with redirect_stdout(io.StringIO()) as said, redirect_stderr(io.StringIO()):
            code = cli.main(["-C", str(root), "apply", "--yes"], prog_name="reconciler", standalone_mode=False)
        seconds.append(time.process_time() - began)
        if code:
            raise SystemExit(f"apply {number} ended with {code}:\n{said.getvalue()}")
        if number == tenth:
            at_first = _held(root)
    in_the_end = _held(root)
    figures: dict[str, Any] = {
        "applies": applies,
        "grown_mb": in_the_end["mb"] - at_first["mb"],
        "grown_descriptors": in_the_end["descriptors"] - at_first["descriptors"],
        "journals": in_the_end["journals"],
        "ms_at_first": statistics.median(seconds[: tenth + 1]) * 1000,
        "ms_in_the_end": statistics.median(seconds[-tenth - 1 :]) * 1000,
    }
    print(json.dumps(figures))


def _held(root: Path) -> dict[str, float]:
    """Return what the process holds now, and the journals in the folder."""
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "mb": resident * os.sysconf("SC_PAGE_SIZE") / MB,
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "journals": len(list((root / ".reconciler").glob("journal-*"))),
    }


if __name__ == "__main__":
    main()
