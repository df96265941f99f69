"""``match`` and ``except``: all keys must hold, and for each key any of its values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from reconciler.expressions.expression import Expression
from reconciler.expressions.values import Mistyped
from reconciler.model import Position
from reconciler.rules.directory import DomainLookup, Owner
from reconciler.rules.filing import of_condition
from reconciler.rules.index import EQUAL, PART, Filings
from reconciler.rules.keys import KEYS, AddressKey, Criterion, UserKey, warn_of_nothing
from reconciler.rules.person import Address, Person
from reconciler.rules.reader import Place, Reader
from reconciler.rules.unused import WHOLE


class Hit(Struct, frozen=True, gc=False):
    """A way in which a user matches: the addresses that do, and whose their domain is where a lookup asked."""

    addresses: tuple[Address, ...] = ()
    owner: Owner | None = None


_ANYBODY: Final = (Hit(),)


class Match(Struct, frozen=True, kw_only=True):
    """The compiled keys of one ``match``, or of one item of ``except``, in the order of ``KEYS``.

    ``of_user`` and ``of_address`` are what they ask, made ready once for all users. ``waiting`` holds the values that
    matched nobody yet by what warnings call them, ``counts`` how many there are.
    """

    keys: tuple[tuple[UserKey[Any] | AddressKey[Any], Criterion[Any]], ...] = ()
    any_address: bool = False
    of_user: tuple[tuple[Callable[[Any, Person], bool], Any], ...] = ()
    of_address: tuple[tuple[Callable[[Any, Address, Person], bool | Owner | None], Any], ...] = ()
    lookup: DomainLookup | None = None
    waiting: dict[str, dict[Any, Position]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def by_domain(self) -> bool:
        """Return whether only the domain of an address decides."""
        return bool(self.keys) and all(isinstance(key, AddressKey) and key.of_domain for key, _criterion in self.keys)

    def hits(self, person: Person) -> tuple[Hit, ...]:
        """Return every way in which a user matches, none if it does not.

        One for each owner that a lookup finds, otherwise one for all. Raises ``Mistyped`` if the data has another shape
        than a key needs and nothing else says no.
        """
        odd = None
        for holds, values in self.of_user:
            try:
                if not holds(values, person):
                    return ()
            except Mistyped as problem:
                odd = problem
        hits = self.address_hits(person, any_address=self.any_address) if self.of_address else _ANYBODY
        if hits and odd:
            raise odd
        if hits and self.waiting:
            self._note(person, [address for hit in hits for address in hit.addresses])
        return hits

    def address_hits(self, person: Person, *, any_address: bool) -> tuple[Hit, ...]:
        """Return the addresses of which every key about addresses holds: one hit for each owner."""
        if len(person.addresses) == 1:  # most users of most sources
            (only,) = person.addresses
            answer = (only.verified or any_address) and self._answer(only, person)
            return (Hit(person.addresses, None if answer is True else answer),) if answer else ()
        by_owner: dict[int, tuple[Owner | None, list[Address]]] = {}
        for address in person.addresses:
            if (address.verified or any_address) and (answer := self._answer(address, person)):
                owner = None if answer is True else answer
                by_owner.setdefault(id(owner), (owner, []))[1].append(address)
        return tuple([Hit(tuple(addresses), owner) for owner, addresses in by_owner.values()])

    def _answer(self, address: Address, person: Person) -> bool | Owner:
        """Return whether every key about addresses holds of one: whose it is, where a lookup says so."""
        found: bool | Owner = True
        for holds, values in self.of_address:
            answer = holds(values, address, person)
            if not answer:
                return False
            if answer is not True:
                found = answer
        return found

    def _note(self, person: Person, addresses: Sequence[Address]) -> None:
        """Note which values matched a user."""
        self.waiting.pop(WHOLE, None)
        for key, criterion in self.keys:
            label = criterion.label or key.name
            if label in self.waiting:
                for value in key.seen(criterion.values, person, addresses):
                    self.waiting[label].pop(value, None)
                if not self.waiting[label]:
                    del self.waiting[label]


def compile_match(match: Mapping[str, Any], place: Place, reader: Reader, *, excepts: bool = False) -> Match:
    """Compile the keys of one ``match`` or of one item of ``except``; the reader gets what is wrong.

    What ``excepts`` somebody looks at any of his addresses.
    """
    keys = []
    for key in KEYS:
        if key.name in match:
            keys += [(key, criterion) for criterion in key.compile(match[key.name], place.below(key.name), reader)]
    for name, value in match.items():
        if value == []:
            warn_of_nothing(name, place.below(name), reader)
    several = {
        criterion.label or key.name: dict(criterion.positions)
        for key, criterion in keys
        if criterion.positions and not (reader.draft.redaction and key.name == "email_regex")
    }
    return Match(
        keys=tuple(keys),
        any_address=excepts or match.get("verified") == "any",
        of_user=tuple((key.holds, criterion.values) for key, criterion in keys if isinstance(key, UserKey)),
        of_address=tuple((key.holds, criterion.values) for key, criterion in keys if isinstance(key, AddressKey)),
        lookup=next((criterion.values for _key, criterion in keys if isinstance(criterion.values, DomainLookup)), None),
        waiting=several | ({WHOLE: {WHOLE: place.position}} if excepts else {}),
        counts={label: len(values) for label, values in several.items()},
    )


def filings_of(match: Match, when: Expression | None = None) -> Filings | None:
    """Return what leaves the fewest users, of the keys of a match and of a condition of the user beside it."""
    broad: Filings | None = None
    for key, criterion in match.keys:
        filing = key.filing(criterion.values)
        if filing and not key.broad:
            return Filings(EQUAL, (filing,))
        broad = broad or (Filings(PART, (filing,)) if filing else None)
    found = of_condition(when.node, any_address=match.any_address) if when else None
    return min((one for one in (found, broad) if one), key=lambda one: one.rank, default=None)
