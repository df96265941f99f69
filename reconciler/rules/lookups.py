"""``email_domain: {organization: PATH}``: the owner of a domain, from what the declared organizations list."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final

from msgspec import Struct

from reconciler.expressions import Expression, Mistyped, domain_label, is_blank, joined_text
from reconciler.expressions.nodes import Call, Read
from reconciler.expressions.values import kind_of, text_of
from reconciler.model import Json, Position, Problem, Resource, Table
from reconciler.rules.person import Address, Person
from reconciler.rules.problems import COMMON_DOMAIN, SHARED_DOMAIN, UserProblem, did_you_mean, error, these
from reconciler.rules.unused import Seen
from reconciler.schema.domains import why_nobodys

EMAILS = ("user", "emails")
PHONE_NUMBERS = ("user", "phone_numbers")


class Row(Struct, frozen=True, gc=False):
    """A row that joined (its number in the table), and the addresses of the user by which it did."""

    number: int
    addresses: tuple[Address, ...] = ()


class Join(Struct, frozen=True):
    """A table, the columns that join with what each is joined to, and the rows by their texts in those columns.

    ``cells`` are the rows as rules see them: what is blank is null, as in a CSV file. ``doubts`` are the rows whose
    domain is nobody's in particular, and say so.
    """

    table: Table
    cells: Sequence[Mapping[str, Json]]
    columns: tuple[str, ...]
    keys: tuple[Expression, ...]
    index: dict[tuple[str, ...], list[int]]
    seen: Seen
    doubts: Mapping[int, UserProblem] = {}  # msgspec copies an empty default

    def rows(self, person: Person, scope: Mapping[str, object], *, any_address: bool) -> tuple[Row, ...]:
        """Return the rows about a user in the table's order, each once; raises ``Mistyped`` if a value is no text."""
        by_text = {address.text: address for address in person.admissible(any_address=any_address)}
        texts = self.texts(scope, by_text)
        found: dict[int, dict[str, Address]] = {}
        for together in product(*texts):
            for number in self.index.get(together, ()):
                joined = map(by_text.get, together)
                found.setdefault(number, {}).update((address.text, address) for address in joined if address)
        return tuple(Row(number, tuple(found[number].values())) for number in sorted(found))

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


def without_blanks(rows: Sequence[Mapping[str, Json]]) -> Sequence[Mapping[str, Json]]:
    """Return rows in which every blank string is null."""
    return [
        {column: None if _is_blank(cell) else cell for column, cell in row.items()}
        if any(map(_is_blank, row.values()))
        else row
        for row in rows
    ]


def _is_blank(cell: Json) -> bool:
    return isinstance(cell, str) and is_blank(cell)


def is_domain(expression: Expression) -> bool:
    """Return whether an expression gives a domain, so that the column that it joins holds domains."""
    node = expression.node
    while isinstance(node, Call) and node.function.name in {"lower", "default"}:
        node = node.arguments[0]
    return isinstance(node, Call) and node.function.name == "domain"


def domain_in(cell: Json) -> str | None:
    """Return the A-label of the domain in a cell."""
    return domain_label(cell) if isinstance(cell, str) else None


def index_of(
    table: Table, columns: tuple[str, ...], domains: Container[str] = ()
) -> tuple[dict[tuple[str, ...], list[int]], list[tuple[int, str]]]:
    """Index a table; the second value names the cells (row, column) that hold no text to join by.

    In some columns the cells are ``domains``, which compare as such.
    """
    index: dict[tuple[str, ...], list[int]] = {}
    odd: list[tuple[int, str]] = []
    for number, row in enumerate(table.rows):
        texts: list[str] = []
        for column in columns:
            cell = row.get(column)
            if cell is None or cell in ([], {}):
                break
            try:
                text = (domain_in(cell) if column in domains else None) or joined_text(text_of(cell))
            except Mistyped:
                odd.append((number, column))
                break
            if not text:
                break
            texts.append(text)
        else:
            index.setdefault(tuple(texts), []).append(number)
    return index, odd


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


_MEMORY: Final = 1 << 16  # domains of addresses whose answer is remembered


class Owner(Struct, frozen=True):
    """Whose a domain is, and where it says so.

    ``shared`` is the problem where several organizations list it, ``public`` that where it is nobody's in particular.
    """

    domain: str
    organizations: tuple[str, ...]
    places: tuple[Position, ...]
    shared: UserProblem | None
    public: UserProblem | None


