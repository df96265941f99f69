"""An index of rules: those that can match a user, found by one condition that each requires."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from reconciler.expressions import Expression, equalities
from reconciler.expressions.nodes import Path, Read
from reconciler.rules.lookups import Domains
from reconciler.rules.match import Match
from reconciler.rules.patterns import Patterns
from reconciler.rules.person import Person
from reconciler.rules.reader import PROOF

Numbers = tuple[int, ...]
_NONE: Numbers = ()


class Filable(Protocol):
    """What has conditions: a rule, or an exception."""

    @property
    def number(self) -> int: ...  # noqa: D102 # the class says it
    @property
    def match(self) -> Match: ...  # noqa: D102 # as above
    @property
    def when(self) -> Expression | None: ...  # noqa: D102 # as above
    @property
    def when_each(self) -> bool: ...  # noqa: D102 # as above


class PathIndex(Struct, frozen=True):
    """The rules that need one of some values at a path of the user; ``every``: where the data has another shape."""

    keys: tuple[str | int, ...]
    by_value: dict[Any, Numbers]
    every: Numbers

    def find(self, user: dict[str, Any]) -> Numbers:
        """Return the rules that what stands at the path may satisfy."""
        value: Any = user
        for key in self.keys:
            if type(value) is dict and type(key) is str:
                value = value.get(key)
            elif value is None:
                return _NONE
            elif type(value) is list and type(key) is int:
                value = value[key] if -len(value) <= key < len(value) else None
            else:
                return self.every
        try:
            return self.by_value.get(value, _NONE)
        except TypeError:  # a list or a map, which equals no scalar
            return _NONE


class Index(Struct, frozen=True):
    """Rule numbers by the condition that they are found by."""

    user_ids: dict[str, Numbers]
    external_ids: dict[str, Numbers]
    addresses: dict[str, Numbers]
    domains: dict[str, Numbers]
    paths: tuple[PathIndex, ...]
    lookups: tuple[tuple[Callable[..., Any], bool, Numbers], ...]
    patterns: tuple[Numbers, ...]
    always: Numbers
    all_patterns: Patterns

    def candidates(self, person: Person) -> list[int]:
        """Return the numbers of the rules that may be about a user, sorted; every rule that is, is among them."""
        user = person.user
        found = list(self.always)
        if self.user_ids and (numbers := self.user_ids.get(person.user_id)):
            found += numbers
        if self.external_ids and type(external_id := user.get("external_id")) is str:
            found += self.external_ids.get(external_id, _NONE)
        for path in self.paths:
            if numbers := path.find(user):
                found += numbers
        for address in person.addresses:
            if numbers := self.addresses.get(address.text):
                found += numbers
            if numbers := self.domains.get(address.domain):
                found += numbers
            for owner, subdomains, numbers in self.lookups:
                if owner(address.domain, subdomains=subdomains):
                    found += numbers
            if self.patterns:
                for pattern in person.matched(address, self.all_patterns):
                    found += self.patterns[pattern]
        return sorted(set(found)) if len(found) > 1 else found


Filed = defaultdict[Any, list[int]]  # what a rule is found by → the numbers of the rules


def _filed() -> Filed:
    return defaultdict(list)


class _Draft(Struct):
    user_ids: Filed = field(default_factory=_filed)
    external_ids: Filed = field(default_factory=_filed)
    addresses: Filed = field(default_factory=_filed)
    domains: Filed = field(default_factory=_filed)
    paths: defaultdict[Path, Filed] = field(default_factory=lambda: defaultdict(_filed))
    lookups: Filed = field(default_factory=_filed)
    patterns: Filed = field(default_factory=_filed)
    always: Filed = field(default_factory=_filed)


def index_of(rules: Sequence[Filable], patterns: Patterns) -> Index:
    """File every rule under the condition that leaves the fewest users."""
    draft = _Draft()
    domains: dict[int, Domains] = {}
    for rule in rules:
        if rule.match.lookup:
            domains[id(rule.match.lookup.domains)] = rule.match.lookup.domains
        where, keys = _place(rule, draft)
        for key in keys:
            where[key].append(rule.number)
    return Index(
        user_ids=_frozen(draft.user_ids),
        external_ids=_frozen(draft.external_ids),
        addresses=_frozen(draft.addresses),
        domains=_frozen(draft.domains),
        paths=tuple(_path_index(path, by_value) for path, by_value in draft.paths.items()),
        lookups=tuple(
            (domains[key].owner, subdomains, tuple(numbers)) for (key, subdomains), numbers in draft.lookups.items()
        ),
        patterns=tuple(tuple(draft.patterns[number]) for number in range(len(patterns))) if draft.patterns else (),
        always=tuple(draft.always[None]),
        all_patterns=patterns,
    )


def _place(rule: Filable, draft: _Draft) -> tuple[Filed, Iterable[Any]]:
    """Return where to file a rule, and under which keys."""
    match = rule.match
    for keys, where in (
        (match.user_ids, draft.user_ids),
        (match.external_ids, draft.external_ids),
        (match.addresses, draft.addresses),
        (match.domains, draft.domains),
    ):
        if keys is not None:
            return where, keys
    for path, values in _conditions(rule):
        return draft.paths[path], values
    if match.patterns is not None:
        return draft.patterns, match.patterns
    if match.lookup:
        return draft.lookups, [(id(match.lookup.domains), match.lookup.subdomains)]
    return draft.always, [None]


def _conditions(rule: Filable) -> Iterator[tuple[Path, Iterable[Any]]]:
    """Yield what must stand at some path of the user, where that is one of some values that an index can hold."""
    for wanted in rule.match.metadata:
        if isinstance(wanted.expression.node, Read) and not any(value is None for value in wanted.values):
            yield wanted.expression.node.path, wanted.values
    if rule.when is None or rule.when_each:
        return
    for path, scalars in equalities(rule.when):
        # A bare path stands for `== true` (which a set takes for 1), and is a problem where no boolean stands there.
        bare = not scalars or any(value in {0, 1} for value in scalars)
        if path[0] == "user" and len(path) > 1 and path[1] not in PROOF and not bare:
            yield path, scalars


def _path_index(path: Path, by_value: Filed) -> PathIndex:
    every = sorted({number for numbers in by_value.values() for number in numbers})
    return PathIndex(path[1:], _frozen(by_value), tuple(every))


def _frozen(filed: Filed) -> dict[Any, Numbers]:
    return {key: tuple(numbers) for key, numbers in filed.items()}
