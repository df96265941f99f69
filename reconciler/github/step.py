"""A step of a workflow: what the action's inputs ask for → the words that are run, and what is kept and said of it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.errors import InvalidInput

COMMANDS: Final = (
    *("plan", "apply", "drift", "validate", "snapshot"),
    *("check", "comment", "refresh", "propose"),
)
LATEST: Final = "latest"  # the snapshot that the default branch published last
WAIT: Final = "600"  # seconds for who has the lock
_QUEUED: Final = re.compile(r".*/pr-(?P<pull>[0-9]+)-[0-9a-f]+")
_SAID: Final = {"true": True, "false": False}
_ENDED: Final = frozenset({0, 2, 3})  # exit codes of a plan that was made, whatever it says
_TRIED: Final = frozenset({0, 1, 3})  # exit codes of an apply that may have written


class Step(Struct, frozen=True, kw_only=True):
    """What a step is asked for by the inputs of the action and the event; "" is what is not given.

    ``is_private`` says that few can read the repository, None that the event does not say it.
    """

    command: str
    directory: str
    plan: str
    reviewed: bool
    origin: str
    snapshot: str
    max_age: str
    comment: bool
    upload: bool
    pull: str
    group: str
    run: str
    head: str
    is_private: bool | None

    @property
    def age(self) -> tuple[str, ...]:
        """Return the words that say how old a snapshot may be."""
        return ("--max-age", self.max_age) if self.max_age else ()

    @property
    def queued(self) -> str:
        """Return the number of the pull request that a merge queue is about to merge, "" where it is none."""
        found = _QUEUED.fullmatch(self.group)
        return found["pull"] if found else ""

    @property
    def seen(self) -> tuple[str, ...]:
        """Return the words that tell a report who can read it."""
        return ("--visibility", "private" if self.is_private else "public")


def step_of(command: str, environ: Mapping[str, str]) -> Step:
    """Return the step that variables ask for, which have the names of the fields; raises ``InvalidInput``."""

    def text(name: str) -> str:
        return environ.get(name.upper(), "").strip()

    def flag(name: str, otherwise: str) -> bool:
        said = text(name) or otherwise
        if said not in _SAID:
            raise InvalidInput(f"the input {name} is {said!r}", hint="it is true or false")
        return _SAID[said]

    return Step(
        command=command,
        directory=text("directory") or ".",
        plan=text("plan"),
        reviewed=flag("reviewed", "false"),
        origin=text("origin"),
        snapshot=text("snapshot"),
        max_age=text("max_age"),
        comment=flag("comment", "false"),
        upload=flag("upload", "true"),
        pull=text("pull"),
        group=text("group"),
        run=text("run"),
        head=text("head"),
        is_private=_SAID.get(text("private")),
    )


def words_of(step: Step, html: Path, reviewed: Sequence[Path] = (), *, is_whole: bool | None = None) -> tuple[str, ...]:
    """Return the words of a plan, an apply, a drift or a validation.

    ``reviewed`` are the plans that were reviewed, and ``is_whole`` says whether those are all; None, that nobody asks.
    """
    words = [step.command]
    if step.command == "apply":
        words += ["--yes", "--wait", WAIT]
        words += ["--origin", step.origin] if step.origin else []
        words += [step.plan] if step.plan else []
        words += [] if is_whole is None else ["--reviewed", "all" if is_whole else "some", *map(str, reviewed)]
    if step.command == "plan" and step.snapshot:
        words += ["--snapshot", step.snapshot]
    if step.command != "validate":
        words += ["--html", str(html), *(() if step.is_private else ("--mask",))]
    return (*words, "--format", "json")


def keeps_plan(step: Step, code: int) -> bool:
    """Return whether a plan is uploaded: whoever reads the repository can download it, and it may name people."""
    is_ready = step.upload and step.command == "plan" and code in _ENDED
    return is_ready and (bool(step.is_private) or bool(step.snapshot))


def said_of(step: Step, code: int, page: Path, result: Path, pulls: Sequence[str]) -> tuple[str, ...]:
    """Return the words of ``reconciler github`` that say on GitHub what came of it; none where nothing is said.

    ``pulls`` are the pull requests of an apply.
    """
    if not step.comment:
        return ()
    if step.command == "drift" and code in _ENDED:
        return ("issue", str(page), "--of", str(result))
    about: Sequence[str] = ()
    if step.command == "plan" and code in _ENDED and step.pull:
        about = (step.pull,)
    elif step.command == "apply" and code in _TRIED:
        about = pulls
    return ("comment", str(page), *(word for pull in about for word in ("--pull", pull))) if about else ()
