"""``match`` and ``except``: all keys must hold, and for each key any of its values."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from reconciler.expressions import Expression, Mistyped
from reconciler.expressions.values import same
from reconciler.model import Json, Position
from reconciler.rules.lookups import Domains, Owner
from reconciler.rules.patterns import Patterns
from reconciler.rules.person import Address, Person
from reconciler.rules.problems import UserProblem
from reconciler.rules.unused import WHOLE


class Lookup(Struct, frozen=True):
    """The domains of all organizations, and how a rule looks addresses up in them.

    ``public`` are the domains of nobody in particular that the rule takes for somebody's own; None: all of them.
    """

    path: str
    domains: Domains
    subdomains: bool
    shared_by_all: bool
    public: frozenset[str] | None = frozenset()

    def doubt(self, owner: Owner) -> UserProblem | None:
        """Return what keeps a domain from making anybody a member, if anything does."""
        if owner.public and self.public is not None and owner.domain not in self.public:
            return owner.public
        return None if self.shared_by_all else owner.shared

    def owner(self, address: Address) -> Owner | None:
        """Return whose the domain of an address is, if anybody's."""
        return self.domains.owner(address.domain, subdomains=self.subdomains)


class Hit(Struct, frozen=True, gc=False):
    """A way in which a user matches: the addresses that do, and whose their domain is where a lookup asked."""

    addresses: tuple[Address, ...] = ()
    owner: Owner | None = None


class Wanted(Struct, frozen=True):
    """A path of the user (``find`` gives what stands there) and values; ``texts`` if all of them are strings."""

    expression: Expression
    find: Callable[[Mapping[str, object]], Any]
    values: tuple[Json, ...]
    texts: frozenset[str] | None

    def has(self, value: object) -> bool:
        """Return whether a value is one of them."""
        if self.texts is not None:
            return type(value) is str and value in self.texts
        return any(same(value, one) for one in self.values)


class Match(Struct, frozen=True, kw_only=True):
    """The compiled keys; None for one that is not there. Keys about addresses must hold of one and the same address."""

    any_address: bool = False
    addresses: frozenset[str] | None = None
    domains: frozenset[str] | None = None
    lookup: Lookup | None = None
    patterns: frozenset[int] | None = None
    user_ids: frozenset[str] | None = None
    external_ids: frozenset[str] | None = None
    metadata: tuple[Wanted, ...] = ()
    on_addresses: bool = False  # whether any key is about addresses
    waiting: dict[str, dict[str, Position]] = field(default_factory=dict)  # values that matched nobody yet, by key
    counts: Mapping[str, int] = field(default_factory=dict)  # how many values each of these keys has

    @property
    def on_anything(self) -> bool:
        """Return whether there is any key at all."""
        return self.on_addresses or self.user_ids is not None or self.external_ids is not None or bool(self.metadata)

    def hits(self, person: Person, patterns: Patterns) -> tuple[Hit, ...]:
        """Return every way in which a user matches, none if it does not.

        One for each owner that a lookup finds, otherwise one for all. Raises ``Mistyped`` if metadata has another shape
        than a path needs and nothing else says no.
        """
        if self.user_ids is not None and person.user_id not in self.user_ids:
            return ()
        if self.external_ids is not None:
            external_id = person.user.get("external_id")
            if type(external_id) is not str or external_id not in self.external_ids:
                return ()
        hits = self._address_hits(person, patterns) if self.on_addresses else (Hit(),)
        if hits and self.metadata and not self.metadata_holds(person):
            return ()
        if hits and self.waiting:
            self._note(person, hits, patterns)
        return hits

    def _note(self, person: Person, hits: tuple[Hit, ...], patterns: Patterns) -> None:
        """Note which values matched a user."""
        for key, values in tuple(self.waiting.items()):
            for found in self._found(key, person, hits, patterns):
                values.pop(found, None)
            if not values:
                del self.waiting[key]

    def _found(self, key: str, person: Person, hits: tuple[Hit, ...], patterns: Patterns) -> Iterable[Any]:
        """Return what a user who matched has that a key is about."""
        if key == "email_domain":
            return [address.domain for hit in hits for address in hit.addresses]
        if key == "email":
            return [address.text for hit in hits for address in hit.addresses]
        if key == "email_regex":
            addresses = [address for hit in hits for address in hit.addresses]
            return [patterns.text(number) for one in addresses for number in person.matched(one, patterns)]
        if key in ("user_id", "external_id"):
            return (person.user.get(key),)
        scope = person.scope(any_address=True)
        return [WHOLE, *(wanted.find(scope) for wanted in self.metadata if wanted.expression.text == key)]

    def metadata_holds(self, person: Person) -> bool:
        """Return whether every path has one of its values; raises ``Mistyped`` where only a wrong type says no."""
        scope, odd = person.scope(any_address=True), None
        for wanted in self.metadata:
            try:
                if not wanted.has(wanted.find(scope)):
                    return False
            except Mistyped as problem:
                odd = problem
        if odd:
            raise odd
        return True

    def _address_hits(self, person: Person, patterns: Patterns) -> tuple[Hit, ...]:
        if self.lookup:
            by_owner: dict[int, tuple[Owner, list[Address]]] = {}
            for address in self.matching(person, patterns):
                owner = self.lookup.owner(address)
                if owner:
                    by_owner.setdefault(id(owner), (owner, []))[1].append(address)
            return tuple([Hit(tuple(found), owner) for owner, found in by_owner.values()])
        found = tuple(self.matching(person, patterns))
        return (Hit(found),) if found else ()

    def matching(self, person: Person, patterns: Patterns) -> list[Address]:
        """Return the addresses of which every key but the lookup holds."""
        return [
            address
            for address in person.addresses
            if (
                (address.verified or self.any_address)
                and (self.addresses is None or address.text in self.addresses)
                and (self.domains is None or address.domain in self.domains)
                and (self.patterns is None or not self.patterns.isdisjoint(person.matched(address, patterns)))
            )
        ]
