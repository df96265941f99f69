"""``reconciler github step``: what a step of the action does, with each token only where it is needed.

Each part is a program of its own: so git and what speaks with GitHub get the token, and nothing else does.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Final

import click
from msgspec import Struct, structs

from reconciler.commands.options import Asked, command
from reconciler.commands.signals import HANDLED
from reconciler.errors import InvalidInput
from reconciler.github.step import COMMANDS, LATEST, Step, keeps_plan, said_of, step_of, words_of

PROGRAM: Final = (sys.executable, "-P", "-m", "reconciler")  # -P: a checkout may hold anything, and is not run
WHOLE: Final = "1000000"  # bytes of a run's summary
_CHANGES: Final = 2
_HELD: Final = 3
_UNREAD: Final = 4


class Job(Struct, frozen=True, kw_only=True):
    """A step and what it works with: ``environ`` is what every program gets, the token is not in it."""

    step: Step
    folder: Path
    program: tuple[str, ...]
    environ: Mapping[str, str]
    token: str
    hook: str

    @property
    def page(self) -> Path:
        """Return where the comment is written."""
        return self.folder / "comment.md"

    @property
    def html(self) -> Path:
        """Return where the page is written, alone in its folder."""
        return self.folder / "page" / "page.html"

    @property
    def plans(self) -> Path:
        """Return the folder of the plans that were reviewed."""
        return self.folder / "reviewed"

    @property
    def summary(self) -> Path:
        """Return the file of the run's summary."""
        return Path(self.environ.get("GITHUB_STEP_SUMMARY") or os.devnull)


@command(click.argument("name", metavar="COMMAND", type=click.Choice(COMMANDS)))
def step(asked: Asked, name: str) -> int:
    """Do a step as the variables ask that action.yml sets; return its exit code, 0 for changes and for drift."""
    job = _job(asked, name, dict(os.environ))
    os.umask(0o077)  # results name people
    if job.step.is_private is None:  # not every event says it
        private = job.folder / "visibility"
        is_private = _github(job, "visibility", into=private) == 0 and private.read_text().strip() == "private"
        job = structs.replace(job, step=structs.replace(job.step, is_private=is_private))
    if job.step.snapshot == LATEST:
        latest = str(job.folder / "latest.gz")
        if code := _github(job, "snapshot", "-o", latest, *job.step.age):
            return code
        job = structs.replace(job, step=structs.replace(job.step, snapshot=latest))
    code = _DOING.get(name, _reported)(job)
    return 0 if code == _CHANGES else code


def _job(asked: Asked, name: str, environ: dict[str, str]) -> Job:
    """Return what to do, in an empty folder; the token is taken out of the variables."""
    token, hook, temporary = (environ.pop(each, "") for each in ("TOKEN", "HOOK", "RUNNER_TEMP"))
    if not temporary:
        raise InvalidInput("RUNNER_TEMP is not set", hint="this is what action.yml runs, in a job of GitHub Actions")
    folder = Path(temporary) / f"reconciler-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    for below in ("plan", "page", "snapshot", "reviewed"):
        (folder / below).mkdir(parents=True)
    if asked.environment:
        environ["RECONCILER_ENVIRONMENT"] = asked.environment
    program = (*PROGRAM, *asked.again)
    environ["RUNNER_TEMP"] = temporary
    return Job(step=step_of(name, environ), folder=folder, program=program, environ=environ, token=token, hook=hook)


def _reported(job: Job) -> int:
    """Plan, apply, look for drift or validate; say it in the run, on the lines of files, and on GitHub."""
    result = job.folder / "plan" / "plan.json" if job.step.command == "plan" else job.folder / "result.json"
    code = _fetched(job) if job.step.command == "apply" and job.step.reviewed and not job.step.origin else None
    if code not in (None, 0, _HELD):
        return _UNREAD
    plans = sorted(job.plans.glob("pull-*.json"))
    words = words_of(job.step, job.html, plans, is_whole=None if code is None else code == 0)
    code = _ran(job, *words, into=result, RECONCILER_GIT_TOKEN=job.token)
    _show(job, result)
    if job.step.upload and job.html.exists():
        _output(job, "upload-page", str(job.html.parent))
    if keeps_plan(job.step, code):
        _output(job, "upload-plan", str(result.parent))
    numbers = job.plans / "pulls"
    pulls = numbers.read_text(encoding="utf-8").split() if numbers.exists() and job.page.stat().st_size else ()
    said = said_of(job.step, code, job.page, result, pulls)
    if said and _github(job, *said, RECONCILER_WEB_HOOK=job.hook):
        click.echo("::warning::nothing was said on GitHub, as the log tells; the run's summary has it all")
    return code


