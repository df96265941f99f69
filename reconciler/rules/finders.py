"""How an index finds rules by what stands in a user: by one value, a part of it, its order, or tests made of it.

Each function takes rules by the values that they need, and what is compared, and returns what finds a user's rules:
every one of them where the data has another shape than the comparison needs.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final

from reconciler.expressions.compile import Run, Scope
from reconciler.expressions.values import NUMBERS, UNKNOWN, Mistyped
from reconciler.rules.index import NO_NUMBERS, Find, Numbers
from reconciler.rules.person import Person

ODD: Final = (Mistyped, RecursionError)
_REMEMBERED: Final = 1 << 14  # values of one path whose rules are remembered
_LONGEST: Final = 256  # characters of such a value


class Operand:
    """What conditions compare: ``read`` gives it for a user, or raises one of ``ODD``. Equal keys are the same one."""

    __slots__ = ("key", "read")

    def __init__(self, key: Hashable, read: Callable[[Person], Any]) -> None:
        self.key = key
        self.read = read

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operand) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _all_of(by: Mapping[Any, Numbers]) -> Numbers:
    return tuple(sorted({number for numbers in by.values() for number in numbers}))


def by_value(by: Mapping[Any, Numbers], operand: Operand) -> Find:
    """Find rules by the value itself."""
    every, read = _all_of(by), operand.read

    def find(person: Person) -> Numbers:
        try:
            return by.get(read(person), NO_NUMBERS)
        except ODD:
            return every
        except TypeError:  # a list or a map, which equals no scalar
            return NO_NUMBERS

    return find


def by_beginning(by: Mapping[str, Numbers], operand: Operand) -> Find:
    """Find rules by how a text begins."""
    lengths = sorted({len(text) for text in by})
    return _of_texts(by, operand, lambda text: [text[:length] for length in lengths if length <= len(text)])


def by_end(by: Mapping[str, Numbers], operand: Operand) -> Find:
    """Find rules by how a text ends."""
    lengths = sorted({len(text) for text in by})
    return _of_texts(by, operand, lambda text: [text[-length:] for length in lengths if length <= len(text)])


def _of_texts(by: Mapping[str, Numbers], operand: Operand, pieces: Callable[[str], Iterable[str]]) -> Find:
    every, read = _all_of(by), operand.read

    def find(person: Person) -> Numbers | list[int]:
        try:
            text = read(person)
        except ODD:
            return every
        if type(text) is str:
            return [number for piece in pieces(text) for number in by.get(piece, NO_NUMBERS)]
        return NO_NUMBERS if text is None else every

    return find


def by_item(by: Mapping[Any, Numbers], operand: Operand) -> Find:
    """Find rules by an item of a list, or a key of a map."""
    every, read = _all_of(by), operand.read

    def find(person: Person) -> Numbers | list[int]:
        try:
            many = read(person)
        except ODD:
            return every
        if type(many) is list or type(many) is dict:
            items = [one for one in many if type(one) is not dict and type(one) is not list]
            return [number for one in items for number in by.get(one, NO_NUMBERS)]
        return NO_NUMBERS if many is None else every

    return find


def by_order(by: Mapping[Any, Numbers], of: tuple[Operand, str]) -> Find:
    """Find rules by a number or a text on one side of the value; the other of the two is a mistake of the data."""
    (operand, symbol), every = of, _all_of(by)
    numbers = sorted((value, n) for value, found in by.items() if type(value) in NUMBERS for n in found)
    texts = sorted((value, n) for value, found in by.items() if type(value) is str for n in found)
    of_numbers, of_texts = [n for _value, n in numbers], [n for _value, n in texts]
    values: dict[bool, list[Any]] = {True: [value for value, _n in texts], False: [value for value, _n in numbers]}
    cut = bisect_left if symbol in {">", "<="} else bisect_right
    below, read = symbol in {">", ">="}, operand.read

    def find(person: Person) -> Numbers | list[int]:
        try:
            value = read(person)
        except ODD:
            return every
        if value is None:
            return NO_NUMBERS
        is_text = type(value) is str
        if not is_text and type(value) not in NUMBERS:
            return every
        found, others = (of_texts, of_numbers) if is_text else (of_numbers, of_texts)
        at = cut(values[is_text], value)
        return (found[:at] if below else found[at:]) + others

    return find


def by_test(by: Mapping[Run, Numbers], operand: Operand) -> Find:
    """Find rules by tests of nothing but the value: each is made once for each value."""
    tests, read = tuple(by.items()), operand.read
    remembered: dict[Hashable, Numbers] = {}

    def find(person: Person) -> Numbers:
        try:
            value = read(person)
        except ODD:
            return _passed(tests, {"user": person.user})
        if type(value) is str:
            key: Hashable = value if len(value) <= _LONGEST else None
        else:  # 1 is no 1.0 and no true here
            key = None if type(value) is list or type(value) is dict else (type(value), value)
        if key is None:
            return _passed(tests, {"user": person.user})
        found = remembered.get(key)
        if found is None:
            if len(remembered) == _REMEMBERED:
                remembered.clear()
            found = remembered[key] = _passed(tests, {"user": person.user})
        return found

    return find


def by_asking(by: Mapping[Run, Numbers], any_address: bool | None) -> Find:  # noqa: FBT001 # as every function here
    """Find rules by tests that everybody is put to, in a scope with any address, with verified ones, or (None) both."""
    tests = tuple(by.items())
    if any_address is None:
        return lambda person: _passed(tests, {"user": person.user})
    return lambda person: _passed(tests, person.scope(any_address=any_address))


def _passed(tests: Iterable[tuple[Run, Numbers]], scope: Scope) -> Numbers:
    """Return the rules whose test is true, or says that the data has the wrong type."""
    found: list[int] = []
    for run, numbers in tests:
        try:
            value = run(scope)
        except ODD:
            found += numbers
        else:
            if value is not False and value is not UNKNOWN and value is not None:
                found += numbers
    return tuple(found)
