"""An index of rules: those that can match a user, found by one condition that each requires."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from reconciler.rules.person import Person

Numbers = tuple[int, ...]  # of rules
Find = Callable[[Person], Sequence[int]]  # the numbers of the rules that may be about a user
NO_NUMBERS: Numbers = ()


class Shelf(Struct, frozen=True):
    """One sort of value that rules are found by. ``finder`` makes, of the rules by their values, what finds a user's.

    ``of`` tells shelves of one sort apart: the path in the user, for example.
    """

    finder: Callable[[Mapping[Any, Numbers], Any], Find]
    of: Hashable = None


class Filing(Struct, frozen=True):
    """The condition by which a rule is found: one of some values of one sort."""

    shelf: Shelf
    values: Iterable[Any]


class Index(Struct, frozen=True):
    """What finds rules; ``always`` are those that every user may match."""

    always: Numbers
    finders: tuple[Find, ...]

    def candidates(self, person: Person) -> Sequence[int]:
        """Return the numbers of the rules that may be about a user, sorted; every rule that is, is among them."""
        found: Sequence[int]
        if len(self.finders) == 1 and not self.always:
            found = self.finders[0](person)
        else:
            found = [*self.always]
            for find in self.finders:
                if numbers := find(person):
                    found += numbers
        return sorted(set(found)) if len(found) > 1 else found


def index_of(filed: Iterable[tuple[int, Filing | None]]) -> Index:
    """Index rules by their numbers, each under the condition that it is found by; None: there is no such condition."""
    always: list[int] = []
    shelves: dict[Shelf, defaultdict[Any, list[int]]] = {}
    for number, filing in filed:
        if filing is None:
            always.append(number)
            continue
        by_value = shelves.setdefault(filing.shelf, defaultdict(list))
        for value in filing.values:
            by_value[value].append(number)
    return Index(
        tuple(always),
        tuple(
            shelf.finder({value: tuple(numbers) for value, numbers in by_value.items()}, shelf.of)
            for shelf, by_value in shelves.items()
        ),
    )


def by_path(by_value: Mapping[Any, Numbers], path: tuple[str | int, ...]) -> Find:
    """Find rules by what stands at a path of the user; every one of them where the data has another shape."""
    every = tuple(sorted({number for numbers in by_value.values() for number in numbers}))
    keys = path[1:]

    def find(person: Person) -> Numbers:
        value: Any = person.user
        for key in keys:
            if type(value) is dict and type(key) is str:
                value = value.get(key)
            elif value is None:
                return NO_NUMBERS
            elif type(value) is list and type(key) is int:
                value = value[key] if -len(value) <= key < len(value) else None
            else:
                return every
        try:
            return by_value.get(value, NO_NUMBERS)
        except TypeError:  # a list or a map, which equals no scalar
            return NO_NUMBERS

    return find
