"""The parts every report is made of, the same for text and Markdown: headings, runs of changes, lines."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from reconciler.model import Change, Delete, FieldChange, Update
from reconciler.report.escaping import printable
from reconciler.report.grouping import Folded, Run, action
from reconciler.report.values import cause_line, change_lines, counted, drift_lines

_ON_ONE_LINE = 110  # a new thing's fields stand beside its address where they fit


class Item(Struct, frozen=True):
    """One change: a sign for its sort, the line that names it, and lines for its fields."""

    symbol: str
    line: str
    fields: tuple[str, ...] = ()


class Block(Struct, frozen=True):
    """A run of alike changes under its causes, which are "" where they are those of the run before."""

    causes: str
    items: tuple[Item, ...]
    more: str = ""


class Part(Struct, frozen=True):
    """One heading and what stands under it; ``hints`` say what to do next about it."""

    title: str
    blocks: tuple[Block, ...] = ()
    lines: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


class View(Struct, frozen=True):
    """Everything that is printed, from top to bottom."""

    title: str
    highlights: tuple[str, ...] = ()
    groups: tuple[Part, ...] = ()
    folded: str = ""
    parts: tuple[Part, ...] = ()
    footer: tuple[str, ...] = ()


class Words(Struct, frozen=True):
    """How changes read, by their action: as what a plan would do, or as what drift has found."""

    symbols: Mapping[str, str]
    verbs: Mapping[str, str]
    field: Callable[[FieldChange], tuple[str, ...]]
    with_fields: Collection[str]
    notes: Mapping[str, str]


PLANNED = Words(
    symbols={"create": "+", "update": "~", "replace": "±", "reset": "-", "delete": "-"},
    verbs={each: each for each in ("create", "update", "replace", "reset", "delete")},
    field=change_lines,
    with_fields=("create", "update", "replace", "reset"),
    notes={"replace": " (deleted and recreated)"},
)
DRIFTED = Words(
    symbols={"create": "-", "update": "~", "replace": "±", "reset": "~", "delete": "+"},
    verbs={
        "create": "missing",
        "update": "differs",
        "replace": "differs",
        "reset": "differs",
        "delete": "extra",
    },
    field=drift_lines,
    with_fields=("update", "replace", "reset"),
    notes={"replace": " (apply deletes and recreates it)", "reset": " (declared absent: apply resets it)"},
)


def blocks(found: Iterable[Run], words: Words) -> tuple[Block, ...]:
    """Write runs of alike changes, each under its causes."""
    written = []
    causes = ""
    for run in found:
        before, causes = causes, "; ".join(map(cause_line, run.causes)) or "declared nowhere"
        items = tuple(_item(change, words) for change in run.first)
        more = f"… and {run.more:,} more like these" if run.more else ""
        written.append(Block("" if causes == before else causes, items, more))
    return tuple(written)


def folded_line(folded: Folded, words: Words) -> str:
    """Count what is like what is shown; "" where nothing is."""
    if not folded.groups:
        return ""
    counts = (f"{words.verbs[done]} {counted(number, kind)}" for (done, kind), number in folded.counts.items())
    return f"… and {counted(folded.groups, 'more organization')} like these: {', '.join(counts)}"


def few(lines: Sequence[str], number: int, limit: int) -> tuple[str, ...]:
    """Return at most ``limit`` of ``lines`` and, where there are ``number`` and that is more, a count of the rest."""
    more = (f"… and {number - limit:,} more",) if number > limit else ()
    return (*lines[:limit], *more)


def _company(change: Change) -> str:
    """Return how many members go with an organization."""
    if not isinstance(change, Delete) or change.members is None:
        return ""
    return f" (with {counted(change.members, 'member')})" if change.members else " (without any member)"


def _item(change: Change, words: Words) -> Item:
    done = action(change)
    verb = "adopt" if change.adopts else words.verbs[done]
    line = printable(f"{verb} {change.address}{words.notes.get(done, '')}{_company(change)}")
    fields = tuple(chain.from_iterable(map(words.field, change.fields))) if done in words.with_fields else ()
    if isinstance(change, Update) and not (fields or change.adopts):
        fields = ("(only our mark)",)
    together = f"{line}  {', '.join(fields)}".rstrip()
    if done == "create" and len(together) <= _ON_ONE_LINE:
        return Item(words.symbols[done], together)
    return Item(words.symbols[done], line, fields)
