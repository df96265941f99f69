"""The parsed expression: a tree of frozen nodes, each with its position in the text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.expressions.functions import Function

Path = tuple[str | int, ...]  # a root's name, then keys and indexes: ("user", "emails", 0, "email")


class Span(NamedTuple):
    """A range of the text, in characters from its start."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of an expression, with its position in the text."""

    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Node):
    """A value that does not depend on a user; ``reads`` are the constants that it was computed from.

    ``folded`` distinguishes a computed null from the word ``null``, which tests presence.
    """

    value: object
    reads: frozenset[Path] = frozenset()
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Node):
    """A path with fixed keys: ``user.emails[0].email``."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Node):
    """A lookup with a computed key: ``vars.roles[row.role]``."""

    of: Node
    key: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(Node):
    """One of ``== != < <= > >= in``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class And(Node):
    """Two or more terms. All must hold."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or(Node):
    """Two or more terms. At least one must hold."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """The negation of a term."""

    term: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """A call of a function with the right number of arguments."""

    function: Function
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf(Node):
    """``[a, b]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf(Node):
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


def paths_of(node: Node) -> Iterator[Path]:
    """Yield every path that ``node`` reads, in the order of the text; for a computed key, the part before it."""
    match node:
        case Read(path=path):
            yield path
        case Literal(reads=reads):
            yield from sorted(reads, key=spell)
        case _:
            for child in children(node):
                yield from paths_of(child)


def spell(path: Path) -> str:
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
