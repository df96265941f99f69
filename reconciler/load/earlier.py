"""What judged changes at the revision that was applied last: it binds still, so that nobody lifts what stops him."""

from pathlib import Path

from msgspec import Struct, structs

from reconciler.config.read import FILE, Config, load_config
from reconciler.documents.read import FOLDERS
from reconciler.errors import InvalidInput, Unreadable
from reconciler.expressions.redaction import Redaction
from reconciler.history.look import History
from reconciler.history.state import tree_of
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
    if history.state.revision == history.planned:
        return Earlier(config=config, safeguards=safeguards)
    with tree_of(config.root, history.state.commit, (FILE, *FOLDERS)) as root:
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
