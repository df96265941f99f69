"""What matched nobody when every user went through: rules, values, exceptions, rows of tables; users without a row."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from reconciler.model import Position, Problem
from reconciler.rules.inputs import Table

Texts = frozenset[tuple[str, str]]  # what a user would join by: column and text
WHOLE: Final = ""  # stands for the whole of a match among its keys and values
_SHOWN: Final = 5  # places that one warning names
_NAMED: Final = 1_000  # users that one warning names
_COMPARED: Final = 10_000  # users without a row that are compared with the rows without a user


class Seen(Struct):
    """What came of one table: ``joined`` marks its rows, ``missed`` keeps users whom no row names."""

    table: Table
    columns: set[str] = field(default_factory=set)
    joined: bytearray = field(default_factory=bytearray)
    missing: int = 0
    missed: list[tuple[str, Texts]] = field(default_factory=list)
    current: str = ""  # the user who was asked last
    named: bool = False  # whether a row named that one
    pending: Texts | None = None  # what that one would have joined by

    def note(self, user_id: str, rows: Iterable[int], texts: Texts) -> None:
        """Note what one rule found for a user; several rules may ask one table, one after the other."""
        if user_id != self.current:
            self.settle()
            self.current, self.named = user_id, False
        for number in rows:
            self.joined[number] = 1
            self.named = True
        if not self.named:
            self.pending = texts | (self.pending or frozenset())

    def settle(self) -> None:
        """Count the user who was asked last, if no rule found a row."""
        if self.pending is not None and not self.named:
            self.missing += 1
            if len(self.missed) < _COMPARED:
                self.missed.append((self.current, self.pending))
        self.pending = None


class Tally(Struct):
    """What has matched somebody so far: rules by number; ``unasked`` are those that some round never reached."""

    matched: set[int] = field(default_factory=set)
    unasked: set[int] = field(default_factory=set)
    tables: dict[str, Seen] = field(default_factory=dict)

    def seen(self, table: Table, columns: Iterable[str]) -> Seen:
        """Give what is noted about a table, of which these columns join."""
        if table.name not in self.tables:
            self.tables[table.name] = Seen(table, joined=bytearray(len(table.rows)))
        seen = self.tables[table.name]
        seen.columns.update(columns)
        return seen


def table_warnings(tables: Mapping[str, Seen]) -> Iterator[Problem]:
    """Give a warning for each table some of whose rows joined nobody, and one where it does not name every user."""
    for name, seen in sorted(tables.items()):
        seen.settle()
        unjoined = [number for number, joined in enumerate(seen.joined) if not joined]
        near = list(_near(seen, unjoined))
        if unjoined:
            places = [number for number, _user, _how in near] + unjoined
            yield Problem(
                code="unjoined-rows",
                severity="warning",
                message=f"{len(unjoined):,} of {len(seen.joined):,} rows of the table {name} join no user",
                hint=_differing(seen.table, near) or "correct the rows, or remove them",
                at=tuple(map(seen.table.at, [*dict.fromkeys(places)][:_SHOWN])),
                users=tuple(sorted({user for _number, user, _how in near})[:_NAMED]),
            )
        if seen.missing:
            users = sorted(user for user, _texts in seen.missed)[:_NAMED]
            more = f"; {len(users):,} of them are named" if len(users) < seen.missing else ""
            yield Problem(
                code="unnamed-users",
                severity="warning",
                message=f"no row of the table {name} names {seen.missing:,} of the users that are looked for{more}",
                hint=_differing(seen.table, near)
                or "if they are members by another rule, or are to be none, that is well",
                at=(seen.table.at(0),),
                users=tuple(users),
            )


def _differing(table: Table, near: Sequence[tuple[int, str, str]]) -> str:
    """Say which row almost joins, and how it differs."""
    if not near:
        return ""
    number, _user, how = near[0]
    others = f"; {len(near) - 1:,} more rows are as near" if len(near) > 1 else ""
    return f"{table.at(number)} differs only by {how} from what a user has{others}"


def _near(seen: Seen, unjoined: Sequence[int]) -> Iterator[tuple[int, str, str]]:
    """Give rows that joined nobody and would join a user without a row but for a detail, and the detail."""
    users: dict[tuple[str, str], tuple[str, str]] = {}
    for user, texts in sorted(seen.missed, key=lambda one: one[0]):
        for column, text in sorted(texts):
            users.setdefault((column, _loose(text)), (user, text))
    for number in unjoined if users else ():
        for column in sorted(seen.columns):
            cell = seen.table.rows[number].get(column)
            text = str(cell).strip() if isinstance(cell, str | int) else ""
            found = users.get((column, _loose(text))) if text else None
            if found:
                yield number, found[0], _difference(text, found[1])
                break


def _loose(text: str) -> str:
    """Give a text without what the eye passes over: case, blanks, what cannot be seen, zeros in front."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return "".join(one for one in text if one.isprintable() and one != " ").casefold().lstrip("0")


def _difference(one: str, other: str) -> str:
    if one.lower() == other.lower():
        return "case"
    if one.lower().lstrip("0") == other.lower().lstrip("0"):
        return "zeros in front"
    if "".join(one.split()).lower() == "".join(other.split()).lower():
        return "blanks inside"
    return "characters that look alike, or that cannot be seen"


def values_warnings(
    what: str, waiting: Mapping[str, Mapping[str, Position]], counts: Mapping[str, int]
) -> Iterator[Problem]:
    """Give a warning for each key of a match some of whose values matched nobody."""
    for key, values in sorted(waiting.items()):
        places = sorted(values.values())
        yield Problem(
            code="matches-nobody",
            severity="warning",
            message=f"{len(places):,} of {counts[key]:,} values of {key} in {what} match nobody",
            hint="correct them, or remove them",
            at=tuple(places[:_SHOWN]),
        )


def nobody(what: str, at: Position) -> Problem:
    """Make the warning about what matched nobody at all."""
    hint = "correct it, or remove it; `reconciler why USER` says what a user lacks"
    return Problem(code="matches-nobody", severity="warning", message=f"{what} matches nobody", hint=hint, at=(at,))