class Domains:
    """The domains that organizations list under one path of their specs."""

    def __init__(self, owners: Mapping[str, Owner]) -> None:
        self._owners = owners
        self._deepest = max((domain.count(".") for domain in owners), default=-1)
        self._nearest: dict[str, Owner | None] = {}

    def owner(self, domain: str, *, subdomains: bool) -> Owner | None:
        """Return the owner of ``domain``; with ``subdomains`` that of the longest listed domain that contains it."""
        found = self._owners.get(domain)
        if found or not subdomains:
            return found
        try:
            return self._nearest[domain]
        except KeyError:
            if len(self._nearest) == _MEMORY:
                self._nearest.clear()
            return self._nearest.setdefault(domain, self._above(domain))

    def owners(self) -> Iterator[Owner]:
        """Yield every owner, by domain."""
        yield from (owner for _domain, owner in sorted(self._owners.items()))

    def __contains__(self, domain: str) -> bool:
        return domain in self._owners

    def __len__(self) -> int:
        return len(self._owners)

    def _above(self, domain: str) -> Owner | None:
        labels = domain.split(".")
        for start in range(max(1, len(labels) - 1 - self._deepest), len(labels)):
            found = self._owners.get(".".join(labels[start:]))
            if found:
                return found
        return None


def domains_of(path: str, organizations: Sequence[Resource], at: Position, problems: list[Problem]) -> Domains:
    """Collect what organizations list at ``path`` of their specs; add what is no domain, and an unknown path."""
    keys = tuple(path.split("."))
    listed: defaultdict[str, dict[str, Position]] = defaultdict(dict)
    anywhere = False
    candidates = [organization for organization in organizations if organization.ensure != "absent"]
    for organization in sorted(candidates, key=lambda one: one.name):
        for value, place in _values(organization, keys):
            anywhere = True
            label = domain_label(value) if isinstance(value, str) else None
            if label is None:
                what = f"{value!r}" if isinstance(value, str) else kind_of(value)
                message = f"{organization.address}: {path} holds {what}, which is not a domain name"
                problems.append(error("not-a-domain", message, "write it as acme.example", place))
            else:
                listed[label].setdefault(organization.name, place)
    if candidates and not anywhere:
        near = did_you_mean(keys[-1], _siblings(candidates, keys))
        hint = near or "write a path of an organization's spec, such as trusted_metadata.email_domains"
        problems.append(error("unknown-path", f"no organization declares anything at {path}", hint, at))
    return Domains({domain: _owner(domain, places) for domain, places in listed.items()})


def _owner(domain: str, places: Mapping[str, Position]) -> Owner:
    slugs = tuple(places)

    def problem(code: str, message: str, hint: str) -> UserProblem:
        return UserProblem(
            code=code,
            severity="warning",
            message=message,
            hint=hint,
            at=tuple(places.values()),
            addresses=tuple(f"Organization/{slug}" for slug in slugs),
        )

    shared = public = None
    if len(slugs) > 1:
        shared = problem(
            SHARED_DOMAIN,
            f"{domain} is listed by {these(slugs)}, so it makes nobody a member of these organizations",
            "remove it from all but one, or set `shared: all` in the rule's email_domain to use it for all of them",
        )
    if why := why_nobodys(domain):
        public = problem(
            COMMON_DOMAIN,
            f"{domain} {why}, so it makes nobody a member of {these(slugs)}",
            "list only domains that the organization owns; if it owns this one, "
            f"set `public_domains: [{domain}]` in the rule",
        )
    return Owner(domain, slugs, tuple(places.values()), shared, public)


def _values(organization: Resource, keys: tuple[str, ...]) -> Iterator[tuple[Json, Position]]:
    """Yield what stands at a path: one value, or each of a list; nothing if it is not there."""
    value: Json = organization.spec
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, list):
        yield from ((item, organization.at("spec", *keys, str(index))) for index, item in enumerate(value))
    elif value is not None:
        yield value, organization.at("spec", *keys)


def _siblings(organizations: Sequence[Resource], keys: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    for organization in organizations:
        value: Json = organization.spec
        for key in keys[:-1]:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, dict):
            found.update(value)
    return found
