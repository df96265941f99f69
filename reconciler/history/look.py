"""What git says of a run: what is checked out, and what was applied last."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from reconciler.errors import Unreadable
from reconciler.history.git import Repository, find
from reconciler.history.refs import STATES, ref_of
from reconciler.history.state import FILE, State, head_of, state_of, uncommitted
from reconciler.model import Problem, problem

UNKNOWN: Final = (
    "so nothing tells what git changed and what somebody changed in Stytch, and of what is declared no longer only "
    "what carries our mark is deleted"
)
WITHOUT: Final = "or write `state: none` in reconciler.yaml to do without"
SHORT: Final = 12  # digits of a revision


class History(Struct, frozen=True, kw_only=True):
    """What git says: nothing, where nobody asks it, or it has no repository with the configuration in its HEAD.

    ``is_outside`` tells the second from the first. ``revision`` is HEAD, and ``uncommitted`` names what a run reads and
    is not as HEAD has it. ``state`` is what was applied last, None where nobody knows; ``unread`` says why git could
    not tell.
    """

    repository: Repository | None = None
    is_outside: bool = False
    revision: str = ""
    uncommitted: tuple[str, ...] = ()
    state: State | None = None
    unread: str = ""
    hint: str = ""

    @property
    def planned(self) -> str:
        """Return the revision that a plan is made of, "" where it is made of what nobody committed."""
        return "" if self.uncommitted else self.revision

    @property
    def uncommitted_here(self) -> frozenset[str]:
        """Return the names of uncommitted files below the folder of ours."""
        prefix = self.repository.prefix if self.repository else ""
        return frozenset(name.removeprefix(prefix) for name in self.uncommitted)

    @property
    def applied(self) -> str:
        """Return the revision that was applied last, "" where that is unknown."""
        return self.state.revision if self.state else ""

    def of_project(self, project_id: str) -> "History":
        """Return the same for one project: what was applied to another one says nothing about it."""
        if self.state is None or not project_id or self.state.project in ("", project_id):
            return self
        return structs.replace(self, state=structs.replace(self.state, revision="", pending=(), is_evidence=False))

    def doubts(self, environment: str) -> Iterator[Problem]:
        """Yield a warning where nothing tells what was applied last, or where that proves nothing."""
        if self.unread:
            yield warning("no-state", f"{self.unread}, {UNKNOWN}", self.hint)
        elif self.is_outside:
            message = f"{FILE} is in no git repository, or nobody committed it there"
            yield warning("no-state", f"{message}, {UNKNOWN}", f"commit it, {WITHOUT}")
        elif self.repository and not (self.state and self.state.revision):
            other = f" to this project, but to {self.state.project}" if self.state and self.state.project else ""
            message = f"git does not say that anything was applied to {environment} yet"
            if other:
                message = f"git does not say what was applied{other}"
            hint = f"the next apply of what is committed moves {ref_of(STATES, environment)}"
            yield warning("no-state", f"{message}, {UNKNOWN}", hint)
        elif self.state and not self.state.is_evidence:
            message = f"{self.state.revision[:SHORT]}, which was applied last, does not come before HEAD"
            hint = "HEAD is older, on another branch, or the branch was rewritten: merge what was applied"
            yield warning("state-elsewhere", f"{message}, so it proves nothing about what is declared no longer", hint)


def look(root: Path, environment: str) -> History:
    """Return what git says of a folder; where it cannot tell, why."""
    try:
        repository = find(root, FILE)
        return said_by(repository, environment) if repository else History(is_outside=True)
    except Unreadable as error:
        return unread_for(error)


def said_by(repository: Repository, environment: str) -> History:
    """Return what a repository says; raises ``Unreadable``."""
    return History(
        repository=repository,
        revision=head_of(repository),
        uncommitted=tuple(uncommitted(repository)),
        state=state_of(repository, environment),
    )


def unread_for(error: Unreadable) -> History:
    """Return that git cannot tell, and why."""
    return History(unread=str(error), hint=f"{error.problems[0].hint}, {WITHOUT}")


def warning(code: str, message: str, hint: str) -> Problem:
    """Return a warning."""
    return problem(code, message, hint, severity="warning")
