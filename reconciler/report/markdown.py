"""Markdown for pull requests and step summaries: addresses masked, never longer than GitHub takes."""

import re

from reconciler.clients.masking import mask
from reconciler.report.templates import report

LIMIT = 65_536  # characters: GitHub's limit for a comment; a step summary takes 1 MiB
_BACKTICKS = re.compile("`+")
_PHONE = re.compile(r"(\+\d{2})\d{4,11}(\d{2})\b")
_ROOM = 200  # for what is said about the rest


def markdown(template: str, **values: object) -> str:
    """Fill in a Markdown template, mask every address and phone number in it, and cut it where it is too long.

    Whatever comes from users or from Stytch stands inside fences, longer than any row of backticks in it, or is written
    as code, so that it can neither mention nor link anybody, nor end the fence.
    """
    plain = report(template, fence="", **values)
    longest = max((len(row) for row in _BACKTICKS.findall(plain)), default=0)
    fence = "`" * max(3, longest + 1)
    text = mask(report(template, fence=fence, **values))
    return cut(_PHONE.sub(r"\1…\2", text), LIMIT, fence)


def cut(text: str, limit: int, fence: str) -> str:
    """Keep whole lines of at most ``limit`` characters altogether and say how many were left out."""
    if len(text) <= limit:
        return text
    lines = text.splitlines(keepends=True)
    kept, length = 0, 0
    while length + len(lines[kept]) <= limit - _ROOM:
        length += len(lines[kept])
        kept += 1
    fences = sum(line.startswith(fence) for line in lines[:kept])
    close = f"{fence}\n" if fences % 2 else ""
    rest = f"\n{len(lines) - kept:,} more lines are left out here; `--format json` and `-o FILE` hold all of it.\n"
    return "".join((*lines[:kept], close, rest))
