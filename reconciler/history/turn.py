"""An apply's turn: alone with the state of its environment, which it moves at its end."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import structs

from reconciler.errors import Refused, Unreadable
from reconciler.history.git import TOKEN, Repository, find
from reconciler.history.lock import Lock, owner_of, take
from reconciler.history.look import SHORT, WITHOUT, History, said_by, unread_for, warning
from reconciler.history.refs import STATES, Swap, ref_of
from reconciler.history.state import FILE, State, inputs_of, move, record_uses
from reconciler.model import Problem, problem

_FEW: Final = 3  # files that are named


class Turn:
    """An apply's turn. ``refusal`` says why it cannot record what it does, "" if it can."""

    def __init__(self, environment: str, history: History, lock: Lock | None = None, refusal: str = "") -> None:
        self.history = history
        self.refusal = refusal
        self._environment = environment
        self._lock = lock

    @property
    def is_lost(self) -> bool:
        """Return whether somebody else may apply by now."""
        return self._lock is not None and not self._lock.is_held

    def check(self) -> None:
        """Raise ``Refused`` where what is about to be written to a live project could not be recorded."""
        if self.refusal:
            hint = self.history.hint or f"give a token that may write the repository's contents in {TOKEN}, {WITHOUT}"
            raise Refused(f"{self.refusal}: nothing was written to the LIVE project", hint=hint)

    def use(self, approvals: Iterable[str]) -> None:
        """Record, before the first write, that approvals are used; raises ``Refused`` where that cannot be recorded."""
        names = frozenset(approvals)
        repository = self.history.repository
        if not names:
            return
        if self.refusal or repository is None:
            raise Refused(
                f"the use of {', '.join(sorted(names))} cannot be recorded: "
                f"{self.refusal or 'this folder is not in git'}; nothing was written",
                hint="an approval that could be used twice is none",
            )
        swapped, state = record_uses(repository, self._environment, self.history.state, names)
        if swapped.result != "done":
            raise Refused(f"{_not_moved(self._environment, swapped)}: nothing was written", hint="apply again")
        self.history = structs.replace(self.history, state=state)

    @property
    def doubt(self) -> Problem | None:
        """Return a warning where nothing is recorded, unless the plan has it already."""
        if not self.refusal or self.history.unread:
            return None
        message = (
            f"{self.refusal}, so nothing keeps others from applying at the same time, and this apply is not recorded"
        )
        return warning(
            "not-recorded", message, f"give a token that may write the repository's contents in {TOKEN}, {WITHOUT}"
        )

    def record(self, applied: State, files: Mapping[str, Path]) -> Problem | None:
        """Move the state to what was applied now, or return why that was not done."""
        repository, revision = self.history.repository, self.history.planned
        if repository is None or self.refusal:
            return None
        if self.history.uncommitted:
            names = self.history.uncommitted
            more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
            message = (
                f"this apply is not recorded, because it is of what nobody committed: {', '.join(names[:_FEW])}{more}"
            )
            return warning("not-recorded", message, "commit it and apply again")
        if self.is_lost:
            return _error("the lock was lost, so this apply is not recorded", "apply again")
        try:
            applied = structs.replace(applied, revision=revision, inputs=inputs_of(repository, files))
            swapped, state = move(repository, self._environment, self.history.state, applied)
        except Unreadable as error:
            return _error(f"this apply is not recorded: {error}", error.problems[0].hint)
        if swapped.result != "done":
            return _error(_not_moved(self._environment, swapped), "apply again: nothing is written twice")
        self.history = structs.replace(self.history, state=state)
        return None


@contextmanager
def turn(
    root: Path,
    environment: str,
    command: str,
    wait: float,
    lost: Callable[[], None],
    here: Callable[[Path], AbstractContextManager[None]],
) -> Iterator[Turn]:
    """Have the turn of an environment, and read the state.

    ``lost`` is called once somebody else may apply. A repository without a remote is locked by what ``here`` gives for
    the folder that its work trees share. Raises ``Refused`` where somebody else has the turn.
    """
    with ExitStack() as stack:
        lock, refusal, history = None, "", History()
        try:
            if repository := find(root, FILE):
                if repository.remote:
                    lock, refusal = _locked(repository, environment, command, wait)
                else:
                    stack.enter_context(here(repository.shared))
                if lock:
                    stack.callback(lock.release)
                    stack.enter_context(lock.kept(lost))
                history = said_by(repository, environment)
            else:
                history = History(is_outside=True)
        except Unreadable as error:
            refusal, history = refusal or str(error), unread_for(error)
        yield Turn(environment, history, lock, refusal)


def _locked(repository: Repository, environment: str, command: str, wait: float) -> tuple[Lock | None, str]:
    """Return the lock at the remote, or why nobody gives it to us."""
    taken = take(repository, environment, owner_of(command, os.environ), wait)
    if isinstance(taken, Lock):
        return taken, ""
    return None, f"the lock of {environment} cannot be taken: {taken.said}"


def _not_moved(environment: str, swapped: Swap) -> str:
    ref = ref_of(STATES, environment)
    if swapped.result == "moved":
        return f"somebody else moved {ref} meanwhile, to {swapped.found[:SHORT] or 'nothing'}, so this is not recorded"
    return f"{ref} cannot be moved, so this is not recorded: {swapped.said}"


def _error(message: str, hint: str) -> Problem:
    return problem("not-recorded", message, hint)
