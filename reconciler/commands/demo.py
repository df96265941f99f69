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
from reconciler.errors import InvalidInput
from reconciler.report.formats import show_lines
from reconciler.report.view import styled

if TYPE_CHECKING:
    import subprocess

PACKAGED = Path(__file__).parent.parent / "example"  # in an installed wheel
CHECKOUT = Path(__file__).parent.parent.parent
EXAMPLE = ("reconciler.yaml", "manifests", "rules")
PATIENCE = 30.0  # seconds until the emulator must listen
CHANGES = 2  # how a plan ends that has some
OURS = [sys.executable, "-m", "reconciler"]

# A repository of its own, whatever git is told elsewhere; what was applied is a ref of it.
GIT = {
    "RECONCILER_STATE": "",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
    **dict.fromkeys((f"GIT_{role}_{what}" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")), "demo"),
}

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
    """Something said, then done: commands of ours or of git, edits of files, a person in Stytch's dashboard.

    ``edits`` are files with a text and what takes its place. Of what a command prints, the last ``lines`` are shown (0:
    all of them); ``into`` is a file that takes it instead.
    """

    say: str
    edits: tuple[tuple[str, str, str], ...] = ()
    python: str = ""
    git: tuple[tuple[str, ...], ...] = ()
    quietly: tuple[str, ...] = ()  # a command of ours before the one that is shown
    into: str = ""
    command: tuple[str, ...] = ()
    lines: int = 0


STEPS = (
    Step(
        "The repository's main branch declares what Stytch is to hold. It is applied for the first time.",
        git=(("init", "--quiet", "--initial-branch=main"), ("add", "--all"), ("commit", "--quiet", "--message=Begin")),
        command=("apply",),
        lines=6,
    ),
    Step(
        "On a branch, a colleague renames an organization and leaves somebody out.",
        git=(
            ("switch", "--quiet", "--create=globex"),
            ("diff", "--unified=0"),
            ("commit", "--quiet", "--all", "--message=Globex"),
        ),
        edits=(
            ("manifests/organizations.yaml", "organization_name: Globex\n", "organization_name: Globex Corporation\n"),
            ("rules/members.yaml", "  except:\n", "  except:\n    - {email: [finn@initech.example]}\n"),
        ),
    ),
    Step(
        "The pull request gets this comment. A page with all of it lies beside it.",
        quietly=("plan", "-o", "plan.json", "--html", "plan.html"),
        command=("report", "comment", "plan.json"),
    ),
    Step(
        "It is reviewed and merged. The merge applies just what was reviewed.",
        git=(("switch", "--quiet", "main"), ("merge", "--quiet", "globex")),
        command=("apply", "plan.json"),
    ),
    Step("Dan says he is from Acme and cannot get in. Why?", command=("why", "dan@acme.example")),
    Step(
        "Behind git's back, somebody changes an organization in the dashboard.",
        python='update(organization_id="acme", organization_name="Renamed by hand")',
    ),
    Step(
        "At night a run looks for drift, and keeps this issue open until it is gone.",
        quietly=("drift", "--format", "json"),
        into="drift.json",
        command=("report", "comment", "drift.json", "--drift"),
    ),
    Step("Git wins: an apply repairs it.", command=("apply",), lines=4),
    Step("And now?", command=("plan",)),
)

LAST = """
That was the loop. The page of the pull request's plan, for a browser: {page}
On GitHub, `{reconciler} init --ci github` writes the workflows that do this.

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

    if shutil.which("git") is None:
        raise InvalidInput("the demo needs git, and there is none here", hint="install git 2.31 or newer")
    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    try:
        repository = folder / "repository"
        _copy_example(repository)
        with _emulator(folder) as environment:
            _say(f"A local Stytch listens on {environment['STYTCH_API_URL']}; the repository is {repository}")
            for number, step in enumerate(STEPS, 1):
                _say(f"\n{number}. {step.say}")
                if code := _do(step, repository, environment):
                    _say(f"\nThis step ended with {code}.", sys.stderr)
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
            yield clean | _variables(env_file, emulator) | GIT
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
    """Do a step; return 0 if all of it ended as it should."""
    for file, before, after in step.edits:
        path = repository / file
        path.write_text(path.read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")
    for words in step.git:
        if words[0] in ("diff", "merge"):
            _say(f"   $ git {shlex.join(words)}\n")
        if code := _ran(["git", *words], repository, environment)[0]:
            return code
    if step.python:
        _say(f"   organizations.{step.python}    (through Stytch's own SDK)")
        return _ran([sys.executable, "-c", BY_HAND + step.python], repository, environment)[0]
    for words in filter(None, (step.quietly, step.command)):
        is_shown = words == step.command
        _say(f"   $ reconciler {shlex.join(words)}{f' > {step.into}' if step.into and not is_shown else ''}")
        code, said = _ran([*OURS, *words], repository, environment, is_shown=is_shown and not step.lines)
        if step.into and not is_shown:
            (repository / step.into).write_text(said, encoding="utf-8")
        if is_shown and step.lines:
            _say("\n".join(("   …", *said.splitlines()[-step.lines :])))
        if code != (CHANGES if step.quietly and not is_shown else 0):
            return code or 1
    return 0


def _ran(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], *, is_shown: bool = True
) -> tuple[int, str]:
    """Run a command; return its exit code, and what it printed unless that ``is_shown``."""
    import subprocess

    taken = None if is_shown else subprocess.PIPE
    done = subprocess.run(  # noqa: S603 # our own program, and git
        command, cwd=cwd, env=environment, check=False, stdout=taken, text=True, encoding="utf-8"
    )
    return done.returncode, done.stdout or ""


def _say(text: str, stream: TextIO | None = None) -> None:
    show_lines((styled(line, "title") for line in text.split("\n")), stream)
