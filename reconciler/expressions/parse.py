"""Syntax → nodes, through an allow-list of syntax. Parts that depend only on constants are computed here."""

import ast
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from reconciler.expressions.compile import compiled_node, step
from reconciler.expressions.functions import FUNCTIONS
from reconciler.expressions.lexer import Syntax, syntax_of
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
    Span,
    children,
    paths_of,
    spell,
)
from reconciler.expressions.values import ExpressionError, Mistyped, kind_of, known, within_limit
from reconciler.suggest import did_you_mean

DEEPEST: Final = 50
_BIGGEST_WHOLE: Final = 2**63 - 1
_BIGGEST: Final = 1.7e308
_NOTHING: Final = frozenset({"null", "unknown"})

_COMPARISONS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "in",
}
_WORDS: Final[Mapping[str, bool | None]] = {"null": None, "true": True, "false": False}


class _Source(Struct, frozen=True):
    """The text being parsed, and the names that are known in it."""

    syntax: Syntax
    roots: frozenset[str]
    constants: Mapping[str, object]


def parsed(text: str, roots: frozenset[str], constants: Mapping[str, object]) -> Node:
    """Return the node of ``text``. Raises ``ExpressionError`` where it is not part of the language."""
    syntax = syntax_of(text)
    try:
        return _node(_Source(syntax, roots, constants), syntax.tree, 0)
    except RecursionError:
        raise syntax.error(syntax.tree, "the expression is nested too deeply") from None


def _node(source: _Source, part: ast.expr, depth: int) -> Node:
    if depth > DEEPEST:
        raise source.syntax.error(part, "the expression is nested too deeply")
    span, below = source.syntax.span(part), depth + 1
    match part:
        case ast.Constant():
            return _constant(source, part)
        case ast.Name():
            return _root(source, part)
        case ast.Attribute() | ast.Subscript():
            return _path(source, part, below)
        case ast.Call():
            return _folded(_call(source, part, below))
        case ast.Compare():
            return _comparison(source, part, below)
        case ast.BoolOp(op=op, values=values):
            terms = tuple(_boolean(source, value, below) for value in values)
            return _folded(And(span=span, terms=terms) if isinstance(op, ast.And) else Or(span=span, terms=terms))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _folded(Not(span=span, term=_boolean(source, operand, below)))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return Literal(span=span, value=-_number(source, part, number))
        case ast.List(elts=elements):
            return _folded(ListOf(span=span, items=tuple(_node(source, element, below) for element in elements)))
        case ast.Dict():
            return _folded(_map(source, part, below))
    raise source.syntax.error(part, *_refusal(part))


def _refusal(part: ast.expr) -> tuple[str, str]:
    match part:
        case ast.BinOp() | ast.UnaryOp():
            return "arithmetic is not supported", 'write a key with a hyphen in brackets: user["first-name"]'
        case ast.Tuple():
            return "a comma outside brackets", "write a list as [a, b]"
        case ast.Set():
            return "sets are not supported", "write a list as [a, b]"
        case ast.Slice():
            return "slices are not supported", "write one number or key as the index"
    return f"{type(part).__name__} is not part of the language", ""


def _constant(source: _Source, part: ast.Constant) -> Node:
    span = source.syntax.span(part)
    match part.value:
        case str(text):
            try:
                text.encode()
            except UnicodeEncodeError:
                raise source.syntax.error(part, "the string is not valid Unicode") from None
            return Literal(span=span, value=text)
        case int() | float() as number:
            return Literal(span=span, value=_number(source, part, number))
    raise source.syntax.error(part, f"{type(part.value).__name__} is not part of the language")


def _number(source: _Source, part: ast.expr, number: float) -> float:
    if number > (_BIGGEST_WHOLE if isinstance(number, int) else _BIGGEST):
        raise source.syntax.error(part, "the number is too big")
    return number


def _root(source: _Source, name: ast.Name) -> Node:
    span = source.syntax.span(name)
    if name.id in _WORDS:
        return Literal(span=span, value=_WORDS[name.id])
    if name.id in source.constants:
        return Literal(span=span, value=source.constants[name.id], reads=frozenset({(name.id,)}), folded=True)
    if name.id in source.roots:
        return Read(span=span, path=(name.id,))
    if name.id in FUNCTIONS:
        raise source.syntax.error(name, f"`{name.id}` is a function", f"write `{name.id}(…)`")
    known = sorted({*source.roots, *source.constants})
    hint = (
        did_you_mean(name.id, (*known, *_WORDS), "`")
        or f"known names: {', '.join(f'`{each}`' for each in known) or 'none'}"
    )
    raise source.syntax.error(name, f"`{name.id}` is not a known name here", hint)


def _path(source: _Source, part: ast.expr, depth: int) -> Node:
    links: list[ast.Attribute | ast.Subscript] = []
    while isinstance(part, ast.Attribute | ast.Subscript):
        links.append(part)
        part = part.value
    node = _node(source, part, depth)
    for depth_here, link in enumerate(reversed(links), depth):
        key, span = _key(source, link, depth), source.syntax.span(link)
        if isinstance(key, Literal) and isinstance(key.value, bool | float | list | dict):
            raise source.syntax.error(link, f"a key must be a string or a whole number, not {kind_of(key.value)}")
        if isinstance(node, Read) and isinstance(key, Literal) and isinstance(key.value, str | int):
            node = Read(span=span, path=(*node.path, key.value))
        elif isinstance(node, Literal) and isinstance(key, Literal):
            node = _inside(node, key, span)
        elif depth_here > DEEPEST:
            raise source.syntax.error(link, "the expression is nested too deeply")
        else:
            node = Lookup(span=span, of=node, key=key)
    return node


