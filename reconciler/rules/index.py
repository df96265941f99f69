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


# How few users a filing leaves: those with one value, with a part of one, on one side of one, or those who pass a test
# that is made once for each value. Last, those who pass a test to which everybody is put: that is no index.
EQUAL, PART, SIDE, TESTED, ASKED = range(5)


class Filings(Struct, frozen=True):
    """What a rule is found by: any one of these finds it. ``rank`` is that of the one that leaves the most users."""

    rank: int
    filings: tuple[Filing, ...]


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


def index_of(filed: Iterable[tuple[int, Filings | None]]) -> Index:
    """Index rules by their numbers, each under all that it is found by; None: everybody may match it."""
    always: list[int] = []
    shelves: dict[Shelf, defaultdict[Any, list[int]]] = {}
    for number, filings in filed:
        if filings is None:
            always.append(number)
            continue
        for filing in filings.filings:
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
