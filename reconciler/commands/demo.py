"""``reconciler demo``: the complete workflow on the emulator, in a scratch folder, with the commands that people type.

Every step runs the program as a subprocess. Only the loopback interface is touched, and nothing is left behind but the
page of the first plan (unless asked).
"""

import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from msgspec import Struct

from reconciler.commands.options import Asked, command, invoked_as
from reconciler.report.formats import show_lines
from reconciler.report.view import styled

if TYPE_CHECKING:
    import subprocess

PACKAGED = Path(__file__).parent.parent / "example"  # in an installed wheel
CHECKOUT = Path(__file__).parent.parent.parent
EXAMPLE = ("reconciler.yaml", "manifests", "rules")
PATIENCE = 30.0  # seconds until the emulator must listen
OURS = [sys.executable, "-m", "reconciler"]

BY_HAND = """\
import os, stytch
organizations = stytch.B2BClient(
    project_id=os.environ["STYTCH_PROJECT_ID"],
    secret=os.environ["STYTCH_SECRET"],
    custom_base_url=os.environ["STYTCH_API_URL"],
    suppress_warnings=True,
).organizations
organizations."""


class Step(Struct, frozen=True):
    """Something said, then done: a command of ours, or Python that stands for a person in Stytch's dashboard."""

    say: str
    command: tuple[str, ...] = ()
    python: str = ""
    exits: int = 0


STEPS = (
    Step(
        "Somebody has used the project before: it has an organization that no manifest declares.",
        python='create(organization_name="Legacy", organization_slug="legacy")',
    ),
    Step("What would change in Stytch?", ("plan", "-o", "plan.json", "--html", "plan.html"), exits=2),
    Step("The plan was reviewed: apply exactly that.", ("apply", "plan.json")),
    Step("Is anything left to do?", ("plan",)),
    Step("Dan says he is from Acme and cannot get in. Why?", ("why", "dan@acme.example")),
    Step(
        "Behind git's back, somebody changes an organization in the dashboard.",
        python='update(organization_id="acme", organization_name="Renamed by hand")',
    ),
    Step("A scheduled job looks for drift.", ("drift",), exits=2),
    Step("Restore the declared state.", ("apply",)),
    Step("And now?", ("plan",)),
)

LAST = """
That was the complete workflow. The page of the first plan, for a browser: {page}

Now with your own files, still without an account:

    {reconciler} init my-identity
    {reconciler} emulator --env-file my-identity/stytch.env

The emulator runs until you stop it. In another terminal:

    . ./my-identity/stytch.env
    {reconciler} -C my-identity plan
    {reconciler} -C my-identity apply

With a Stytch test project, set STYTCH_PROJECT_ID and STYTCH_SECRET instead of reading stytch.env.
"""


@command(
    click.option("--keep", is_flag=True, help="Keep the scratch folder."),
)
def demo(asked: Asked, *, keep: bool) -> int:  # noqa: ARG001 # every command is asked the same way
    """Run every step and print what it does; return 1 if one ends otherwise than it should."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    try:
        repository = folder / "repository"
        _copy_example(repository)
        with _emulator(folder) as environment:
            _say(f"A local Stytch listens on {environment['STYTCH_API_URL']}; the repository is {repository}")
            for number, step in enumerate(STEPS, 1):
                _say(f"\n{number}. {step.say}")
                code = _do(step, repository, environment)
                if code != step.exits:
                    _say(f"\nThis step ended with {code} instead of {step.exits}.", sys.stderr)
                    return 1
        page = shutil.move(repository / "plan.html", folder.with_suffix(".html"))
        _say(LAST.format(reconciler=invoked_as(), page=page))
        return 0
    finally:
        if keep:
            _say(f"Left behind: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _copy_example(into: Path) -> None:
    import shutil

    source = PACKAGED if PACKAGED.is_dir() else CHECKOUT
    into.mkdir()
    for name in EXAMPLE:
        if (source / name).is_dir():
            shutil.copytree(source / name, into / name)
        else:
            shutil.copy(source / name, into / name)


@contextmanager
def _emulator(folder: Path) -> Iterator[Mapping[str, str]]:
    """Run the emulator for as long as it is needed and give the environment that points commands at it."""
    import subprocess

    env_file = folder / "stytch.env"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STYTCH_", "RECONCILER_"))}
    clean |= {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    # Our own checkout or wheel, whatever folder a step runs in.
    clean["PYTHONPATH"] = os.pathsep.join(filter(None, (str(CHECKOUT), clean.get("PYTHONPATH"))))
    with (folder / "emulator.log").open("wb") as log:
        command = [*OURS, "emulator", "--https", "--env-file", str(env_file)]
        emulator = subprocess.Popen(command, stdout=log, stderr=log, env=clean)  # noqa: S603 # our own program
        try:
            yield clean | _variables(env_file, emulator)
        finally:
            emulator.terminate()
            emulator.wait()


def _variables(env_file: Path, emulator: "subprocess.Popen[bytes]") -> dict[str, str]:
    """Wait until the emulator listens, which is when it has written its file of ``export NAME=value`` lines."""
    until = time.monotonic() + PATIENCE
    while not env_file.exists():
        if emulator.poll() is not None or time.monotonic() > until:
            log = env_file.with_name("emulator.log").read_text(encoding="utf-8")
            raise SystemExit(f"the emulator did not start:\n{log}")
        time.sleep(0.05)
    words = shlex.split(env_file.read_text(encoding="utf-8"), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


def _do(step: Step, repository: Path, environment: Mapping[str, str]) -> int:
    if step.command:
        _say(f"   $ reconciler {shlex.join(step.command)}\n")
        return _ran([*OURS, *step.command], repository, environment)
    _say(f"   organizations.{step.python}    (through Stytch's own SDK)")
    return _ran([sys.executable, "-c", BY_HAND + step.python], repository, environment)


def _ran(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> int:
    import subprocess

    return subprocess.run(command, cwd=cwd, env=environment, check=False).returncode  # noqa: S603 # our own program


def _say(text: str, stream: TextIO | None = None) -> None:
    show_lines((styled(line, "title") for line in text.split("\n")), stream)
