"""The keys of ``match`` and ``except``, each as one value: ``KEYS`` is all that the rules know about them.

What matches users, what finds rules, what warns of unused values and what explains a decision go through these values,
so that a new key is one entry here.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from reconciler.expressions.compile import compiled_node
from reconciler.expressions.expression import Expression
from reconciler.expressions.nodes import Read
from reconciler.expressions.redaction import Redacted
from reconciler.expressions.text import domain_label, mailbox, trimmed
from reconciler.expressions.values import same
from reconciler.model import Json, Position
from reconciler.rules.directory import COMMON_DOMAIN, DomainLookup, Domains, Owner
from reconciler.rules.filing import path_filing
from reconciler.rules.index import NO_NUMBERS, Filing, Find, Numbers, Shelf
from reconciler.rules.patterns import refusal
from reconciler.rules.person import Address, Person
from reconciler.rules.reader import USER_FIELDS, Place, Reader
from reconciler.rules.unused import MATCHES_NOBODY
from reconciler.schema.domains import why_nobodys

_METADATA: Final = ("trusted_metadata", "untrusted_metadata")
_SHOWN: Final = 3  # so many values are named, then counted
_LONGEST: Final = 80  # characters of a value

V = TypeVar("V")  # what a key compiles to: what users are compared with
Positions = Mapping[str, Position]  # where each value stands


class Criterion(Struct, Generic[V], frozen=True):
    """What one ``match`` asks by a key: the values, and where each of several stands (nothing for one alone).

    ``label`` is what warnings call it, where it is not the key's name.
    """

    values: V
    positions: Mapping[Any, Position] = {}  # msgspec copies an empty default
    label: str = ""


class MatchKey(Struct, Generic[V], frozen=True, kw_only=True):
    """One key of ``match``.

    ``compile`` turns what is written under it into what is asked, and tells the reader every mistake; it yields nothing
    where the value is of a form that another key of the same name compiles. ``text`` is the condition in words, for
    ``why``. ``filing`` says how an index finds the rules that ask by this key; a ``broad`` one leaves so many users
    that a rule is rather found by its ``when``. ``seen`` gives what a user who matched (by these addresses) has of the
    values: none of them is unused.
    """

    name: str
    compile: Callable[[Any, Place, Reader], Iterable[Criterion[V]]]
    text: Callable[[V], str]
    filing: Callable[[V], Filing | None]
    broad: bool = False
    seen: Callable[[V, Person, Sequence[Address]], Iterable[Any]]


class UserKey(MatchKey[V], Generic[V], frozen=True, kw_only=True):
    """A key about the user as a whole; ``found`` is what ``why`` shows of the user.

    ``holds`` and ``found`` raise ``Mistyped`` where the data has another shape than the key needs.
    """

    holds: Callable[[V, Person], bool]
    found: Callable[[V, Person], str]


class AddressKey(MatchKey[V], Generic[V], frozen=True, kw_only=True):
    """A key about an address; all of them must hold of one and the same.

    ``holds`` may give whose the address is, which counts as yes. ``of_domain``: only the address's domain decides.
    """

    of_domain: bool = False
    holds: Callable[[V, Address, Person], bool | Owner | None]


class MetadataPath(Struct, frozen=True):
    """A path of the user (``find`` gives what stands there) and values; ``texts`` if all of them are strings."""

    expression: Expression
    find: Callable[[Mapping[str, object]], Any]
    values: tuple[Json, ...]
    texts: frozenset[str] | None

    @property
    def path(self) -> str:
        """Return the path below the user."""
        return self.expression.text.removeprefix("user.")

    def found(self, person: Person) -> Json:
        """Return what stands at the path; raises ``Mistyped`` where the data has another shape."""
        return self.find(person.scope(any_address=True))

    def holds(self, person: Person) -> bool:
        """Return whether one of the values stands there; raises ``Mistyped`` as ``found`` does."""
        value = self.found(person)
        if self.texts is not None:
            return type(value) is str and value in self.texts
        return any(same(value, one) for one in self.values)


def any_of(values: Iterable[str]) -> str:
    """Return values as a sentence names them: a or b or 7 more."""
    listed = sorted(values)
    some = listed[:_SHOWN]
    more = f" or {len(listed) - len(some)} more" if len(listed) > len(some) else ""
    return (" or ".join(some) or "one of none") + more


def shown(value: object) -> str:
    """Return a value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _listed(value: str | list[str], place: Place) -> Iterator[tuple[str, Place]]:
    if isinstance(value, str):
        yield value, place
    else:
        yield from ((item, place.below(index)) for index, item in enumerate(value))