def _key(source: _Source, link: ast.Attribute | ast.Subscript, depth: int) -> Node:
    if isinstance(link, ast.Subscript):
        return _node(source, link.slice, depth)
    end = source.syntax.span(link).end
    return Literal(span=Span(end - len(link.attr), end), value=link.attr)


def _inside(constant: Literal, key: Literal, span: Span) -> Node:
    """Return a part of a constant. A literal key that the map lacks is an error; a computed key may be missing."""
    path = next(iter(constant.reads), ()) if len(constant.reads) == 1 else ()
    if path and not key.folded and isinstance(constant.value, dict) and key.value not in constant.value:
        hint = did_you_mean(str(key.value), map(str, constant.value), "`")
        raise ExpressionError(f"`{spell(path)}` has no key `{key.value}`", key.span.start, hint)
    try:
        value = step(known(constant.value), known(key.value), spell(path) if path else "")
    except Mistyped as problem:
        raise ExpressionError(problem.message, key.span.start) from None
    if path and not key.folded and isinstance(key.value, str | int):
        return Literal(span=span, value=value, reads=frozenset({(*path, key.value)}), folded=True)
    return Literal(span=span, value=value, reads=constant.reads | key.reads, folded=True)


def _comparison(source: _Source, part: ast.Compare, depth: int) -> Node:
    if len(part.ops) > 1:
        raise source.syntax.error(part.comparators[1], "comparisons cannot be chained", "write `a < b and b < c`")
    symbol = _COMPARISONS[type(part.ops[0])]
    left, right = _node(source, part.left, depth), _node(source, part.comparators[0], depth)
    if symbol == "in" and isinstance(right, Literal) and kind_of(right.value) not in {"a list", "a map", *_NOTHING}:
        hint = "contains(text, piece) looks into a string" if isinstance(right.value, str) else ""
        message = f"`in` needs a list or a map on its right, not {kind_of(right.value)}"
        raise ExpressionError(message, right.span.start, hint)
    span = source.syntax.span(part)
    node = _folded(Compare(span=span, operator=symbol, left=left, right=right))
    return _folded(Not(span=span, term=node)) if isinstance(part.ops[0], ast.NotIn) else node


def _boolean(source: _Source, part: ast.expr, depth: int) -> Node:
    node = _node(source, part, depth)
    if isinstance(node, Literal) and kind_of(node.value) not in {"a boolean", *_NOTHING}:
        message = f"`and`, `or` and `not` take conditions, not {kind_of(node.value)}"
        raise ExpressionError(message, node.span.start, "write a comparison")
    return node


def _call(source: _Source, part: ast.Call, depth: int) -> Node:
    if not isinstance(part.func, ast.Name):
        method = part.func.attr if isinstance(part.func, ast.Attribute) else ""
        hint = f"write {method}(…)" if method in FUNCTIONS else did_you_mean(method, FUNCTIONS, "`")
        raise source.syntax.error(part, "values have no methods; only functions can be called", hint)
    function = FUNCTIONS.get(part.func.id)
    if function is None:
        hint = did_you_mean(part.func.id, FUNCTIONS, "`") or f"the functions are {', '.join(FUNCTIONS)}"
        raise source.syntax.error(part, f"there is no function `{part.func.id}`", hint)
    wanted = len(function.parameters)
    if len(part.args) != wanted:
        plural = "" if wanted == 1 else "s"
        raise source.syntax.error(part, f"{function.name}() takes {wanted} argument{plural}, not {len(part.args)}")
    arguments = tuple(_node(source, argument, depth) for argument in part.args)
    for position, argument in enumerate(arguments):
        if isinstance(argument, Literal) and (problem := function.unfit(position, argument.value)):
            raise ExpressionError(problem, argument.span.start)
    return Call(span=source.syntax.span(part), function=function, arguments=arguments)


def _map(source: _Source, part: ast.Dict, depth: int) -> Node:
    keys: list[str] = []
    for key in part.keys:
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise source.syntax.error(key or part, "the keys of a map must be strings in quotes")
        if key.value in keys:
            raise source.syntax.error(key, f"the key `{key.value}` is given twice")
        keys.append(key.value)
    items = tuple(_node(source, value, depth) for value in part.values)
    return MapOf(span=source.syntax.span(part), keys=tuple(keys), items=items)


def _folded(node: Node) -> Node:
    """Return ``node``, or its value as a literal if nothing in it depends on data."""
    if not all(isinstance(child, Literal) for child in children(node)):
        return node
    try:
        value = within_limit(compiled_node(node)({}))
    except Mistyped as problem:
        raise ExpressionError(problem.message, node.span.start) from None
    return Literal(span=node.span, value=value, reads=frozenset(paths_of(node)), folded=True)
