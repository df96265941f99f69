"""What an expression's text means: a tree of frozen nodes, each knowing where in the text it stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.expressions.functions import Function

Path = tuple[str | int, ...]  # a root's name, then keys and indexes: ("user", "emails", 0, "email")


class Span(NamedTuple):
    """A stretch of the text, in characters from its start."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of an expression, and where in the text it stands."""

    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Node):
    """A value known before any user is; ``reads`` are the constants it was computed from.

    ``folded`` tells a null that came out of a computation from the word ``null``, which tests presence.
    """

    value: object
    reads: frozenset[Path] = frozenset()
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Node):
    """A path whose keys are all known: ``user.emails[0].email``."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Node):
    """An index that is itself computed: ``vars.roles[row.role]``."""

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
    """Two terms or more, of which all must hold."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or(Node):
    """Two terms or more, of which one must hold."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """The opposite of a term."""

    term: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """A function with as many arguments as it takes."""

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
    """The nodes that ``node`` is made of, in the order of the text."""
    match node:
        case And(terms=parts) | Or(terms=parts) | ListOf(items=parts) | MapOf(items=parts) | Call(arguments=parts):
            return parts
        case Compare(left=first, right=second) | Lookup(of=first, key=second):
            return (first, second)
        case Not(term=term):
            return (term,)
    return ()


def paths_of(node: Node) -> Iterator[Path]:
    """Every path that ``node`` reads, in the order of the text; of a computed index the part known beforehand."""
    match node:
        case Read(path=path):
            yield path
        case Literal(reads=reads):
            yield from sorted(reads, key=spell)
        case _:
            for child in children(node):
                yield from paths_of(child)


def spell(path: Path) -> str:
    """A path as one writes it: ``row["Tenant Id"]``, ``user.emails[0].email``; a key that is an address is left out."""
    text = str(path[0])
    for key in path[1:]:
        if isinstance(key, int):
            text += f"[{key}]"
        elif "@" in key:
            text += '["…"]'
        else:
            text += f".{key}" if key.isascii() and key.isidentifier() else f'["{key}"]'
    return text
