"""A report → the comment that a pull request carries: its outcome first, the rest cut to a size by whole rows.

What others chose stands in fences, where each row begins so that it cannot end one, or as code: there it is neither
markup nor a mention. A hidden marker says whose comment it is, and which run wrote it.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from urllib.parse import quote

from msgspec import Struct, structs

from reconciler.model import Change, Delete, Plan, is_drift, withdrawn_roles
from reconciler.report.escaping import harmless, in_code, in_markdown, inert
from reconciler.report.grouping import DRIFTED, PLANNED, Run, Words, blocks, folded_line, groups, runs
from reconciler.report.markdown import in_fence, masked
from reconciler.report.plan import plan_report
from reconciler.report.values import counted
from reconciler.report.view import Block, Listing, Part, Report, View

LEAST = 2_000  # bytes; what is always said fits
LIMIT = 65_000  # GitHub takes 65,536 characters
ADVICE = (
    "\n> **Advisory**: the pull request's own workflow made this plan, with its own files. "
    "The apply after the merge plans again.\n"
)
_ROOM = 200  # for the sentence about what was left out
_LONGEST = 400  # characters of a line
_SAID = 160  # characters of a line outside fences
_FIELDS = 30  # lines of one row
_RUNS = 50  # runs of alike changes that are written out


class Stamp(Struct, frozen=True, kw_only=True):
    """When and for what a comment was written: a commit, its run in the order of runs, a time, a link to the whole.

    ``is_applied`` says that it is about an apply, ``is_advice`` that strangers may have made what it says.
    """

    environment: str
    commit: str = ""
    order: int = 0
    at: str = ""
    link: str = ""
    is_applied: bool = False
    is_advice: bool = False

    @property
    def marker(self) -> str:
        """Return the line that nobody sees, by which the comment is found again and compared with a later one."""
        applied = " applied" if self.is_applied else ""
        return f"{marker_of(self.environment)} commit={self.commit or '-'} order={self.order}{applied} -->"


class Section(Struct, frozen=True):
    """Rows of Markdown that stand together, and what opens and closes them."""

    opening: str
    rows: tuple[str, ...]
    closing: str = ""


def marker_of(environment: str) -> str:
    """Return how the marker begins of every comment about an environment."""
    return f"<!-- stytch-reconciler: {quote(environment, safe='')[:_SAID]}"


def comment(report: Report, stamp: Stamp, limit: int = LIMIT, hide: Callable[[str], str] = masked) -> str:
    """Return a report as a comment of at most ``limit`` bytes of UTF-8; ``hide`` hides people in its texts."""
    (view,) = report.views()
    written = _Written(hide)
    title = view.title if isinstance(view, View) else view.summary
    said = view.footer if isinstance(view, View) else ()
    numbers = Section("\n", tuple(f"{written.said(line)}  \n" for line in said))
    sections = written.view(view) if isinstance(view, View) else written.fence("", map(str, view.lines), "text")
    head = f"{stamp.marker}\n### {written.said(title)}\n{ADVICE if stamp.is_advice else ''}"
    return _fitted(head, chain([numbers], sections), _foot(stamp), limit, stamp.link)


def plan_comment(plan: Plan) -> Report:
    """Report a plan as a reviewer needs it: drift found on the way and risky changes apart, before all others."""
    return Report(lambda: plan, lambda: [_plan_view(plan)])


def _plan_view(plan: Plan) -> View | Listing:
    (view,) = plan_report(plan, apply_with=None).views()
    if not isinstance(view, View) or not plan.changes:
        return view
    shown, folded = groups(plan.changes, lambda one: _goes(one) and not _is_drift(one) and not _is_risky(one))
    behind = (one for one in plan.changes if _is_drift(one))
    taken = (one for one in plan.changes if _is_risky(one) and not _is_drift(one))
    drift = _apart("Found on the way, changed behind git's back", behind, DRIFTED)
    risky = _apart("Taken away or recreated", taken, PLANNED)
    return structs.replace(
        view,
        first=(*view.first, *risky),
        groups=tuple(_part(group.name, group.runs, PLANNED) for group in shown),
        folded=folded_line(folded, PLANNED),
        parts=(*view.parts, *drift),
    )


def _apart(title: str, found: Iterable[Change], words: Words) -> Iterator[Part]:
    if alike := runs(found):
        yield _part(title, alike, words)


def _part(title: str, alike: Sequence[Run], words: Words) -> Part:
    more = sum(run.number for run in alike[_RUNS:])
    lines = (f"# … and {counted(more, 'more change')}",) if more else ()
    number = counted(sum(run.number for run in alike), "change")
    return Part(f"{title}: {number}", blocks(alike[:_RUNS], words), lines)


def _goes(change: Change) -> bool:
    return not (change.withheld_by or change.adopts)


def _is_drift(change: Change) -> bool:
    return _goes(change) and change.origin is not None and is_drift(change)


def _is_risky(change: Change) -> bool:
    """Return whether a change takes something away from somebody."""
    return _goes(change) and (isinstance(change, Delete) or change.replaces or bool(withdrawn_roles(change)))


class _Written(Struct, frozen=True):
    """Views → sections of Markdown, with people hidden."""

    hide: Callable[[str], str]

    def view(self, view: View) -> Iterator[Section]:
        """Yield what stands in a view, the most important first."""
        yield from self.fence("", map(str, view.highlights))
        for part in chain(view.first, view.parts):
            yield from self.part(part)
        for group in view.groups:
            summary = f"<summary>{in_html(self.short(group.title, _SAID))}</summary>"
            yield from self.fence(f"\n<details>{summary}\n", _rows(group), closing="\n</details>\n")
        yield from self.fence("", [view.folded] if view.folded else ())

    def part(self, part: Part) -> Iterator[Section]:
        """Yield a heading with the rows below it, and what to do about them."""
        hints = "".join(f"\n→ {in_code(self.short(hint, _LONGEST))}\n" for hint in part.hints)
        yield from self.fence(f"\n#### {self.said(part.title)}\n", _rows(part), closing=hints)

    def fence(
        self, opening: str, rows: Iterable[str], language: str = "diff", *, closing: str = ""
    ) -> Iterator[Section]:
        """Yield rows in a fence; a heading that has none stands alone."""
        lines = tuple(self.row(row) for row in rows)
        if lines:
            yield Section(f"{opening}\n```{language}\n", lines, f"```\n{closing}")
        elif opening:
            yield Section(opening, (), closing)

    def row(self, row: str) -> str:
        """Return a row of a fence: one line, or a line and those of its fields."""
        lines = row.split("\n")
        more = [f"    … and {len(lines) - _FIELDS:,} more lines"] if len(lines) > _FIELDS else []
        return "".join(f"{self.line(line)}\n" for line in (*lines[:_FIELDS], *more))

    def line(self, line: str) -> str:
        """Return a line that does nothing inside a fence and cannot end it."""
        return in_fence(self.short(line, _LONGEST))

    def said(self, text: str) -> str:
        """Return a text for outside fences."""
        return in_markdown(self.short(text, _SAID))

    def short(self, text: str, limit: int) -> str:
        """Return a text of one line; people are hidden before it is cut, while an address is known for one."""
        return _cut(inert(self.hide(harmless(text))), limit)


def in_html(text: str) -> str:
    """Return a line as code in HTML, where nothing is markup or a mention."""
    return f"<code>{html.escape(text)}</code>"


def _rows(part: Part) -> Iterator[str]:
    """Yield the rows of a part, each with its cause."""
    yield from map(str, part.lines) if not part.blocks else ()
    causes = ""
    for block in part.blocks:
        causes = block.causes or causes
        yield from _changes(block, causes)
    yield from map(str, part.lines) if part.blocks else ()


def _changes(block: Block, causes: str) -> Iterator[str]:
    for item in block.items:
        symbol = "!" if item.symbol in "~±" else item.symbol
        yield "\n".join((f"{symbol} {item.line}  ({causes})", *(f"    {field}" for field in item.fields)))
    if block.more:
        yield f"# {block.more}  ({causes})"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _foot(stamp: Stamp) -> str:
    commit = f"commit `{stamp.commit[:12]}`" if stamp.commit else ""
    link = f"[the whole report]({stamp.link})" if stamp.link else ""
    said = " · ".join(filter(None, (commit, stamp.at, link)))
    return f"\n<sub>{said}</sub>\n" if said else ""


def _fitted(head: str, sections: Iterable[Section], foot: str, limit: int, link: str) -> str:
    """Return as many whole rows as fit, section by section, and say how many do not."""
    left = limit - _size(head) - _size(foot) - _ROOM - _size(link)
    pieces, dropped = [head], 0
    for section in sections:
        room = left - _size(section.opening) - _size(section.closing)
        kept = _fitting(section.rows, room)
        dropped += len(section.rows) - len(kept)
        if kept or (not section.rows and room >= 0 and section.opening.strip()):
            piece = "".join((section.opening, *kept, section.closing))
            left -= _size(piece)
            pieces.append(piece)
    if dropped:
        where = f"[the whole report]({link})" if link else "`plan -o FILE`"
        pieces.append(f"\n{counted(dropped, 'more row')} did not fit here: {where} has all.\n")
    return "".join((*pieces, foot))


def _fitting(rows: Sequence[str], room: int) -> Sequence[str]:
    for number, row in enumerate(rows):
        room -= _size(row)
        if room < 0:
            return rows[:number]
    return rows


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))
