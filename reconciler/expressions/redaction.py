"""Texts without people: an address keeps its domain, and what stands before the @ becomes a salted hash.

The hash is of the address as addresses compare, so that two spellings of one stay one; the case of its letters tells
the spellings apart. What is hidden, or would look into a hash, is refused by an expression: ``Redacted``.
"""

import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, Final

from msgspec import Struct, structs

from reconciler.expressions.compile import Adapt, compiled_node
from reconciler.expressions.expression import Expression
from reconciler.expressions.functions import ANY, Function
from reconciler.expressions.nodes import (
    And,
    Call,
    Compare,
    ListOf,
    Literal,
    Lookup,
    MapOf,
    Node,
    Not,
    Or,
    Read,
    ReadPath,
    Span,
)
from reconciler.expressions.text import fold, is_at_a_machine, mailbox
from reconciler.expressions.values import Mistyped

HIDDEN: Final = "~redacted"  # what stands where the snapshot leaves a value out
LETTERS: Final = 20  # of a hash, four bits each
_BEGINS: Final = "~h"
_HASH: Final = re.compile(rf"(?i){_BEGINS}[a-p]{{{LETTERS}}}")
# An address within a text: what may stand before the @, but for a quote that opens a literal, and what follows it.
# The address of a member begins with what it lies in.
_WITHIN: Final = re.compile(
    r"""(Member/[^/\s@]+/)?([^\s@"'(),:;<>\[\\\]][^\s@"(),:;<>\[\\\]]*@[^\s@"'(),:;<>\[\\\]]+)"""
)
# What is left after that: a quoted name, one in brackets, an @ as URLs write it.
_LEFT: Final = re.compile(r"""("[^"@]*"|[^\s@"]+?)(@|%40)""")
_ENDS: Final = re.compile(rf"(?i)({_BEGINS}[a-p]{{{LETTERS}}}|{_BEGINS})$")
_LAST_FOUR: Final = "last_four"  # how the fields end that hold the last characters of a secret
# What looks into its first argument; the first two compare, or count, the items of a list whole. A hash has two cases
# where an address of digits has one, so that only ``lower`` is as it was.
_LOOKS_INSIDE: Final = frozenset(
    {"contains", "len", "split", "join", "starts_with", "ends_with", "matches", "slugify", "upper"}
)
_LISTS: Final = frozenset({("user", "emails"), ("user", "phone_numbers")})  # they are never texts
_ORDERS: Final = frozenset({"<", "<=", ">", ">="})


class Redacted(Mistyped):
    """What decides is not in the snapshot."""

    code = "redacted"


def is_hashed(text: str) -> bool:
    """Return whether a text has a hash in the place of a person's name."""
    return _HASH.search(text) is not None


def _whole_text(value: Any) -> Any:
    """Return a value that is no text, or one without a hash; raises ``Redacted`` for any other."""
    if isinstance(value, str) and is_hashed(value):
        raise Redacted("what stands before an @ is not in the snapshot")
    return value


def _whole_texts(value: Any) -> Any:
    """Return a text, or a list of texts, without a hash in it; raises as ``_whole_text`` does."""
    for text in value if isinstance(value, list) else [value]:
        _whole_text(text)
    return value


def _hidden(_value: Any) -> Any:
    raise Redacted("the snapshot leaves this out")


_WHOLE_TEXT: Final = Function("whole_text", _whole_text, (ANY,))
_WHOLE_TEXTS: Final = Function("whole_texts", _whole_texts, (ANY,))
_HIDDEN: Final = Function("hidden", _hidden, (ANY | {type(None)},))


