"""The parsed expression: a tree of frozen nodes, each with its position in the text."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from reconciler.expressions.functions import Function

ReadPath = tuple[str | int, ...]  # a root's name, then keys and indexes: ("user", "emails", 0, "email")


class Span(NamedTuple):
    """A range of the text, in characters from its start."""

    start: int
    end: int


class Node(Struct, frozen=True, kw_only=True):
    """A part of an expression, with its position in the text."""

    span: Span


class Literal(Node, frozen=True, kw_only=True):
    """A value that does not depend on a user; ``reads`` are the constants that it was computed from.

    ``folded`` distinguishes a computed null from the word ``null``, which tests presence.
    """

    value: object
    reads: frozenset[ReadPath] = frozenset()
    folded: bool = False


class Read(Node, frozen=True, kw_only=True):
    """A path with fixed keys: ``user.emails[0].email``."""

    path: ReadPath


class Lookup(Node, frozen=True, kw_only=True):
    """A lookup with a computed key: ``vars.roles[row.role]``."""

    of: Node
    key: Node


class Compare(Node, frozen=True, kw_only=True):
    """One of ``== != < <= > >= in``."""

    operator: str
    left: Node
    right: Node


class And(Node, frozen=True, kw_only=True):
    """Two or more terms. All must hold."""

    terms: tuple[Node, ...]


class Or(Node, frozen=True, kw_only=True):
    """Two or more terms. At least one must hold."""

    terms: tuple[Node, ...]


class Not(Node, frozen=True, kw_only=True):
    """The negation of a term."""

    term: Node


class Call(Node, frozen=True, kw_only=True):
    """A call of a function with the right number of arguments."""

    function: Function
    arguments: tuple[Node, ...]


class ListOf(Node, frozen=True, kw_only=True):
    """``[a, b]``."""

    items: tuple[Node, ...]


class MapOf(Node, frozen=True, kw_only=True):
    """``{"key": value}``; the keys are plain strings."""

    keys: tuple[str, ...]
    items: tuple[Node, ...]


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct children of ``node``, in the order of the text."""
    match node:
        case And(terms=parts) | Or(terms=parts) | ListOf(items=parts) | MapOf(items=parts) | Call(arguments=parts):
            return parts
        case Compare(left=first, right=second) | Lookup(of=first, key=second):
            return (first, second)
        case Not(term=term):
            return (term,)
    return ()


def paths_of(node: Node) -> Iterator[ReadPath]:
    """Yield every path that ``node`` reads, in the order of the text; for a computed key, the part before it."""
    match node:
        case Read(path=path):
            yield path
        case Literal(reads=reads):
            yield from sorted(reads, key=spell)
        case _:
            for child in children(node):
                yield from paths_of(child)


def spell(path: ReadPath) -> str:
    """Return a path as text: ``row["Tenant Id"]``, ``user.emails[0].email``. A key that is an address is masked."""
    text = str(path[0])
    for key in path[1:]:
        if isinstance(key, int):
            text += f"[{key}]"
        elif "@" in key:
            text += '["…"]'
        else:
            text += f".{key}" if key.isascii() and key.isidentifier() else f'["{key}"]'
    return text
