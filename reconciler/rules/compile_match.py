"""``match``, ``except`` and ``table`` of a rule file → what they ask for, with every mistake in them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from reconciler.expressions import Expression, domain_label, mailbox, trimmed
from reconciler.expressions.compile import compiled_node
from reconciler.expressions.nodes import Read
from reconciler.model import Json, Position, Problem, Resource, Table
from reconciler.rules.lookups import Domains, Join, domain_in, domains_of, index_of, is_domain, without_blanks
from reconciler.rules.match import Lookup, Match, Wanted
from reconciler.rules.patterns import refusal
from reconciler.rules.problems import COMMON_DOMAIN, UserProblem, did_you_mean, error, warning
from reconciler.rules.reader import USER_FIELDS, Place, Reader
from reconciler.rules.unused import MATCHES_NOBODY, WHOLE, Tally
from reconciler.schema.domains import why_nobodys

_ON_ADDRESSES = frozenset({"email", "email_domain", "email_regex"})
_METADATA = ("trusted_metadata", "untrusted_metadata")
_ODD_CELLS = 5  # so many are reported of one table


class Shared(Struct):
    """What the rules of all documents share: domains by the path they were looked up at, and patterns by number."""

    organizations: tuple[Resource, ...]
    domains: dict[str, Domains] = field(default_factory=dict)
    patterns: dict[str, int] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def lookup_at(self, path: str, place: Place, problems: list[Problem]) -> Domains:
        """Return the domains that organizations list at a path, collected once."""
        if path not in self.domains:
            self.domains[path] = domains_of(path, self.organizations, place.position, problems)
        return self.domains[path]


def compile_match(
    match: Mapping[str, Any],
    place: Place,
    reader: Reader,
    shared: Shared,
    *,
    excepts: bool = False,
    public: frozenset[str] | None = frozenset(),
) -> Match:
    """Compile the keys of one ``match`` or of one item of ``except``; ``reader.problems`` gets what is wrong.

    What ``excepts`` somebody looks at any of his addresses. ``public`` are the domains of nobody in particular that are
    somebody's own to this rule, or (None) all of them.
    """
    any_address = excepts or match.get("verified") == "any"
    lookup = match.get("email_domain")
    looks_up = isinstance(lookup, dict)
    if "external_id" in match:
        reader.fields.setdefault("external_id", []).append(place.below("external_id").position)
    for key, here in _empty(match, place):
        message = f"{key} lists nothing, so this matches nobody"
        reader.warnings.append(warning(MATCHES_NOBODY, message, "remove it", here.key.position))
    if match.get("metadata") == {}:  # without a condition it would match everybody
        hint = "name one, as in {trusted_metadata.plan: gold}, or remove it"
        at = place.below("metadata").key.position
        reader.problems.append(error("no-condition", "metadata names no path, so it says nothing", hint, at))
    several = dict(_several(match, place))
    return Match(
        waiting=several | ({WHOLE: {WHOLE: place.position}} if excepts else {}),
        counts={key: len(values) for key, values in several.items()},
        any_address=any_address,
        addresses=_addresses(match, place, reader),
        domains=None if looks_up else _domains(match, place, reader, public),
        lookup=_lookup(lookup, place.below("email_domain"), reader, shared, public)
        if isinstance(lookup, dict)
        else None,
        patterns=_patterns(match, place, reader, shared),
        user_ids=_ids(match, "user_id", place, reader),
        external_ids=_ids(match, "external_id", place, reader),
        metadata=tuple(_metadata(match.get("metadata") or {}, place.below("metadata"), reader)),
        on_addresses=not _ON_ADDRESSES.isdisjoint(match),
    )


def _empty(match: Mapping[str, Any], place: Place) -> Iterator[tuple[str, Place]]:
    """Yield each key, and path of metadata, that nobody's value is among."""
    yield from ((key, place.below(key)) for key, value in match.items() if value == [])
    metadata = match.get("metadata") or {}
    yield from ((path, place.below("metadata", path)) for path, values in metadata.items() if values == [])