class Redaction(Struct, frozen=True, kw_only=True):
    """How a snapshot hides people: its salt, and which paths of users and columns of tables it has.

    A table that ``columns`` does not name is read from its file, and has all of its columns.
    """

    salt: str
    users: frozenset[ReadPath] = frozenset()
    columns: Mapping[str, frozenset[str]] = {}  # msgspec copies an empty default

    def address(self, text: str) -> str:
        """Return an address with a hash before its @; one that is hashed already stays as it is."""
        return _hashed(self.salt, text)

    def text(self, text: str) -> str:
        """Return a text in which every address is hashed."""
        if "@" in text:
            text = _WITHIN.sub(lambda found: (found[1] or "") + _hashed(self.salt, found[2]), text)
        if "@" in text or "%40" in text:
            text = _LEFT.sub(self._left, text)
        return text

    def _left(self, found: re.Match[str]) -> str:
        """Hash what stands before an @ that no address is around."""
        before, sign = found.groups()
        return found[0] if _ENDS.search(before) else f"{_BEGINS}{_letters(self.salt, before)}{sign}"

    def json(self, value: Any, key: str = "") -> Any:
        """Return a value in which every address is hashed, and the last characters of a secret are too."""
        if type(value) is str:
            return self.ending(value) if key.endswith(_LAST_FOUR) else self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.json(inner, name) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(inner, key) for inner in value]
        return value

    def ending(self, last: str) -> str:
        """Return a hash of the last characters of a secret, as long as these are."""
        return _letters(self.salt, f"last four {last}")[: len(last)]

    def sees(self, path: ReadPath, table: str | None) -> bool:
        """Return whether all that stands at a path is there."""
        if path[0] == "row" and table is not None and table in self.columns:
            seen = self.columns[table]
            return len(path) > 1 and path[1] in seen
        if path[0] != "user":
            return True
        return any(path[: len(there)] == there for there in self.users)

    def adapting(self, table: str | None) -> Adapt:
        """Return what makes an expression of a rule, perhaps with a table, one over redacted data.

        A part of a longer text is adapted with ``inside``.
        """

        def adapt(node: Node, *, inside: bool = False) -> Node:
            return _checked(self._adapted(node, table), _WHOLE_TEXTS) if inside else self._adapted(node, table)

        return adapt

    def _adapted(self, node: Node, table: str | None) -> Node:
        adapted = partial(self._adapted, table=table)
        match node:
            case Literal(value=value):
                return structs.replace(node, value=self.json(value))
            case Read(path=path) if not self.sees(path, table):
                return Call(span=node.span, function=_HIDDEN, arguments=(node,))
            case Call(function=function, arguments=(first, *rest)):
                if function.name != "matches":  # whose second argument is a pattern
                    rest = list(map(adapted, rest))
                whole = adapted(first)
                if function.name in _LOOKS_INSIDE and not (isinstance(first, Read) and first.path in _LISTS):
                    whole = _checked(whole, _WHOLE_TEXT if function.name in ("contains", "len") else _WHOLE_TEXTS)
                return structs.replace(node, arguments=(whole, *rest))
            case Compare(operator=operator, left=left, right=right):
                left, right = adapted(left), adapted(right)
                if operator in _ORDERS:
                    left, right = _checked(left, _WHOLE_TEXT), _checked(right, _WHOLE_TEXT)
                return structs.replace(node, left=left, right=right)
            case And(terms=terms) | Or(terms=terms):
                return structs.replace(node, terms=tuple(map(adapted, terms)))
            case Not(term=term):
                return structs.replace(node, term=adapted(term))
            case Lookup(of=of, key=key):
                return structs.replace(node, of=adapted(of), key=adapted(key))
            case ListOf(items=items) | MapOf(items=items):
                return structs.replace(node, items=tuple(map(adapted, items)))
        return node


def hidden_value(text: str) -> Expression:
    """Return an expression that raises ``Redacted``, in the place of ``text``."""
    node = Call(span=Span(0, len(text)), function=_HIDDEN, arguments=(Literal(span=Span(0, len(text)), value=None),))
    return Expression(text, node, frozenset(), {}, compiled_node(node))


def _checked(node: Node, function: Function) -> Node:
    return Call(span=node.span, function=function, arguments=(node,))


class _Blind(Redaction, frozen=True):
    """Leaves of an address nothing but its domain: so it shows two snapshots, whose salts differ, alike."""

    def text(self, text: str) -> str:
        """Return a text with one and the same in the place of every hash."""
        return _HASH.sub(_BEGINS, text)

    def ending(self, last: str) -> str:
        """Return nothing of the last characters of a secret but how many there are."""
        return "*" * len(last)


BLIND: Final = _Blind(salt="")
NOBODY: Final = f"{_BEGINS}@"  # how an address begins of which nothing but the domain is left


def pruned(value: Any, paths: frozenset[ReadPath]) -> Any:
    """Return what of a map stands at some paths below it; of a list, all of it."""
    if not isinstance(value, dict):
        return value
    whole = {path[0] for path in paths if len(path) == 1}
    deeper: dict[Any, set[ReadPath]] = {}
    for path in paths:
        if len(path) > 1 and path[0] not in whole:
            deeper.setdefault(path[0], set()).add(path[1:])
    found = {name: inner for name, inner in value.items() if name in whole}
    return found | {name: pruned(value[name], frozenset(inner)) for name, inner in deeper.items() if name in value}


def fixed(path: ReadPath) -> ReadPath:
    """Return a path up to its first index: of a list all is kept."""
    at = next((number for number, key in enumerate(path) if isinstance(key, int)), len(path))
    return path[:at]


def _parted(address: str) -> tuple[str, str, str]:
    kind, slug, name = address.split("/", 2)
    return f"{kind}/{slug}", "/", name


@lru_cache(maxsize=1 << 17)
def _hashed(salt: str, text: str) -> str:
    local, at, domain = text.rpartition("@")
    canonical = mailbox(text)
    if not at or _HASH.fullmatch(local):
        return text if at else _BEGINS + _letters(salt, text)
    letters = _letters(salt, canonical or fold(text))
    if canonical is None and not is_at_a_machine(text):
        return f"{_BEGINS}{letters} @{domain}"  # which is no address either
    if local == fold(local):
        return f"{_BEGINS}{letters}@{domain}"
    bits = int.from_bytes(_digest(salt, local)[:4], "big") & ((1 << LETTERS) - 1) | 1  # at least one is a capital
    spelled = "".join(one.upper() if bits >> index & 1 else one for index, one in enumerate(letters))
    return f"{_BEGINS}{spelled}@{domain}"


def _letters(salt: str, text: str) -> str:
    return "".join(chr(ord("a") + (byte >> shift & 15)) for byte in _digest(salt, text) for shift in (4, 0))


def _digest(salt: str, text: str) -> bytes:
    from hashlib import blake2b

    key = salt.encode(errors="surrogatepass")[:64]
    return blake2b(text.encode(errors="surrogatepass"), key=key, digest_size=LETTERS // 2).digest()
