"""One command of the reconciler, run as users run it, and what it cost."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks.emulated import Stytch, own_environment

HERE = Path(__file__).parent
Figures = dict[str, Any]


class Bench(Struct, kw_only=True):
    """Where is measured: the checkout whose commands run, a folder for files, and whether it is to be quick."""

    checkout: Path
    folder: Path
    quick: bool = False

    def environment(self, stytch: Stytch | None = None) -> dict[str, str]:
        """Return the environment of a command: that of whoever starts this, the checkout, and where Stytch is."""
        return own_environment() | {"PYTHONPATH": str(self.checkout)} | (stytch.variables if stytch else {})

    def compile(self) -> None:
        """Compile the checkout, as an installation does."""
        command = [sys.executable, "-m", "compileall", "-q", str(self.checkout / "reconciler")]
        subprocess.run(command, check=True, env=own_environment())

    def new_folder(self, name: str) -> Path:
        """Return a folder that does not exist yet."""
        return next(path for number in range(1_000_000) if not (path := self.folder / f"{name}-{number}").exists())

    def beside(self, users: Path | None = None) -> Figures:
        """Return what figures are compared with, measured now."""
        command = [sys.executable, str(HERE / "floor.py"), *([str(users)] if users else [])]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=own_environment())
        found: Figures = json.loads(done.stdout)
        return found

    def run(
        self,
        root: Path,
        *arguments: str,
        stytch: Stytch | None = None,
        program: Sequence[str] = ("-m", "reconciler"),
        expected: Sequence[int] = (0,),
        said: Callable[[float, str], None] | None = None,
        repeat: int = 1,
    ) -> Figures:
        """Run a command of the reconciler in a repository, and return the least of each figure of some runs.

        ``said`` gets each line of standard error, and when it came.
        """
        command = [sys.executable, *program, *arguments]
        runs = [
            timed(self.folder, root, command, self.environment(stytch), stytch, expected, said) for _ in range(repeat)
        ]
        return {name: min(run[name] for run in runs) for name in runs[0]}


def timed(
    folder: Path,
    root: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    stytch: Stytch | None,
    expected: Sequence[int] = (0,),
    said: Callable[[float, str], None] | None = None,
) -> Figures:
    """Run any command once, and return what it cost; ends the program where it does not end as expected."""
    report, output = folder / "figures.json", folder / "output"
    before = stytch.counts() if stytch else (0, 0)
    launched = [sys.executable, "-I", "-S", str(HERE / "launcher.py"), str(report), *command]
    lines: list[str] = []
    with (
        output.open("wb") as printed,
        subprocess.Popen(
            launched, cwd=root, env=environment, stdout=printed, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        reader = threading.Thread(target=_listen, args=(process, lines, said))
        reader.start()
        code = process.wait()
        reader.join()
    if code not in expected:
        text = output.read_text(encoding="utf-8", errors="replace")[-2_000:]
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{text}\n{''.join(lines[-20:])}")
    figures: Figures = json.loads(report.read_text())
    after = stytch.counts() if stytch else (0, 0)
    return figures | {"requests": after[0] - before[0], "throttled": after[1] - before[1]}


def _listen(process: "subprocess.Popen[str]", lines: list[str], said: Callable[[float, str], None] | None) -> None:
    for line in process.stderr or ():
        lines.append(line)
        if said:
            said(time.monotonic(), line)
