"""What judged changes at the revision that was applied last: it binds still.

So a commit that changes or removes a policy does not lift it for what else it changes, however often it is applied.
"""

from pathlib import Path

from msgspec import Struct, structs

from reconciler.config.read import FILE, Config, load_config
from reconciler.documents.read import FOLDERS
from reconciler.errors import InvalidInput, Unreadable
from reconciler.expressions.redaction import Redaction
from reconciler.history.look import History
from reconciler.history.state import read_state, tree_of
from reconciler.load.examine import judging_documents
from reconciler.load.safeguards import Safeguards, safeguards_of
from reconciler.model import Problem


class Earlier(Struct, frozen=True, kw_only=True):
    """The settings of an environment at another revision, and its safeguards."""

    config: Config
    safeguards: Safeguards = Safeguards()


def earlier(
    config: Config, safeguards: Safeguards, history: History, redaction: Redaction | None = None
) -> Earlier | None:
    """Return what judged changes at the revision that was applied last; None where there is no such revision.

    ``safeguards`` are those of now, which are the same where that is the revision that is checked out. With a
    ``redaction`` they are for changes in which people are hashed. Raises ``Unreadable`` where this version cannot read
    what was applied: what binds must be known.
    """
    if history.state is None or not history.state.revision:
        return None
    of_now = Earlier(config=config, safeguards=safeguards)
    is_same = history.state.revision == history.planned
    found = of_now if is_same else _at(history.state.commit, config, redaction)
    before = [_at(commit, config, redaction).safeguards for commit in history.state.judged_by]
    if not before:
        return found
    every = {policy.says(): policy for one in (found.safeguards, *before) for policy in one.policies}
    return structs.replace(found, safeguards=structs.replace(found.safeguards, policies=tuple(every.values())))


def had_state(config: Config) -> bool:
    """Return whether git says that the revision which was applied last had its state in git."""
    try:
        state = read_state(config.root, config.environment)
        if state is None or not state.revision:
            return False
        with tree_of(config.root, state.commit, (FILE,)) as root:
            return load_config(root, config.environment).state == "git"
    except Unreadable:
        return False
    except InvalidInput:
        return True


def _at(commit: str, config: Config, redaction: Redaction | None) -> Earlier:
    """Return what judged changes at a state."""
    with tree_of(config.root, commit, (FILE, *FOLDERS)) as root:
        found = _read(root, config.environment)
    return structs.replace(found, safeguards=found.safeguards.without_people(redaction)) if redaction else found


def _read(root: Path, environment: str) -> Earlier:
    problems: list[Problem] = []
    try:
        config = load_config(root, environment)
        safeguards = safeguards_of(judging_documents(config, problems), config, problems)
    except InvalidInput as error:
        problems += error.problems
    wrong = next((found for found in problems if found.severity == "error"), None)
    if wrong:
        where = f" ({wrong.at[0]})" if wrong.at else ""
        raise Unreadable(
            f"the policies and settings that were applied last bind still, and cannot be read: {wrong.message}{where}",
            hint="use the version that applied them; who may push can also delete the ref of the environment",
        )
    applied = tuple(structs.replace(policy, applied=True) for policy in safeguards.policies)
    return Earlier(config=config, safeguards=structs.replace(safeguards, policies=applied))