def _one_of(written: str | list[str], values: dict[V, Position]) -> Criterion[Mapping[V, Position]]:
    several = isinstance(written, list) and len(written) > 1
    return Criterion(values, values if several else {})


def _compile_ids(written: str | list[str], place: Place, reader: Reader) -> Iterator[Criterion[Positions]]:
    name = place.path[-1]
    values = {}
    for value, here in _listed(written, place):
        if not trimmed(value):
            message = f"this {name} is blank and matches nobody"
            reader.refuse("wrong-value", message, "remove it, or write the id", here.position)
        elif "*" in value:
            _refuse_wildcard(name, here, reader)
        values[trimmed(value)] = here.position
    yield _one_of(written, values)


def _compile_external_ids(written: str | list[str], place: Place, reader: Reader) -> Iterator[Criterion[Positions]]:
    reader.reads("external_id", place.position)
    return _compile_ids(written, place, reader)


def _compile_addresses(written: str | list[str], place: Place, reader: Reader) -> Iterator[Criterion[Positions]]:
    values = {}
    for value, here in _listed(written, place):
        address = mailbox(value)
        if "*" in value:
            _refuse_wildcard("email", here, reader)
        elif address is None:
            hint = "for every address of a domain, write email_domain" if "@" not in value.strip("@") else ""
            message = "this is not an e-mail address"
            reader.refuse("not-an-address", message, hint or "write it as ann@acme.example", here.position)
        else:
            values[address] = here.position
    yield _one_of(written, values)


def _refuse_wildcard(key: str, place: Place, reader: Reader) -> None:
    """Refuse a value that means many where only itself is meant."""
    message = f"* is not a wildcard here: {key} is compared literally"
    hint = r"for a whole domain write email_domain: acme.example; for a pattern email_regex: .*@acme\.example"
    reader.refuse("wildcard", message, hint, place.position)


def _compile_domains(written: Json, place: Place, reader: Reader) -> Iterator[Criterion[Positions]]:
    if isinstance(written, dict):
        return
    values = {}
    for value, here in _listed(written, place):
        label = domain_label(value)
        if label is None:
            hint = "write it as acme.example"
            if value.startswith(("*.", ".")):
                hint = r"a list matches domains exactly; for subdomains write email_regex: .*@(.*\.)?acme\.example"
            reader.refuse("not-a-domain", f"{value!r} is not a domain name", hint, here.position)
            continue
        values[label] = here.position
        if reader.public is not None and label not in reader.public and (why := why_nobodys(label)):
            hint = f"if this is intended, set `public_domains: [{label}]` in the rule"
            reader.warn(COMMON_DOMAIN, f"{label} {why}", hint, here.position)
    yield _one_of(written, values)


def _compile_lookup(written: Json, place: Place, reader: Reader) -> Iterator[Criterion[DomainLookup]]:
    if isinstance(written, dict):
        path = written["organization"]
        domains = reader.domains_at(path, place.below("organization"))
        subdomains, shared = bool(written.get("subdomains")), written.get("shared") == "all"
        yield Criterion(DomainLookup(path, domains, subdomains, shared, reader.public))


def _compile_patterns(written: str | list[str], place: Place, reader: Reader) -> Iterator[Criterion[Mapping[int, str]]]:
    texts, positions = {}, {}
    for value, here in _listed(written, place):
        if why := refusal(value):
            reader.refuse("regex", why, "the syntax is RE2's", here.position)
        else:
            number = reader.number_of(value)
            texts[number], positions[number] = value, here.position
    yield Criterion(texts, _one_of(written, positions).positions)


