"""One comment for each environment and pull request, and one issue while there is drift, each kept up to date."""

import re
import shlex
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import unquote

from msgspec import Struct

from reconciler.errors import InvalidInput
from reconciler.github.client import Repository, Unclear
from reconciler.github.pulls import Pull
from reconciler.report.comment import marker_of
from reconciler.report.escaping import harmless, in_code

BOT: Final = "github-actions[bot]"
LABEL: Final = "stytch-drift"
_LATER: Final = "left as it is: a later run wrote it"
_WAYS_BACK: Final = """
#### Two ways back

- **Git wins**: start the apply workflow, or run {apply}.
- **What is live wins**: start {workflow} with `way: live-wins`, which opens a pull request with what is live; or write
  that pull request yourself, with {export}.
"""
MARKER: Final = re.compile(
    r"(?P<begins><!-- stytch-reconciler: (?P<environment>[\w%.~-]*)) commit=(?P<commit>[\w-]+)"
    r" order=(?P<order>\d{1,18})(?P<applied> applied)? -->"
)


class Kept(Struct, frozen=True):
    """What became of a comment or an issue, and its address on GitHub; ``turned`` says that drift came, or went."""

    done: str
    url: str = ""
    turned: bool = False


def keep_comment(repository: Repository, pull: int, body: str, bot: str = BOT) -> str:
    """Write a body into the comment of its environment; return what was done.

    What became of an apply stays. Before that, what is about the last commit of the pull request stays, and of the same
    commit what a later run wrote.
    """
    return _kept(lambda: _comment(repository, pull, body, bot)).done


def comment_of(repository: Repository, pull: int, environment: str, bot: str = BOT) -> dict[str, Any] | None:
    """Return our comment about an environment, None where there is none yet."""
    rows = repository.rows(f"/issues/{pull}/comments", "pull-requests: write")
    return _ours(rows, _marker(f"{marker_of(environment)} commit=- order=0 -->"), bot)


def keep_issue(
    repository: Repository, body: str, bot: str = BOT, *, drifts: bool | None, workflow: str = "the drift workflow"
) -> Kept:
    """Open, update or close the issue about drift of the body's environment.

    Where nobody knows whether there is drift (``drifts`` is None), the issue stays open, or is not opened. ``workflow``
    is the Markdown by which people find the workflow that looks for drift.
    """
    return _kept(lambda: _issue(repository, body, bot, drifts=drifts, workflow=workflow))


def _kept(keep: Callable[[], Kept]) -> Kept:
    """Keep something; where it is unclear whether that was written, look again, once."""
    try:
        return keep()
    except Unclear:
        return keep()


def _comment(repository: Repository, pull: int, body: str, bot: str) -> Kept:
    needs = "pull-requests: write"
    marker = _marker(body)
    found = _ours(repository.rows(f"/issues/{pull}/comments", needs), marker, bot)
    if found is None:
        repository.ask("POST", f"/issues/{pull}/comments", {"body": body}, needs)
        return Kept("created")
    if why := _why_it_stays(repository, pull, found, marker):
        return Kept(f"left as it is: {why}")
    repository.ask("PATCH", f"/issues/comments/{found['id']}", {"body": body}, needs)
    return Kept("updated")


def _why_it_stays(repository: Repository, pull: int, found: dict[str, Any], marker: re.Match[str]) -> str:
    """Return why a comment is not overwritten, "" where it is."""
    there = MARKER.match(found["body"])
    if not there:
        return ""
    if there["applied"] and not marker["applied"]:
        return "it says what was applied"
    if there["commit"] != marker["commit"] and not marker["applied"]:
        last = repository.get(f"/pulls/{pull}", "pull-requests: read", Pull).head.sha
        if last.startswith(there["commit"]):
            return "it is about the last commit, and this is not"
        if last.startswith(marker["commit"]):
            return ""
    is_alike = there["applied"] == marker["applied"]
    return "a later run wrote it" if is_alike and _is_later(found, marker) else ""


def _issue(repository: Repository, body: str, bot: str, *, drifts: bool | None, workflow: str) -> Kept:
    needs = "issues: write"
    marker = _marker(body)
    if drifts:
        program = f"reconciler -e {shlex.quote(_environment(marker))}"
        apply, export = in_code(f"{program} apply"), in_code(f"{program} export --only ADDRESS")
        body += _WAYS_BACK.format(apply=apply, export=export, workflow=workflow)
    rows = repository.rows(f"/issues?state=open&labels={LABEL}", needs)
    found = _ours((row for row in rows if "pull_request" not in row), marker, bot)
    if found is None:
        if not drifts:
            return Kept("not needed: there is no drift" if drifts is False else "not opened: something is held")
        title = f"Drift in Stytch: {_environment(marker)}"
        made = repository.ask("POST", "/issues", {"title": title, "body": body, "labels": [LABEL]}, needs)
        return Kept("opened", str(made["html_url"]), turned=True)
    if _is_later(found, marker):
        return Kept(_LATER)
    closed = {"state": "closed", "state_reason": "completed"} if drifts is False else {}
    repository.ask("PATCH", f"/issues/{found['number']}", {"body": body, **closed}, needs)
    return Kept("closed" if closed else "updated", str(found["html_url"]), turned=bool(closed))


def _marker(body: str) -> re.Match[str]:
    found = MARKER.match(body)
    if not found:
        raise InvalidInput("the text does not begin with a marker", hint="make it with `reconciler report comment`")
    return found


def _environment(marker: re.Match[str]) -> str:
    return harmless(unquote(marker["environment"]))


def _ours(rows: Iterable[dict[str, Any]], marker: re.Match[str], bot: str) -> dict[str, Any] | None:
    """Return the first of our own bot's that is about the same environment; what others wrote is never ours."""
    for row in rows:
        user = row.get("user") or {}
        there = MARKER.match(row.get("body") or "")
        if user.get("login") == bot and user.get("type") == "Bot" and there and there["begins"] == marker["begins"]:
            return row
    return None


def _is_later(row: dict[str, Any], marker: re.Match[str]) -> bool:
    there = MARKER.match(row["body"])
    return there is not None and int(there["order"]) > int(marker["order"])
