"""Changes, and what became of them → rows of the page, packed as ``rows.js`` unpacks them: JSON, deflated, in base64.

The rows come in chunks of the same form, each with the words that its rows use: a row names a word by its number.
What is written is what the other reports write, with a value before and one after.
"""

import zlib
from base64 import b64encode
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from reconciler.model import Change, FieldChange, Outcome
from reconciler.report.grouping import DRIFTED, Words, action, group_of, note_of, verb_of
from reconciler.report.values import difference, path, texts
from reconciler.report.view import Line

CHUNK: Final = 2000  # rows that share their words
_encode: Final = msgspec.json.Encoder().encode

Shown = Callable[[str], str]  # a text of others → what is shown of it
Field = tuple[str, str, str] | tuple[str, Sequence[Line | str]]  # a path, and both values or the lines that differ


class Row(Struct, frozen=True, gc=False):
    """A change as it is shown: what is done to what, since which files, for which users, and each field."""

    verb: str
    kind: str
    group: str
    name: str
    causes: tuple[tuple[str, str], ...] = ()  # a place, and the rule, "" where it is none
    users: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    more: Mapping[str, str] = {}  # what few changes have: origin, withheld, note, result, why, request


def change_row(change: Change, words: Words) -> Row:
    """Return the row of a change."""
    fields = change.fields if action(change) in words.with_fields else ()
    said = {"origin": change.origin, "withheld": change.withheld_by, "note": note_of(change, words).strip(" ()")}
    return Row(
        verb_of(change, words),
        change.kind,
        group_of(change),
        change.name,
        tuple(dict.fromkeys((f"{cause.file}:{cause.line}", cause.rule or "") for cause in change.causes)),
        tuple(dict.fromkeys(cause.user for cause in change.causes if cause.user)),
        tuple(_field(one, swapped=words is DRIFTED) for one in fields),
        {name: text for name, text in said.items() if text},
    )


def outcome_row(outcome: Outcome, change: Change | None, words: Words) -> Row:
    """Return the row of what became of a change, which is None where it is not at hand."""
    said = {
        "result": outcome.result,
        "withheld": outcome.blocked_by if outcome.result == "withheld" else "",
        "why": outcome.detail,
        "request": outcome.request_id,
        **({"note": "somebody else did the same"} if outcome.found else {}),
    }
    if change is None:
        row = Row(outcome.action, outcome.kind, group_of(outcome), outcome.name)
    else:
        row = change_row(change, words)
    return structs.replace(row, more={name: text for name, text in {**row.more, **said}.items() if text})


def chunks(rows: Iterable[Row], shown: Shown) -> Iterator[str]:
    """Yield rows, some at a time."""
    left = iter(rows)
    while some := list(islice(left, CHUNK)):
        yield _chunk(some, shown)


def _chunk(rows: Iterable[Row], shown: Shown) -> str:
    words = _Numbers()
    written = [_written(row, words, shown) for row in rows]
    return b64encode(zlib.compress(_encode({"words": words.written, "rows": written}))).decode()


class _Numbers(dict[Hashable, int]):
    """What is repeated, each with its number, and how it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Final[list[Any]] = []

    def of(self, key: Hashable, write: Callable[[Any], Any]) -> int:
        """Return the number of what may be there already."""
        number = self.setdefault(key, len(self))
        if number == len(self.written):
            self.written.append(write(key))
        return number


def _written(row: Row, words: _Numbers, shown: Shown) -> list[Any]:
    def causes(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
        return [[shown(place), shown(rule)] for place, rule in pairs]

    return [
        words.of(row.verb, str),
        words.of(row.kind, shown),
        words.of(row.group, shown),
        shown(row.name),
        words.of(row.causes, causes),
        [shown(user) for user in row.users],
        [_written_field(one, words, shown) for one in row.fields],
        {name: words.of(text, shown) for name, text in row.more.items()},
    ]


def _written_field(field: Field, words: _Numbers, shown: Shown) -> list[Any]:
    number = words.of(field[0], shown)
    if len(field) == 2:  # noqa: PLR2004 # a path and lines
        return [number, [shown(str(line)) for line in field[1]]]
    return [number, shown(field[1]), shown(field[2])]


def _field(change: FieldChange, *, swapped: bool) -> Field:
    """Return a field's value before and after, or (``swapped``) what is declared and what is live."""
    one, other = (change.after, change.before) if swapped else (change.before, change.after)
    if lines := difference(one, other):
        return path(change), lines
    before, after = texts(change)
    return (path(change), after, before) if swapped else (path(change), before, after)