def _compile_metadata(written: Mapping[str, Json], place: Place, reader: Reader) -> Iterator[Criterion[MetadataPath]]:
    if not written:  # without a condition it would match everybody
        hint = "name one, as in {trusted_metadata.plan: gold}, or remove it"
        reader.refuse("no-condition", "metadata names no path, so it says nothing", hint, place.key.position)
    for path, value in written.items():
        here = place.below(path)
        if value == []:
            warn_of_nothing(path, here, reader)
        if compiled := _metadata_path(path, value, here, reader):
            label, positions = compiled.expression.text, {}
            if isinstance(value, list) and len(value) > 1 and compiled.texts is not None:
                positions = {one: here.below(index).position for index, one in enumerate(value)}
            yield Criterion(compiled, positions, label)


def _metadata_path(path: str, value: Json, here: Place, reader: Reader) -> MetadataPath | None:
    text = path if path.startswith("user.") else f"user.{path}"
    first = text.split(".")[1].split("[")[0]
    if first not in _METADATA:
        near = "" if first in USER_FIELDS else f"did you mean trusted_metadata.{path}?"
        message = f"{path} is not a path in a user's metadata"
        reader.refuse("unknown-path", message, near or "write it as a condition in `when`", here.key.position)
        return None
    expression = reader.expression(text, here.key)
    if expression is None:
        return None
    if not isinstance(expression.node, Read) and not reader.draft.redaction:  # which may hide a path
        reader.refuse("unknown-path", f"{path} is not a path", "write conditions in `when`", here.key.position)
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, dict | list) for one in values):
        message = f"{path} is compared with a string, a number, true, false or null, or any of a list of them"
        reader.refuse("wrong-type", message, "write conditions on lists and maps in `when`", here.position)
    all_texts = all(isinstance(one, str) for one in values)
    texts = frozenset(values) if all_texts else None
    return MetadataPath(expression, compiled_node(expression.node), tuple(values), texts)


def warn_of_nothing(key: str, place: Place, reader: Reader) -> None:
    """Warn of a key, or a path of metadata, that nobody's value is among."""
    message = f"{key} lists nothing, so this matches nobody"
    reader.warn(MATCHES_NOBODY, message, "remove it", place.key.position)


def _by_user_id(by_value: Mapping[str, Numbers], _of: None) -> Find:
    return lambda person: by_value.get(person.user_id, NO_NUMBERS)


def _by_external_id(by_value: Mapping[str, Numbers], _of: None) -> Find:
    def find(person: Person) -> Numbers:
        external_id = person.user.get("external_id")
        return by_value.get(external_id, NO_NUMBERS) if type(external_id) is str else NO_NUMBERS

    return find


def _by_address(by_value: Mapping[str, Numbers], _of: None) -> Find:
    return lambda person: [number for address in person.addresses for number in by_value.get(address.text, NO_NUMBERS)]


def _by_domain(by_value: Mapping[str, Numbers], _of: None) -> Find:
    def find(person: Person) -> Sequence[int]:
        if len(person.addresses) == 1:  # most users of most sources
            return by_value.get(person.addresses[0].domain, NO_NUMBERS)
        return [number for address in person.addresses for number in by_value.get(address.domain, NO_NUMBERS)]

    return find


def _by_pattern(by_value: Mapping[int, Numbers], _of: None) -> Find:
    def find(person: Person) -> list[int]:
        found: list[int] = []
        for address in person.addresses:
            for pattern in person.matched(address):
                found += by_value.get(pattern, NO_NUMBERS)
            if open_ := person.undecided(address):
                found += [number for pattern, numbers in by_value.items() if pattern in open_ for number in numbers]
        return found

    return find


