"""Commits around HEAD: those that are to be applied, and what a pull request would be once it is merged."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.errors import Unreadable
from reconciler.history.git import Repository
from reconciler.history.look import History
from reconciler.history.refs import STATES, fetch, fetched, has, is_shallow, ref_of
from reconciler.history.state import comes_before, head_of, parsed

STATES_BACK: Final = 20  # that are looked at, where each left something open


def to_apply(history: History, environment: str) -> Sequence[str]:
    """Return the commits of the branch that are to be applied, the oldest first; raises ``Unreadable``.

    Where nothing tells what was applied, or that does not come before HEAD, it is HEAD alone.
    """
    repository = history.repository
    if repository is None:
        raise Unreadable(
            history.unread or "this is no git repository, so nothing tells what is to be applied", hint=history.hint
        )
    if history.state is None or not history.state.is_evidence:
        return [head_of(repository)]
    since = _since(repository, environment, history.state.commit)
    if not since or not comes_before(repository, since):
        since = history.state.revision
    found = repository.git("rev-list", "--first-parent", "--reverse", f"{since}..HEAD").text
    return found.split("\n") if found else []


def _since(repository: Repository, environment: str, commit: str) -> str:
    """Return the revision of the last state that left nothing open, or of the oldest one that is looked at.

    What an apply left open was reviewed in a pull request that came before the state that the apply wrote.
    """
    if repository.remote and is_shallow(repository):
        fetch(repository, f"--depth={STATES_BACK + 1}", ref_of(STATES, environment))
    since = ""
    for _ in range(STATES_BACK):
        if not has(repository, commit):
            break
        state = parsed(commit, repository.git("cat-file", "commit", commit).text.partition("\n\n")[2])
        since = state.revision or since
        if not state.pending and state.revision:
            break
        commit = repository.git("rev-parse", "--verify", "--quiet", f"{commit}^", allowed=(0, 1)).text
        if not commit:
            break
    return since


@contextmanager
def as_merged(repository: Repository, pull: int) -> Iterator[Path]:
    """Give a work tree of a pull request as GitHub would merge it, and our folder in it; raises ``Unreadable``."""
    commit = fetched(repository, f"refs/pull/{pull}/merge")
    if not commit:
        raise Unreadable(f"#{pull} cannot be merged as it is", hint="resolve its conflicts")
    with tempfile.TemporaryDirectory(prefix="reconciler-pull-") as scratch:
        folder = Path(scratch) / "files"
        repository.git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        try:
            yield folder / repository.prefix
        finally:
            repository.git("worktree", "remove", "--force", str(folder), allowed=())