def _listed(match: Mapping[str, Any], key: str, place: Place) -> Iterator[tuple[str, Place]]:
    value = match[key]
    if isinstance(value, str):
        yield value, place.below(key)
    else:
        yield from ((item, place.below(key, index)) for index, item in enumerate(value))


_SPELLED: Mapping[str, Callable[[str], str | None]] = {
    "email": mailbox,
    "email_domain": domain_label,
    "email_regex": str,
    "user_id": trimmed,
    "external_id": trimmed,
}


def _several(match: Mapping[str, Any], place: Place) -> Iterator[tuple[str, dict[str, Position]]]:
    """Yield the keys that have several values, those as they are compared and where each stands."""
    for key, spelled in _SPELLED.items():
        if isinstance(match.get(key), list) and len(match[key]) > 1:
            yield key, {spelled(value) or value: here.position for value, here in _listed(match, key, place)}
    for path, values in (match.get("metadata") or {}).items():
        if isinstance(values, list) and len(values) > 1 and all(isinstance(one, str) for one in values):
            text = path if path.startswith("user.") else f"user.{path}"
            yield text, {one: place.below("metadata", path, index).position for index, one in enumerate(values)}


def _ids(match: Mapping[str, Any], key: str, place: Place, reader: Reader) -> frozenset[str] | None:
    if key not in match:
        return None
    found = []
    for value, here in _listed(match, key, place):
        if not trimmed(value):
            message = f"this {key} is blank and matches nobody"
            reader.problems.append(error("wrong-value", message, "remove it, or write the id", here.position))
        elif "*" in value:
            reader.problems.append(_wildcard(key, here))
        found.append(trimmed(value))
    return frozenset(found)


def _addresses(match: Mapping[str, Any], place: Place, reader: Reader) -> frozenset[str] | None:
    if "email" not in match:
        return None
    found = []
    for value, here in _listed(match, "email", place):
        address = mailbox(value)
        if "*" in value:
            reader.problems.append(_wildcard("email", here))
        elif address is None:
            hint = "for every address of a domain, write email_domain" if "@" not in value.strip("@") else ""
            message = "this is not an e-mail address"
            reader.problems.append(
                error("not-an-address", message, hint or "write it as ann@acme.example", here.position)
            )
        else:
            found.append(address)
    return frozenset(found)


def _wildcard(key: str, place: Place) -> Problem:
    """Make the error about a value that means many where only itself is meant."""
    message = f"* is not a wildcard here: {key} is compared literally"
    hint = r"for a whole domain write email_domain: acme.example; for a pattern email_regex: .*@acme\.example"
    return error("wildcard", message, hint, place.position)


def _domains(
    match: Mapping[str, Any], place: Place, reader: Reader, public: frozenset[str] | None
) -> frozenset[str] | None:
    if "email_domain" not in match:
        return None
    found = set()
    for value, here in _listed(match, "email_domain", place):
        label = domain_label(value)
        if label is None:
            hint = "write it as acme.example"
            if value.startswith(("*.", ".")):
                hint = r"a list matches domains exactly; for subdomains write email_regex: .*@(.*\.)?acme\.example"
            reader.problems.append(error("not-a-domain", f"{value!r} is not a domain name", hint, here.position))
        else:
            found.add(label)
            if public is not None and label not in public and (why := why_nobodys(label)):
                hint = f"if this is intended, set `public_domains: [{label}]` in the rule"
                reader.warnings.append(warning(COMMON_DOMAIN, f"{label} {why}", hint, here.position))
    return frozenset(found)


def _lookup(
    lookup: Mapping[str, Any], place: Place, reader: Reader, shared: Shared, public: frozenset[str] | None
) -> Lookup:
    path = lookup["organization"]
    domains = shared.lookup_at(path, place.below("organization"), reader.problems)
    return Lookup(path, domains, bool(lookup.get("subdomains")), lookup.get("shared") == "all", public)


def _patterns(match: Mapping[str, Any], place: Place, reader: Reader, shared: Shared) -> frozenset[int] | None:
    if "email_regex" not in match:
        return None
    numbers = set()
    for value, here in _listed(match, "email_regex", place):
        if why := refusal(value):
            reader.problems.append(error("regex", why, "the syntax is RE2's", here.position))
        else:
            numbers.add(shared.patterns.setdefault(value, len(shared.patterns)))
    return frozenset(numbers)