def _fetched(job: Job, *of: str) -> int:
    """Fetch the plans that were reviewed; return 3 where some are missing."""
    return _github(job, "reviewed", "-o", str(job.plans), *of)


def _show(job: Job, result: Path) -> None:
    """Write the comment, the summary, the annotations and the outputs."""
    drift = ("--drift",) if job.step.command == "drift" else ()
    comment = ("report", "comment", str(result), *drift, *job.step.seen, "--commit", job.step.head)
    _ran(job, *comment, into=job.page)
    _ran(job, *comment, "--max-bytes", WHOLE, into=job.summary)
    _ran(job, "report", "annotations", str(result), "--prefix", job.step.directory, *job.step.seen)
    paths = {"json": result, "markdown": job.page, **({"html": job.html} if job.html.exists() else {})}
    named = (word for name, path in paths.items() for word in ("--path", f"{name}={path}"))
    _ran(job, "report", "outputs", str(result), *named, into=_outputs(job))


def _snapshot(job: Job) -> int:
    taken, said = job.folder / "snapshot" / "snapshot.gz", job.folder / "taken.json"
    code = _ran(job, "snapshot", "-o", str(taken), *job.step.seen, "--format", "json", into=said)
    if code:
        click.echo(said.read_text(encoding="utf-8"))
        return code
    _output(job, "environment", json.loads(said.read_bytes())["environment"])
    _output(job, "snapshot", str(taken))
    if job.step.upload:
        _output(job, "upload-snapshot", str(taken.parent))
    return 0


def _check(job: Job) -> int:
    asked = job.step
    if asked.queued and (code := _fetched(job, "--pull", asked.queued)):
        if code != _HELD:
            return _UNREAD
        click.echo("::error::there is no reviewed plan to check: run the plan workflow of the pull request again")
        return code
    snapshot = ("--snapshot", asked.snapshot, *asked.age) if asked.snapshot else ()
    plans = (*((asked.plan,) if asked.plan else ()), *map(str, sorted(job.plans.glob("pull-*.json"))))
    words = ("check", *snapshot, *plans, "--format", "markdown")
    code = _ran(job, *words, into=job.page, RECONCILER_GIT_TOKEN=job.token)
    text = job.page.read_text(encoding="utf-8")
    click.echo(text, nl=False)
    with job.summary.open("a", encoding="utf-8") as summary:
        summary.write(text)
    return code


_DOING: Final[Mapping[str, Callable[[Job], int]]] = {
    "snapshot": _snapshot,
    "check": _check,
    "comment": lambda job: _github(job, "comment", "--from-run", job.step.run),
    "propose": lambda job: _github(job, "propose"),
    "refresh": lambda job: _github(job, "refresh", "--snapshot", job.step.snapshot),
}


def _outputs(job: Job) -> Path:
    return Path(job.environ.get("GITHUB_OUTPUT") or os.devnull)


def _output(job: Job, name: str, value: str) -> None:
    with _outputs(job).open("a", encoding="utf-8") as file:
        file.write(f"{name}={value}\n")


def _github(job: Job, *words: str, into: Path | None = None, **variables: str) -> int:
    """Run what speaks with GitHub; return its exit code."""
    tokens = {"GITHUB_TOKEN": job.token, "RECONCILER_GIT_TOKEN": job.token}
    return _ran(job, "github", *words, into=into, **tokens, **variables)


def _ran(job: Job, *words: str, into: Path | None = None, **variables: str) -> int:
    """Run a command of ours, with what it prints at the end of a file, and return its exit code."""
    sys.stdout.flush()
    opened = into.open("ab") if into else nullcontext()
    with (
        _signals() as came,
        opened as out,
        subprocess.Popen(  # noqa: S603 # our own program, without a shell
            (*job.program, *words), env={**job.environ, **variables}, stdout=out
        ) as child,
    ):
        came.child = child
        code = child.wait()
    if came.numbers and words[0] != "apply":  # what an apply that was stopped had written is still said
        raise KeyboardInterrupt
    return code


class _Came:
    """The signals that came while a program runs, which gets each."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.child: subprocess.Popen[bytes] | None = None

    def arrived(self, number: int, _frame: FrameType | None) -> None:
        """Pass one on."""
        self.numbers.append(number)
        if self.child is not None:
            self.child.send_signal(number)


@contextmanager
def _signals() -> Iterator[_Came]:
    """Pass signals on meanwhile: a runner that cancels a job sends them to the step's own program alone."""
    came = _Came()
    before = {number: signal.signal(number, came.arrived) for number in HANDLED}
    try:
        yield came
    finally:
        for number, former in before.items():
            signal.signal(number, former)
