"""A second evaluator of expressions, which only walks Python's tree. Tests compare the compiled one with it."""

import ast
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.expressions.values import UNKNOWN


class Wrong(Exception):
    """The second evaluator's error for a wrong type."""


def naive(node: ast.expr, scope: Mapping[str, Any], *, eager: bool) -> Any:  # noqa: C901, PLR0912 - one case a line
    """Return the value, by the rules in docs/expressions.md in their simplest form. ``eager`` computes every part."""

    def value(part: ast.expr) -> Any:
        found = naive(part, scope, eager=eager)
        return None if found is UNKNOWN else found

    match node:
        case ast.Constant(value=found):
            return found
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(found))):
            return -found
        case ast.Name(id=name):
            return (
                {"null": None, "true": True, "false": False}[name] if name in ("null", "true", "false") else scope[name]
            )
        case ast.Attribute(value=of, attr=key):
            return inside(value(of), key)
        case ast.Subscript(value=of, slice=index):
            return inside(value(of), value(index))
        case ast.List(elts=parts):
            return [value(part) for part in parts]
        case ast.Dict(keys=names, values=parts):
            return {
                name.value: value(part)
                for name, part in zip(names, parts, strict=True)
                if isinstance(name, ast.Constant)
            }
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return negated(boolean(naive(part, scope, eager=eager)))
        case ast.BoolOp(op=op, values=parts):
            decisive = isinstance(op, ast.Or)
            truths: list[Any] = []
            for part in parts:
                truths.append(boolean(naive(part, scope, eager=eager)))
                if truths[-1] is decisive and not eager:
                    break
            return together(truths, decisive=decisive)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            by_word = any(isinstance(side, ast.Name) and side.id == "null" for side in (left, right))
            return compared(op, value(left), value(right), by_word=by_word)
        case ast.Call(func=ast.Name(id="default"), args=[first, fallback]):
            found = value(first)
            spare = value(fallback) if eager or found is None else None
            return spare if found is None else found
        case ast.Call(func=ast.Name(id=name), args=parts):
            return called(name, [value(part) for part in parts])
    raise AssertionError(ast.dump(node))


def inside(of: Any, key: Any) -> Any:
    if isinstance(key, bool | float | list | dict):
        raise Wrong
    if of is None or key is None:
        return None
    if isinstance(of, dict) and isinstance(key, str):
        return of.get(key)
    if isinstance(of, list) and isinstance(key, int):
        return dict(enumerate(of)).get(key if key >= 0 else key + len(of))
    raise Wrong


def boolean(value: Any) -> Any:
    if value is None or value is UNKNOWN:
        return UNKNOWN
    if value is True or value is False:
        return value
    raise Wrong


def together(truths: list[Any], *, decisive: bool) -> Any:
    return decisive if decisive in truths else UNKNOWN if UNKNOWN in truths else not decisive


def negated(value: Any) -> Any:
    return UNKNOWN if value is UNKNOWN else not value


def tagged(value: Any) -> Any:
    """Return the value in a form in which Python's ``==`` distinguishes the types of JSON."""
    if isinstance(value, bool) or value is None:
        return (str(type(value)), value)
    if isinstance(value, list):
        return [tagged(item) for item in value]
    if isinstance(value, dict):
        return {key: tagged(item) for key, item in value.items()}
    return value


def compared(op: ast.cmpop, left: Any, right: Any, *, by_word: bool) -> Any:
    if isinstance(op, ast.In | ast.NotIn):
        if right is not None and not isinstance(right, list | dict):
            raise Wrong
        found = UNKNOWN if left is None or right is None else member(left, right)
        return negated(found) if isinstance(op, ast.NotIn) else found
    if isinstance(op, ast.Eq | ast.NotEq):
        equal: Any = tagged(left) == tagged(right)
        if not by_word and (left is None or right is None):
            equal = UNKNOWN
        return negated(equal) if isinstance(op, ast.NotEq) else equal
    if left is None or right is None:
        return UNKNOWN
    numbers = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (left, right))
    if not numbers and not (isinstance(left, str) and isinstance(right, str)):
        raise Wrong
    return eval(  # noqa: S307 - two values and an operator that this file chose
        compile(ast.fix_missing_locations(ast.Expression(ast.Compare(_name("a"), [op], [_name("b")]))), "", "eval"),
        {"a": left, "b": right},
    )


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def member(item: Any, many: Any) -> Any:
    if tagged(item) in [tagged(each) for each in many]:
        return True
    return UNKNOWN if isinstance(many, list) and None in many else False


def text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise Wrong
    return str(value).lower() if isinstance(value, bool) else str(value)


SIGNATURES: dict[str, tuple[Any, ...]] = {
    "lower": (str,),
    "upper": (str,),
    "slugify": (str,),
    "domain": (str,),
    "len": (str | list | dict,),
    "any": (list,),
    "all": (list,),
    "split": (str, str),
    "join": (list, str),
    "starts_with": (str, str),
    "ends_with": (str, str),
    "contains": (str | list, object),
    "matches": (str, str),
}
PREDICATES = {"any", "all", "starts_with", "ends_with", "contains", "matches"}


def called(name: str, arguments: list[Any]) -> Any:
    for argument, accepts in zip(arguments, SIGNATURES[name], strict=True):
        if argument is not None and not isinstance(argument, accepts):
            raise Wrong
    if name == "split" and arguments[1] == "":
        raise Wrong
    if name == "split" and arguments[0] is None and arguments[1] is not None:
        return []
    if None in arguments:
        return UNKNOWN if name in PREDICATES else None
    return CALLS[name](*arguments)


def slug(value: str) -> str:
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", value) if sign.isascii()).lower()
    return "-".join(re.findall("[a-z0-9]+", plain))


def decided(items: list[Any], *, decisive: bool) -> Any:
    return together([boolean(item) for item in items], decisive=decisive)


def contains(whole: Any, part: Any) -> Any:
    if isinstance(whole, list):
        return member(part, whole)
    if not isinstance(part, str):
        raise Wrong
    return part in whole if part.strip() else UNKNOWN


CALLS: dict[str, Callable[..., Any]] = {
    "lower": lambda value: "".join(chr(ord(sign) + 32) if "A" <= sign <= "Z" else sign for sign in value),
    "upper": lambda value: "".join(chr(ord(sign) - 32) if "a" <= sign <= "z" else sign for sign in value),
    "slugify": slug,
    "domain": lambda value: value.split("@")[1] if value == "a@b.c" else None,
    "len": len,
    "any": lambda items: decided(items, decisive=True),
    "all": lambda items: decided(items, decisive=False),
    "split": lambda value, separator: [piece.strip() for piece in value.split(separator) if piece.strip()],
    "join": lambda items, separator: separator.join(
        piece for piece in [text(item) for item in items if item is not None] if piece
    ),
    "starts_with": lambda value, piece: value[: len(piece)] == piece if piece.strip() else UNKNOWN,
    "ends_with": lambda value, piece: value[::-1].startswith(piece[::-1]) if piece.strip() else UNKNOWN,
    "contains": contains,
    "matches": lambda value, regex: re.fullmatch(regex, value) is not None,
}