def _metadata(wanted: Mapping[str, Json], place: Place, reader: Reader) -> Iterator[Wanted]:
    for path, value in wanted.items():
        here = place.below(path)
        text = path if path.startswith("user.") else f"user.{path}"
        first = text.split(".")[1].split("[")[0]
        if first not in _METADATA:
            near = "" if first in USER_FIELDS else f"did you mean trusted_metadata.{path}?"
            message = f"{path} is not a path in a user's metadata"
            hint = near or "write it as a condition in `when`"
            reader.problems.append(error("unknown-path", message, hint, here.key.position))
            continue
        expression = reader.expression(text, here.key)
        if expression is None:
            continue
        if not isinstance(expression.node, Read):
            reader.problems.append(
                error("unknown-path", f"{path} is not a path", "write conditions in `when`", here.key.position)
            )
        values = value if isinstance(value, list) else [value]
        if any(isinstance(one, dict | list) for one in values):
            message = f"{path} is compared with a string, a number, true, false or null, or any of a list of them"
            reader.problems.append(
                error("wrong-type", message, "write conditions on lists and maps in `when`", here.position)
            )
        all_texts = all(isinstance(one, str) for one in values)
        yield Wanted(
            expression, compiled_node(expression.node), tuple(values), frozenset(values) if all_texts else None
        )


def compile_join(
    table: Mapping[str, Any],
    place: Place,
    reader: Reader,
    tables: Mapping[str, Table | None],
    tally: Tally,
    *,
    public: frozenset[str] | None = frozenset(),
) -> Join | None:
    """Compile a ``table``; None after saying what is wrong with it, or if that table could not be read.

    ``public`` is as in ``compile_match``.
    """
    found = tables.get(table["name"])
    if table["name"] not in tables:
        message = f"there is no table {table['name']}"
        hint = did_you_mean(table["name"], tables) or "name it under `tables` in reconciler.yaml"
        reader.problems.append(error("unknown-table", message, hint, place.below("name").position))
    keys: list[Expression] = []
    before = len(reader.problems)
    for column, text in table["join"].items():
        here = place.below("join", column)
        if found is not None and column not in found.columns:
            message = f"the table {found.name} has no column {column}"
            reader.problems.append(
                error("unknown-column", message, did_you_mean(column, found.columns), here.key.position)
            )
        key = reader.expression(text, here, roots=frozenset({"user"}))
        keys.extend([key] if key else [])
    if found is None or len(reader.problems) > before:
        return None
    columns = tuple(table["join"])
    domains = [column for column, key in zip(columns, keys, strict=True) if is_domain(key)]
    index, odd = index_of(found, columns, domains)
    for row, column in odd[:_ODD_CELLS]:
        message = f"the column {column} is joined as text, but this row has a list or a map in it"
        places = found.at(row), place.below("join", column).position
        reader.problems.append(error("wrong-type", message, "join by a column that holds text", *places))
    doubts = dict(_doubted(found, domains, public, place.below("join").position)) if public is not None else {}
    return Join(found, without_blanks(found.rows), columns, tuple(keys), index, tally.seen(found, columns), doubts)


def _doubted(
    table: Table, columns: Iterable[str], public: frozenset[str], at: Position
) -> Iterator[tuple[int, UserProblem]]:
    """Yield the rows that name a domain of nobody in particular, and say so."""
    for column in columns:
        why: dict[str | None, str] = dict.fromkeys([None, *public], "")
        for number, row in enumerate(table.rows):
            label = domain_in(row.get(column))
            if label is not None and label not in why:
                why[label] = why_nobodys(label)
            if why[label]:
                problem = UserProblem(
                    code=COMMON_DOMAIN,
                    severity="warning",
                    message=f"{label} {why[label]}, so this row makes nobody a member",
                    hint="remove the row; if the organization owns the domain, set "
                    f"`public_domains: [{label}]` in the rule",
                    at=(table.at(number), at),
                )
                yield number, problem
