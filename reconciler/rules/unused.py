"""Warnings after all users: rules, values, exceptions and table rows that matched nobody; users without a row."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from reconciler.expressions.text import joined_text
from reconciler.expressions.values import text_of
from reconciler.model import Json, Position, Problem, Table, problem

Columns = tuple[str, ...]
Texts = frozenset[tuple[Columns, tuple[str, ...]]]  # what a user would join by: columns, and a text for each
MATCHES_NOBODY: Final = "matches-nobody"
WHOLE: Final = ""  # stands for the whole of a match among its keys and values
_SHOWN: Final = 5  # places that one warning names
_NAMED: Final = 1_000  # users that one warning names
_COMPARED: Final = 10_000  # users without a row that are compared with the rows without a user
_NOTHING: Final[Texts] = frozenset()


class Seen(Struct):
    """What came of one table: ``joined`` marks its rows, ``missed`` keeps users whom no row names."""

    table: Table
    columns: set[Columns] = field(default_factory=set)
    joined: bytearray = field(default_factory=bytearray)
    missing: int = 0
    missed: list[tuple[str, Texts]] = field(default_factory=list)
    asked: str = ""  # the user who was asked for last
    named: bool = False  # whether a row named that one
    pending: Texts = _NOTHING  # what that one would have joined by

    def ask(self, user_id: str) -> None:
        """Note that a rule asks for a user; several may, one after the other."""
        if user_id != self.asked:
            self.settle()
            self.asked = user_id

    def settle(self) -> None:
        """Count the user who was asked for last, if no rule found a row."""
        if self.asked and not self.named:
            self.missing += 1
            if self.compares:
                self.missed.append((self.asked, self.pending))
        self.asked, self.named, self.pending = "", False, _NOTHING

    @property
    def compares(self) -> bool:
        """Return whether one more user without a row will be compared with the rows."""
        return len(self.missed) < _COMPARED


class Tally(Struct):
    """What has matched somebody so far: rules by number; ``unasked`` are those that some round never reached."""

    matched: set[int] = field(default_factory=set)
    unasked: set[int] = field(default_factory=set)
    tables: dict[str, Seen] = field(default_factory=dict)

    def seen(self, table: Table, columns: Columns) -> Seen:
        """Return what is noted about a table, of which these columns join."""
        if table.name not in self.tables:
            self.tables[table.name] = Seen(table, joined=bytearray(len(table.rows)))
        seen = self.tables[table.name]
        seen.columns.add(columns)
        return seen


def table_warnings(tables: Mapping[str, Seen]) -> Iterator[Problem]:
    """Yield a warning for each table some of whose rows joined nobody, and one where it does not name every user."""
    for name, seen in sorted(tables.items()):
        seen.settle()
        unjoined = [number for number, joined in enumerate(seen.joined) if not joined]
        near = list(_near(seen, unjoined))
        if unjoined:
            places = [number for number, _user, _how in near] + unjoined
            yield problem(
                "unjoined-rows",
                f"{len(unjoined):,} of {len(seen.joined):,} rows of the table {name} join no user",
                _differing(seen.table, near) or "correct the rows, or remove them",
                *map(seen.table.at, [*dict.fromkeys(places)][:_SHOWN]),
                severity="warning",
                users=sorted({user for _number, user, _how in near})[:_NAMED],
            )
        if seen.missing:
            users = sorted(user for user, _texts in seen.missed)[:_NAMED]
            more = f"; {len(users):,} of them are listed here" if len(users) < seen.missing else ""
            yield problem(
                "unnamed-users",
                f"{seen.missing:,} users whom rules look up in the table {name} have no row there{more}",
                _differing(seen.table, near)
                or "nothing to do if other rules match them, or if they should not be members",
                seen.table.at(0),
                severity="warning",
                users=tuple(users),
            )


def _differing(table: Table, near: Sequence[tuple[int, str, str]]) -> str:
    """Return which row almost joins, and what it lacks."""
    if not near:
        return ""
    number, _user, how = near[0]
    others = f"; {len(near) - 1:,} more rows almost join too" if len(near) > 1 else ""
    return f"{table.at(number)} {how}{others}"


def _near(seen: Seen, unjoined: Sequence[int]) -> Iterator[tuple[int, str, str]]:
    """Yield rows that joined nobody and would join a user without a row but for a detail, and the detail."""
    users: dict[tuple[Columns, tuple[str, ...]], tuple[str, tuple[str, ...]]] = {}
    for user, texts in sorted(seen.missed, key=lambda one: one[0]):
        for columns, each in sorted(texts):
            users.setdefault((columns, tuple(map(_loose, each))), (user, each))
    for number in unjoined if users else ():
        for columns in sorted(seen.columns):
            cells = tuple(_text(seen.table.rows[number].get(column)) for column in columns)
            found = users.get((columns, tuple(map(_loose, cells)))) if all(cells) else None
            if found:
                yield number, found[0], _difference(cells, found[1])
                break


def _text(cell: Json) -> str:
    return joined_text(text_of(cell)) if isinstance(cell, str | int | float) else ""


def _loose(text: str) -> str:
    """Return a text without what the eye passes over: case, blanks, what cannot be seen, zeros in front."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return "".join(one for one in text if one.isprintable() and one != " ").casefold().lstrip("0")


def _difference(cells: Sequence[str], texts: Sequence[str]) -> str:
    """Return what keeps a row from joining a user who looks like it."""
    differing = [pair for pair in zip(cells, texts, strict=True) if pair[0] != pair[1]]
    if not differing:
        return "names a user's address that is not verified"
    one, other = differing[0]
    how = "characters that look alike or are invisible"
    if one.lower() == other.lower():
        how = "case"
    elif one.lower().lstrip("0") == other.lower().lstrip("0"):
        how = "leading zeros"
    elif "".join(one.split()).lower() == "".join(other.split()).lower():
        how = "spaces inside"
    return f"differs only by {how} from a user's value"


def values_warnings(
    what: str, waiting: Mapping[str, Mapping[str, Position]], counts: Mapping[str, int]
) -> Iterator[Problem]:
    """Yield a warning for each key of a match some of whose values matched nobody."""
    for key, values in sorted(waiting.items()):
        places = sorted(values.values())
        yield problem(
            MATCHES_NOBODY,
            f"{len(places):,} of {counts[key]:,} values of {key} in {what} match nobody",
            "correct them, or remove them",
            *places[:_SHOWN],
            severity="warning",
        )


def nobody(what: str, at: Position) -> Problem:
    """Return the warning about what matched nobody at all."""
    hint = "correct it, or remove it; `reconciler why USER` shows what a user lacks"
    return problem(MATCHES_NOBODY, f"{what} matches nobody", hint, at, severity="warning")
