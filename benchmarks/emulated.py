"""An emulator in a process of its own, a delaying proxy before it, and what the emulator counted."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from msgspec import Struct

ROOT = Path(__file__).parent.parent
URLS = ("STYTCH_API_URL", "STYTCH_MANAGEMENT_BASE_URI", "STYTCH_TELEMETRY_URL")


class Stytch(Struct):
    """A running emulator: the variables that lead to it, and its own address."""

    variables: dict[str, str]
    url: str

    def counts(self) -> tuple[int, int]:
        """Return the requests so far, and how many of them were answered with 429."""
        with urlopen(f"{self.url}/emulator/statistics") as answer:  # noqa: S310 # on this machine
            statuses: dict[str, int] = json.load(answer)["statuses"]
        return sum(statuses.values()), statuses.get("429", 0)


def own_environment() -> dict[str, str]:
    """Return the environment of this process without what leads a command elsewhere, or changes what it does."""
    unwanted = ("STYTCH_", "RECONCILER_", "PYTHON", "TF_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {name: value for name, value in kept.items() if name != "CI" and not name.lower().endswith("_proxy")}


def make_database(path: Path, organizations: int, members: int, *options: str) -> Path:
    """Make the database of an emulator, in another process."""
    command = [sys.executable, "-m", "benchmarks.world", str(path), str(organizations), str(members), *options]
    subprocess.run(command, check=True, cwd=ROOT, env=own_environment())
    return path


@contextmanager
def emulator(database: Path, folder: Path, *options: str) -> Iterator[Stytch]:
    """Run an emulator on a database."""
    env_file = folder / "stytch.env"
    env_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "reconciler.emulator", "--database", str(database), "--env-file", str(env_file)]
    with subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, cwd=ROOT, env=own_environment()) as process:
        try:
            while not (env_file.exists() and "STYTCH_SECRET" in env_file.read_text()):
                if process.poll() is not None:
                    raise SystemExit("the emulator did not start")
                time.sleep(0.05)
            lines = (line.removeprefix("export ").partition("=") for line in env_file.read_text().splitlines() if line)
            variables = {name: value.strip("'") for name, _, value in lines}
            yield Stytch(variables, variables["STYTCH_API_URL"])
        finally:
            process.terminate()


@contextmanager
def delayed(stytch: Stytch, seconds: float) -> Iterator[Stytch]:
    """Put a proxy before an emulator, so that each answer comes so many seconds later."""
    port = stytch.url.rpartition(":")[2]
    command = [sys.executable, str(ROOT / "benchmarks" / "proxy.py"), port, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://127.0.0.1:{next(iter(process.stdout or ())).strip()}"
            yield Stytch(stytch.variables | dict.fromkeys(URLS, url), stytch.url)
        finally:
            process.terminate()
