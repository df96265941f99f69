"""The format ``markdown``, for pull requests and step summaries: addresses masked, never longer than GitHub takes."""

import re
from functools import cache
from secrets import token_bytes
from typing import TYPE_CHECKING

from reconciler.report.escaping import harmless, in_code, in_markdown
from reconciler.report.view import Line, Listing, Report, View

if TYPE_CHECKING:
    import jinja2


def fill(name: str, **values: object) -> str:
    """Return what is filled into the template ``name`` of ``reconciler/report/templates/``."""
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("reconciler.report"),
        autoescape=False,  # noqa: S701 # plain text and fenced Markdown: there is no HTML to escape for
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _reports() -> "jinja2.Environment":
    reports = _environment().overlay(finalize=_on_a_line)
    reports.filters |= {"in_markdown": in_markdown, "in_code": in_code, "in_fence": in_fence}
    return reports


def in_fence(line: str | Line) -> str:
    """Return a line for a fence that it cannot end."""
    text = str(line)
    return f"· {text}" if text.lstrip().startswith("`") else text


def _on_a_line(value: object) -> object:
    return harmless(str(value)) if isinstance(value, str | Line) else value


LIMIT = 65_536  # characters: GitHub's limit for a comment; a step summary takes 1 MiB
FENCE = "```"
_PHONE = re.compile(r"(\+\d{2})\d{4,11}(\d{2})\b")
_ROOM = 200  # for what is said about the rest


def render(report: Report) -> str:
    """Return a report as Markdown."""
    return "\n".join(map(_of_view, report.views()))


def _of_view(view: View | Listing) -> str:
    """Return a view as Markdown, with every address and phone number masked, cut where it is too long.

    Whatever comes from users or from Stytch stands inside fences, where no line of it begins with a backtick, or is
    written as code, so that it can neither mention nor link anybody, nor end the fence.
    """
    template = _reports().get_template("listing.md.j2" if isinstance(view, Listing) else "view.md.j2")
    return cut(masked(template.render(view=view), _salt()), LIMIT)


@cache
def _salt() -> bytes:
    """Return what nobody knows, so that nobody can try out whose address is masked; the same for all of a run."""
    return token_bytes()


def masked(text: str, salt: bytes = b"") -> str:
    """Return a text with every address and phone number masked."""
    from reconciler.clients.redact import mask

    return without_phones(mask(text, salt))


def without_phones(text: str) -> str:
    """Return a text with every phone number masked."""
    return _PHONE.sub(r"\1…\2", text)


def cut(text: str, limit: int) -> str:
    """Keep whole lines of at most ``limit`` characters altogether and say how many were left out."""
    if len(text) <= limit:
        return text
    lines = text.splitlines(keepends=True)
    kept, length = 0, 0
    while length + len(lines[kept]) <= limit - _ROOM:
        length += len(lines[kept])
        kept += 1
    fences = sum(line.startswith(FENCE) for line in lines[:kept])
    close = f"{FENCE}\n" if fences % 2 else ""
    rest = f"\n{len(lines) - kept:,} more lines are left out here; `--format json` and `-o FILE` hold all of it.\n"
    return "".join((*lines[:kept], close, rest))
