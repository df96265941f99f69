"""One comment for each environment and pull request, and one issue while there is drift, each kept up to date."""

import re
import shlex
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

from reconciler.errors import InvalidInput
from reconciler.github.client import Repository, Unclear
from reconciler.report.escaping import harmless, in_code

BOT: Final = "github-actions[bot]"
LABEL: Final = "stytch-drift"
_WAYS_BACK: Final = """
#### Two ways back

- git wins: run the apply workflow, or {apply}.
- What is live wins: {export}, and a pull request with the manifests that it writes.
"""
MARKER: Final = re.compile(
    r"(?P<begins><!-- stytch-reconciler: (?P<environment>[\w%.~-]*)) commit=[\w-]+ order=(?P<order>\d{1,18}) -->"
)


def keep_comment(repository: Repository, pull: int, body: str, bot: str = BOT) -> str:
    """Write a body into the comment of its environment, unless a later run did; return what was done."""
    return _kept(lambda: _comment(repository, pull, body, bot))


def keep_issue(repository: Repository, body: str, bot: str = BOT, *, drifts: bool) -> str:
    """Open, update or close the issue about drift of the body's environment; return what was done."""
    return _kept(lambda: _issue(repository, body, bot, drifts=drifts))


def _kept(keep: Any) -> str:
    """Keep something; where it is unclear whether that was written, look again, once."""
    try:
        return str(keep())
    except Unclear:
        return str(keep())


def _comment(repository: Repository, pull: int, body: str, bot: str) -> str:
    needs = "pull-requests: write"
    marker = _marker(body)
    found = _ours(repository.rows(f"/issues/{pull}/comments", needs), marker, bot)
    if found is None:
        repository.ask("POST", f"/issues/{pull}/comments", {"body": body}, needs)
        return "created"
    if _is_later(found, marker):
        return "left as it is: a later run wrote it"
    repository.ask("PATCH", f"/issues/comments/{found['id']}", {"body": body}, needs)
    return "updated"


def _issue(repository: Repository, body: str, bot: str, *, drifts: bool) -> str:
    needs = "issues: write"
    marker = _marker(body)
    if drifts:
        program = f"reconciler -e {shlex.quote(_environment(marker))}"
        body += _WAYS_BACK.format(apply=in_code(f"{program} apply"), export=in_code(f"{program} export --only ADDRESS"))
    rows = repository.rows(f"/issues?state=open&labels={LABEL}", needs)
    found = _ours((row for row in rows if "pull_request" not in row), marker, bot)
    if found is None:
        if not drifts:
            return "not needed: there is no drift"
        title = f"Drift in Stytch: {_environment(marker)}"
        repository.ask("POST", "/issues", {"title": title, "body": body, "labels": [LABEL]}, needs)
        return "opened"
    if _is_later(found, marker):
        return "left as it is: a later run wrote it"
    closed = {} if drifts else {"state": "closed", "state_reason": "completed"}
    repository.ask("PATCH", f"/issues/{found['number']}", {"body": body, **closed}, needs)
    return "updated" if drifts else "closed"


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
