"""Open pull requests → a notice in the comment of each whose plan does not hold any more, gone once it holds again."""

import re
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from secrets import token_bytes
from typing import Final

from reconciler.errors import ReconcilerError
from reconciler.github.artifacts import about
from reconciler.github.client import Repository
from reconciler.github.kept import BOT, MARKER, comment_of
from reconciler.github.pulls import Pull, open_pulls
from reconciler.github.reviewed import plan_of
from reconciler.plan.reviewed import Checked
from reconciler.report.escaping import harmless, in_code
from reconciler.report.markdown import masked
from reconciler.report.values import counted

Check = Callable[[Pull, Path], Checked]  # a pull request and the plan that was reviewed there

MOST: Final = 50  # pull requests of one run
SHOWN: Final = 3  # resources in a notice
LONGEST: Final = 80  # characters of one: comments are cut to leave so much room
NOTICE: Final = re.compile(r"\n> \*\*This plan does not hold any more\*\*[^\n]*\n")


def refresh(repository: Repository, environment: str, check: Check, bot: str = BOT) -> Iterator[str]:
    """Look at each open pull request, and yield what was done, for people."""
    pulls = open_pulls(repository, about(repository).default_branch)
    for pull in pulls[:MOST]:
        yield f"#{pull.number}: {_refreshed(repository, environment, pull, check, bot)}"
    if len(pulls) > MOST:
        yield f"{len(pulls) - MOST:,} more open pull requests are not looked at."


def _refreshed(repository: Repository, environment: str, pull: Pull, check: Check, bot: str) -> str:
    found = comment_of(repository, pull.number, environment, bot)
    marker = MARKER.match(found["body"]) if found else None
    if found is None or marker is None or not pull.head.sha.startswith(marker["commit"]):
        return "no comment about its last commit"
    with tempfile.TemporaryDirectory(prefix="reconciler-plans-") as folder:
        reviewed = plan_of(repository, pull, environment, Path(folder))
        if reviewed.file is None:
            return reviewed.why
        try:
            checked = check(pull, reviewed.file)
        except ReconcilerError as error:
            # Its files are a stranger's, and so is what an error says of them.
            return f"it cannot be planned ({error.code}), so its comment is left as it is"
    body = with_notice(found["body"], checked)
    if body == found["body"]:
        return "its plan holds" if checked.holds else "its plan does not hold, as its comment says"
    repository.ask("PATCH", f"/issues/comments/{found['id']}", {"body": body}, "pull-requests: write")
    return "its plan holds again, and its comment says so" if checked.holds else "its plan does not hold any more"


def with_notice(body: str, checked: Checked) -> str:
    """Return a comment with a notice below its title that its plan does not hold; without one where it does."""
    plain = NOTICE.sub("", body, count=1)
    if checked.holds:
        return plain
    marker, title, rest = plain.split("\n", 2)
    return f"{marker}\n{title}\n{_notice(checked)}{rest}"


def _notice(checked: Checked) -> str:
    numbers = [
        f"{counted(len(found), 'change')} {what}"
        for found, what in ((checked.moved, "moved"), (checked.gone, "applied already, or not needed any more"))
        if found
    ]
    hide = partial(masked, salt=token_bytes())
    named = ", ".join(
        in_code(hide(harmless(one))[:LONGEST].replace("`", "'"))
        for one in islice((*checked.moved, *checked.gone), SHOWN)
    )
    return f"\n> **This plan does not hold any more**: {', '.join(numbers)}: {named}. Run the plan workflow again.\n"
