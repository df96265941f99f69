"""``table`` of a rule: which rows of a table join a user."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from msgspec import Struct

from reconciler.expressions.expression import Expression
from reconciler.expressions.nodes import Call, Read
from reconciler.expressions.redaction import hidden_value
from reconciler.expressions.text import is_blank, joined_text
from reconciler.expressions.values import Mistyped, kind_of, text_of
from reconciler.model import Json, Position, Problem, Table, problem
from reconciler.rules.directory import COMMON_DOMAIN
from reconciler.rules.person import Address, Person
from reconciler.rules.reader import Place, Reader
from reconciler.rules.row_index import RowIndex, domain_in
from reconciler.rules.unused import Seen
from reconciler.schema.domains import why_nobodys
from reconciler.suggest import suggest_existing

EMAILS = ("user", "emails")
PHONE_NUMBERS = ("user", "phone_numbers")
_ODD_CELLS = 5  # so many are reported of one table


class Row(Struct, frozen=True, gc=False):
    """A row that joined (its number in the table), and the addresses of the user by which it did."""

    number: int
    addresses: tuple[Address, ...] = ()


class Join(Struct, frozen=True):
    """A table, the columns that join with what each is joined to, and the rows by their texts in those columns.

    ``doubts`` are the rows whose domain is nobody's in particular, and say so.
    """

    table: Table
    columns: tuple[str, ...]
    keys: tuple[Expression, ...]
    index: RowIndex
    seen: Seen
    doubts: Mapping[int, Problem] = {}  # msgspec copies an empty default

    def cells(self, number: int) -> Mapping[str, Json]:
        """Return a row as rules see it: what is blank is null, as in a CSV file."""
        row = self.table.rows[number]
        blank = [column for column, cell in row.items() if type(cell) is str and is_blank(cell)]
        return {**row, **dict.fromkeys(blank)} if blank else row

    def rows(self, person: Person, scope: Mapping[str, object], *, any_address: bool) -> tuple[Row, ...]:
        """Return the rows about a user in the table's order, each once; raises ``Mistyped`` if a value is no text."""
        by_text = {address.text: address for address in person.admissible(any_address=any_address)}
        texts = self.texts(scope, by_text)
        found: dict[int, dict[str, Address]] = {}
        for together in product(*texts):
            for number in self.index.numbers(together):
                joined = map(by_text.get, together)
                found.setdefault(number, {}).update((address.text, address) for address in joined if address)
        return tuple([Row(number, tuple(found[number].values())) for number in sorted(found)])

    def noted(self, person: Person, scope: Mapping[str, object], *, any_address: bool) -> tuple[Row, ...]:
        """Return the same as ``rows``, and note what came of the table."""
        rows = self.rows(person, scope, any_address=any_address)
        seen = self.seen
        seen.ask(person.user_id)
        if rows:
            seen.named = True
            self.mark(rows)
        elif seen.compares:
            texts = self.texts(scope, [address.text for address in person.addresses])
            seen.pending |= {(self.columns, together) for together in product(*texts)}
        return rows

    def mark(self, rows: Iterable[Row]) -> None:
        """Note that rows joined somebody."""
        for row in rows:
            self.seen.joined[row.number] = 1

    def texts(self, scope: Mapping[str, object], addresses: Iterable[str]) -> list[list[str]]:
        """Return for each column the texts that a user joins by."""
        return [list(addresses) if is_path(key, EMAILS) else _texts(key.evaluate(scope), key) for key in self.keys]


def is_path(expression: Expression, path: tuple[str, ...]) -> bool:
    """Return whether an expression is just this path."""
    return isinstance(expression.node, Read) and expression.node.path == path


def is_domain(expression: Expression) -> bool:
    """Return whether an expression gives a domain, so that the column that it joins holds domains."""
    node = expression.node
    while isinstance(node, Call) and node.function.name in {"lower", "default"}:
        node = node.arguments[0]
    return isinstance(node, Call) and node.function.name == "domain"


def _texts(value: Any, key: Expression) -> list[str]:
    """Return the texts that a value joins by: itself, or each item of a list; phone numbers by their number."""
    if is_path(key, PHONE_NUMBERS) and isinstance(value, list):
        value = [entry.get("phone_number") if isinstance(entry, dict) else entry for entry in value]
    texts = []
    for item in value if isinstance(value, list) else [value]:
        if item is None:
            continue
        if isinstance(item, dict | list) or not isinstance(item, str | int | float):
            raise Mistyped(f"`{key.text}` is joined as text, but it is or contains {kind_of(item)}")
        if text := joined_text(text_of(item)):
            texts.append(text)
    return texts


def compile_join(table: Mapping[str, Any], place: Place, reader: Reader) -> Join | None:
    """Compile a ``table``; None after saying what is wrong with it, or if that table could not be read."""
    draft = reader.draft
    found = draft.tables.get(table["name"])
    before = len(draft.problems)
    if table["name"] not in draft.tables:
        message = f"there is no table {table['name']}"
        hint = suggest_existing(table["name"], draft.tables) or "name it under `tables` in reconciler.yaml"
        reader.refuse("unknown-table", message, hint, place.below("name").position)
    keys: list[Expression] = []
    for column, text in table["join"].items():
        here = place.below("join", column)
        if found is not None and column not in found.columns:
            message = f"the table {found.name} has no column {column}"
            reader.refuse("unknown-column", message, suggest_existing(column, found.columns), here.key.position)
        draft.paths.add(("row", table["name"], column))
        hides = draft.redaction is not None and not draft.redaction.sees(("row", column), table["name"])
        key = hidden_value(text) if hides else reader.expression(text, here, roots=frozenset({"user"}))
        keys.extend([key] if key else [])
    if found is None or len(draft.problems) > before:
        return None
    columns = tuple(table["join"])
    domains = tuple(column for column, key in zip(columns, keys, strict=True) if is_domain(key))
    index = draft.index_of(found, columns, domains)
    for row, column in index.odd[:_ODD_CELLS]:
        message = f"the column {column} is joined as text, but this row has a list or a map in it"
        places = found.at(row), place.below("join", column).position
        reader.refuse("wrong-type", message, "join by a column that holds text", *places)
    doubts = dict(_doubted(found, domains, reader.public, place.below("join").position))
    return Join(found, columns, tuple(keys), index, draft.tally.seen(found, columns), doubts)


def _doubted(
    table: Table, columns: Iterable[str], public: frozenset[str] | None, at: Position
) -> Iterator[tuple[int, Problem]]:
    """Yield the rows that name a domain of nobody in particular, and say so."""
    for column in columns if public is not None else ():
        why: dict[str | None, str] = dict.fromkeys([None, *(public or ())], "")
        for number, row in enumerate(table.rows):
            label = domain_in(row.get(column))
            if label is not None and label not in why:
                why[label] = why_nobodys(label)
            if why[label]:
                message = f"{label} {why[label]}, so this row makes nobody a member"
                hint = "remove the row; if the organization owns the domain, set "
                hint += f"`public_domains: [{label}]` in the rule"
                yield number, problem(COMMON_DOMAIN, message, hint, table.at(number), at, severity="warning")
