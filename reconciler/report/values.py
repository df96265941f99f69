"""How values and counts are written for people: one line, printable, never longer than it is worth."""

import json
from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from reconciler.model import Cause, FieldChange, Json
from reconciler.report.escaping import printable
from reconciler.report.looks import LONGEST, first_difference, is_long, told_apart, unified
from reconciler.report.view import Lines

_CONTEXT = 20  # characters shown before the first difference of two long values


def shown(value: Json) -> str:
    """Write a JSON value on one line, cut where it grows too long."""
    return _cut(_on_one_line(value))


def change_lines(change: FieldChange) -> Lines:
    """Write ``path: before → after``, or ``path: value`` where only one of them is there; long texts as a diff."""
    if differs := _difference(change.before, change.after):
        return (f"{path(change)}:", *differs)
    return (f"{path(change)}: {_pair(change, '{} → {}')}",)


def drift_lines(change: FieldChange) -> Lines:
    """Write ``path: declared …, live …``: what git says, then what was found; long texts as a diff."""
    if differs := _difference(change.after, change.before):
        return (f"{path(change)}: declared (-), live (+):", *differs)
    before, after = _texts(change)
    return (f"{path(change)}: declared {after or 'absent'}, live {before or 'absent'}",)


def path(change: FieldChange) -> str:
    """Write a field's path with dots."""
    return printable(".".join(change.path))


def cause_line(cause: Cause) -> str:
    """Write ``file:line`` and the rule, if a rule it was."""
    where = f"{cause.file}:{cause.line}"
    return printable(f"{where} {cause.rule}" if cause.rule else where)


def counted(number: int, one: str, many: str = "") -> str:
    """Write ``1 member``, ``2,000 members``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(texts: Sequence[str], limit: int) -> str:
    """Write the first few, and how many there are besides."""
    few = ", ".join(printable(text) for text in texts[:limit])
    return f"{few} and {len(texts) - limit:,} more" if len(texts) > limit else few


def _pair(change: FieldChange, form: str) -> str:
    before, after = _texts(change)
    if change.before is UNSET:
        return after
    return form.format(before, after or "(cleared)")


def _difference(one: Json, other: Json) -> Lines:
    """Return the lines that differ between two texts, lists or maps, if either is long; a list has a line an item."""
    if isinstance(one, str) and isinstance(other, str):
        return unified(one, other) if is_long(one) or is_long(other) else ()
    lists, maps = (isinstance(one, sort) and isinstance(other, sort) for sort in (list | tuple, dict))
    if (lists or maps) and max(len(_on_one_line(one)), len(_on_one_line(other))) > LONGEST:
        return unified(_in_lines(one), _in_lines(other))
    return ()


def _texts(change: FieldChange) -> tuple[str, str]:
    """Return both values ("" where there is none), cut so that two that differ look different."""
    before = "" if change.before is UNSET else _on_one_line(change.before)
    after = "" if change.after is UNSET else _on_one_line(change.after)
    before, after = told_apart(before, after)
    if before and after and before != after and _cut(before) == _cut(after):
        start = max(0, first_difference(before, after) - _CONTEXT)
        return _cut("…" + before[start:]), _cut("…" + after[start:])
    return _cut(before), _cut(after)


def _on_one_line(value: Json) -> str:
    return printable(json.dumps(value, ensure_ascii=False, sort_keys=True, default=msgspec.to_builtins))


def _in_lines(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, default=msgspec.to_builtins)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