def _matches(patterns: Mapping[int, str], address: Address, person: Person) -> bool:
    if not patterns.keys().isdisjoint(person.matched(address)):
        return True
    if (open_ := person.undecided(address)) and any(number in open_ for number in patterns):
        raise Redacted("an email_regex needs what stands before the @, which is not in the snapshot")
    return False


def _by_owner(by_value: Mapping[None, Numbers], of: tuple[Domains, bool]) -> Find:
    (domains, subdomains), numbers = of, by_value[None]

    def find(person: Person) -> Numbers:
        for address in person.addresses:
            if domains.owner(address.domain, subdomains=subdomains):
                return numbers
        return NO_NUMBERS

    return find


def _metadata_filing(metadata: MetadataPath) -> Filing | None:
    if not isinstance(metadata.expression.node, Read) or any(value is None for value in metadata.values):
        return None
    return path_filing(metadata.expression.node.path, metadata.values)


KEYS: Final[tuple[UserKey[Any] | AddressKey[Any], ...]] = (
    UserKey[Positions](
        name="user_id",
        compile=_compile_ids,
        holds=lambda ids, person: person.user_id in ids,
        text=lambda ids: f"user_id is {any_of(ids)}",
        found=lambda _ids, _person: "",
        filing=lambda ids: Filing(Shelf(_by_user_id), ids),
        seen=lambda _ids, person, _addresses: (person.user_id,),
    ),
    UserKey[Positions](
        name="external_id",
        compile=_compile_external_ids,
        holds=lambda ids, person: type(own := person.user.get("external_id")) is str and own in ids,
        text=lambda ids: f"external_id is {any_of(ids)}",
        found=lambda _ids, person: shown(person.user.get("external_id")),
        filing=lambda ids: Filing(Shelf(_by_external_id), ids),
        seen=lambda _ids, person, _addresses: (person.user.get("external_id"),),
    ),
    AddressKey[Positions](
        name="email",
        compile=_compile_addresses,
        holds=lambda texts, address, _person: address.text in texts,
        text=lambda texts: f"is {any_of(texts)}",
        filing=lambda texts: Filing(Shelf(_by_address), texts),
        seen=lambda _texts, _person, addresses: [address.text for address in addresses],
    ),
    AddressKey[Positions](
        name="email_domain",
        of_domain=True,
        compile=_compile_domains,
        holds=lambda domains, address, _person: address.domain in domains,
        text=lambda domains: f"is at {any_of(domains)}",
        filing=lambda domains: Filing(Shelf(_by_domain), domains),
        seen=lambda _domains, _person, addresses: [address.domain for address in addresses],
    ),
    AddressKey[Mapping[int, str]](
        name="email_regex",
        compile=_compile_patterns,
        holds=_matches,
        text=lambda patterns: f"matches {' or '.join([patterns[number] for number in sorted(patterns)][:_SHOWN])}",
        filing=lambda patterns: Filing(Shelf(_by_pattern), patterns),
        broad=True,
        seen=lambda _patterns, person, addresses: [n for address in addresses for n in person.matched(address)],
    ),
    AddressKey[DomainLookup](
        name="email_domain",
        of_domain=True,
        compile=_compile_lookup,
        holds=lambda lookup, address, _person: lookup.domains.owner(address.domain, subdomains=lookup.subdomains),
        text=lambda lookup: (
            f"is at{' or under' if lookup.subdomains else ''} a domain that an organization lists in {lookup.path}"
        ),
        filing=lambda lookup: Filing(Shelf(_by_owner, (lookup.domains, lookup.subdomains)), (None,)),
        broad=True,
        seen=lambda _lookup, _person, _addresses: (),
    ),
    UserKey[MetadataPath](
        name="metadata",
        compile=_compile_metadata,
        holds=lambda metadata, person: metadata.holds(person),
        text=lambda metadata: f"{metadata.path} is {' or '.join(map(shown, metadata.values[:_SHOWN]))}",
        found=lambda metadata, person: f"it is {shown(metadata.found(person))}",
        filing=_metadata_filing,
        seen=lambda metadata, person, _addresses: (metadata.found(person),),
    ),
)
