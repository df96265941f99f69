"""A condition of a rule → what an index can find the rule by: what must hold of a user for the condition to be true.

It is necessary, never sufficient. A user for whom it does not hold cannot match, even where another part of the
condition has data of the wrong type; where its own data has the wrong type, the rule is found, and says so.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, Final

from reconciler.expressions.compile import compiled_node
from reconciler.expressions.nodes import And, Call, Compare, Literal, Node, Or, Read, ReadPath, Span, children
from reconciler.expressions.text import is_blank
from reconciler.expressions.values import NUMBERS, known
from reconciler.rules.finders import Operand, by_asking, by_beginning, by_end, by_item, by_order, by_test, by_value
from reconciler.rules.index import ASKED, EQUAL, PART, SIDE, TESTED, Filing, Filings, Shelf
from reconciler.rules.reader import PROOF

_MIRRORED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_SCALARS: Final = frozenset({str, int, float, bool})
_PIECES: Final[Mapping[str, Callable[..., Any]]] = {"starts_with": by_beginning, "ends_with": by_end}


_NOBODY: Final = Filings(EQUAL, ())


def of_condition(node: Node, *, any_address: bool) -> Filings | None:
    """Return what finds the users of whom a condition may be true; None for all of them."""
    match node:
        case Literal(value=value):
            return None if value is True else _NOBODY
        case And(terms=terms):
            found = [one for term in terms if (one := of_condition(term, any_address=any_address))]
            parted = min(found, key=_rank, default=None)
        case Or(terms=terms):
            each = [of_condition(term, any_address=any_address) for term in terms]
            if None in each:
                return None
            parted = _any_of([one for one in each if one])
        case _:
            parted = _compared(node, any_address=any_address)
    if parted and parted.rank < TESTED:
        return parted
    return min((one for one in (_tested(node, any_address=any_address), parted) if one), key=_rank, default=None)


def path_filing(path: ReadPath, values: Iterable[Any]) -> Filing:
    """Return the filing by which rules are found that need one of some values at a path of the user."""
    return Filing(Shelf(by_value, _at(path)), values)


def _rank(filings: Filings) -> int:
    return filings.rank


def _any_of(each: list[Filings]) -> Filings:
    return Filings(max(map(_rank, each), default=EQUAL), tuple(filing for one in each for filing in one.filings))


def _compared(node: Node, *, any_address: bool) -> Filings | None:
    """Return what finds the users of whom a comparison with a literal may be true."""

    def filed(rank: int, finder: Callable[..., Any], of: Node, value: object, symbol: str = "") -> Filings | None:
        operand = _operand(of, any_address=any_address)
        if operand is None:
            return None
        return Filings(rank, (Filing(Shelf(finder, (operand, symbol) if symbol else operand), (value,)),))

    match node:
        case (
            Compare(operator="==", left=Literal(value=value), right=of)
            | Compare(operator="==", left=of, right=Literal(value=value))
        ) if type(value) in _SCALARS:
            return filed(EQUAL, by_value, of, value)
        case Compare(operator="in", left=of, right=Literal(value=list() | dict() as values)):
            scalars = [value for value in values if value is not None]
            if scalars and all(type(value) in _SCALARS for value in scalars):
                each = [filed(EQUAL, by_value, of, value) for value in scalars]
                return None if None in each else _any_of([one for one in each if one])
        case Compare(operator="in", left=Literal(value=value), right=of) if type(value) in _SCALARS:
            return filed(PART, by_item, of, value)
        case Compare(operator=symbol, left=of, right=Literal(value=value)) if symbol in _MIRRORED and _orders(value):
            return filed(SIDE, by_order, of, value, symbol)
        case Compare(operator=symbol, left=Literal(value=value), right=of) if symbol in _MIRRORED and _orders(value):
            return filed(SIDE, by_order, of, value, _MIRRORED[symbol])
        case Call(function=function, arguments=(of, Literal(value=str(value)))) if (
            function.name in _PIECES and not is_blank(value)
        ):
            return filed(PART, _PIECES[function.name], of, value)
    return None


def _orders(value: object) -> bool:
    return type(value) is str or type(value) in NUMBERS


def _tested(node: Node, *, any_address: bool) -> Filings | None:
    """Return what finds the users who pass the condition as a test; None if it looks beyond the user."""
    paths = set(_paths(node))
    if any(path[0] != "user" for path in paths):
        return None
    run = compiled_node(node)
    if len(paths) == 1 and not any(map(_is_view, paths)):
        (path,) = paths
        return Filings(TESTED, (Filing(Shelf(by_test, _at(path)), (run,)),))
    view = any_address if any(map(_is_view, paths)) else None
    return Filings(ASKED, (Filing(Shelf(by_asking, view), (run,)),))


def _operand(node: Node, *, any_address: bool) -> Operand | None:
    """Return what a side of a comparison is of a user; None if it looks beyond the user."""
    paths = set(_paths(node))
    if not paths or any(path[0] != "user" for path in paths):
        return None
    is_view = any(map(_is_view, paths))
    if isinstance(node, Read) and not is_view:
        return _at(node.path)
    run = compiled_node(node)
    key = (run if (same := _key(node)) is None else same, is_view and any_address)
    if is_view:
        return Operand(key, lambda person: known(run(person.scope(any_address=any_address))))
    return Operand(key, lambda person: known(run({"user": person.user})))


def _at(path: ReadPath) -> Operand:
    run = compiled_node(Read(span=Span(0, 0), path=path))
    return Operand(path, lambda person: run({"user": person.user}))


def _key(node: Node) -> Hashable:
    """Return what is the same for nodes that compute the same; None where that is not told."""
    match node:
        case Read(path=path):
            return path
        case Literal(value=value):
            return "literal", repr(value)
        case Call(function=function, arguments=arguments):
            keys = tuple(map(_key, arguments))
            return None if None in keys else (function.name, keys)
    return None


def _paths(node: Node) -> Iterator[ReadPath]:
    """Yield every path that is read of the data, and not of constants."""
    if isinstance(node, Read):
        yield node.path
    for child in children(node):
        yield from _paths(child)


def _is_view(path: ReadPath) -> bool:
    """Return whether what stands at a path of the user depends on which addresses count."""
    return len(path) == 1 or path[1] in PROOF
