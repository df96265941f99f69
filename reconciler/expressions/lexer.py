"""Text → tokens: strings, numbers, words and marks. Characters outside the language are refused."""

import ast
import re
import warnings
from collections.abc import Iterator
from keyword import iskeyword
from typing import Final, NamedTuple

from msgspec import Struct

from reconciler.expressions.nodes import Span
from reconciler.expressions.values import LIMIT, ExpressionError

_TOKEN: Final = re.compile(
    r"""
      (?P<blank>[ \t\r\n]+)
    | (?P<string>[A-Za-z]*(?:"(?:[^"\\\n\r\0\ud800-\udfff]|\\[^\n\r\0\ud800-\udfff])*"
                            |'(?:[^'\\\n\r\0\ud800-\udfff]|\\[^\n\r\0\ud800-\udfff])*'))
    | (?P<number>\.?[0-9](?:[eE][+-]|[A-Za-z0-9_.])*)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>==|!=|<=|>=|[()\[\]{},:.<>-])
    """,
    re.VERBOSE,
)
_NUMBER: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LONGEST_NUMBER: Final = 400  # digits; the parser checks the value of shorter numbers
_OPERATORS: Final = frozenset({"and", "or", "not", "in"})
_YAML_NAMES: Final = {"None": "null", "True": "true", "False": "false"}

_NO_ARITHMETIC: Final = "arithmetic is not supported; join texts with join() or in a string with ${{ }}"
_HINTS: Final = {
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`, or `!=` to compare",
    "=": "write `==` to compare; arguments cannot be named",
    "+": _NO_ARITHMETIC,
    "*": _NO_ARITHMETIC,
    "/": _NO_ARITHMETIC,
    "%": _NO_ARITHMETIC,
    "^": "write `matches(text, regex)` for a regular expression",
    "~": "write `matches(text, regex)` for a regular expression",
    "?": "write `condition and value == …`, or default(value, fallback)",
    "#": "write comments in YAML, outside the expression",
    "$": "inside an expression, write paths without ${{ }}: `user.name`",
    "@": "write texts in quotes",
    "“": 'write straight quotes: "text"',
    "”": 'write straight quotes: "text"',
    "‘": 'write straight quotes: "text"',  # noqa: RUF001 - the quote that word processors insert
    "’": 'write straight quotes: "text"',
}


class Token(NamedTuple):
    """A piece of the text: ``kind`` is string, number, word or mark; ``start`` and ``end`` are character offsets."""

    kind: str
    text: str
    start: int
    end: int


def scan(text: str, start: int = 0) -> Iterator[Token]:
    """Yield the tokens of ``text`` from ``start`` on. Raises ``ExpressionError`` at the first invalid character."""
    before = Token("", "", start, start)
    while start < len(text):
        found = _TOKEN.match(text, start)
        if found is None:
            raise _no_token(text, start)
        if found.lastgroup != "blank":
            token = Token(str(found.lastgroup), found[0], start, found.end())
            _vet(token, before)
            yield token
            before = token
        start = found.end()


def _no_token(text: str, start: int) -> ExpressionError:
    sign = text[start]
    if sign in "\"'":
        return ExpressionError("this string does not end", start, "close it on the same line, with the same quote")
    if not sign.isprintable():
        return ExpressionError(f"the unprintable character U+{ord(sign):04X} outside a string", start, "remove it")
    hint = _HINTS.get(sign, "" if sign.isascii() else 'write letters beyond ASCII in a string: user["…"]')
    return ExpressionError(f"`{sign}` is not part of the language", start, hint)


def _vet(token: Token, before: Token) -> None:
    if token.kind == "number" and not _NUMBER.fullmatch(token.text):
        raise ExpressionError("a number must be written as in JSON", token.start)
    if token.kind == "number" and len(token.text) > _LONGEST_NUMBER:
        raise ExpressionError("the number is too big", token.start)
    if token.kind == "string":
        if before.kind == "string":
            raise ExpressionError("two strings side by side", token.start, "add the missing comma")
        if not token.text.startswith(('"', "'", 'r"', "r'")):
            raise ExpressionError('a string must begin with a quote, or with r" if \\ is a plain \\', token.start)
    if token.kind == "word" and iskeyword(token.text):
        _vet_keyword(token, before)


def _vet_keyword(token: Token, before: Token) -> None:
    word = token.text
    if before.text == ".":
        raise ExpressionError(f"`{word}` cannot follow a dot", token.start, f'write ["{word}"] without the dot')
    if word in _YAML_NAMES:
        message = f"`{word}` is not part of the language"
        raise ExpressionError(message, token.start, f"did you mean `{_YAML_NAMES[word]}`?")
    if word not in _OPERATORS:
        hint = "write `==`" if word == "is" else ""
        raise ExpressionError(f"`{word}` is not part of the language", token.start, hint)


MOST_NODES: Final = 1000


class Syntax(Struct, frozen=True):
    """A parsed text. The parser counts bytes of ``octets``, which begin after ``lead`` characters of the text."""

    tree: ast.expr
    octets: bytes
    lead: int

    def span(self, part: ast.expr) -> Span:
        """Return the position of ``part`` in the text."""
        return Span(self._offset(part.col_offset), self._offset(part.end_col_offset or 0))

    def error(self, part: ast.expr, message: str, suggestion: str = "") -> ExpressionError:
        """Return an error at the start of ``part``."""
        return ExpressionError(message, self.span(part).start, suggestion)

    def _offset(self, octet: int) -> int:
        return self.lead + len(self.octets[:octet].decode(errors="ignore"))


def syntax_of(text: str) -> Syntax:
    """Return the syntax tree of ``text``; line breaks count as blanks.

    Raises ``ExpressionError`` where Python cannot parse the text, or where it is too long.
    """
    if len(text) > LIMIT or len(text.encode(errors="surrogatepass")) > LIMIT:
        raise ExpressionError("the expression is longer than 64 KiB")
    for _token in scan(text):
        pass  # the scanner has the better messages for invalid characters
    bare = text.replace("\n", " ").replace("\r", " ").strip()
    if not bare:
        raise ExpressionError("the expression is empty")
    lead = len(text) - len(text.lstrip())
    tree = _parse(bare, lead)
    if sum(isinstance(part, ast.expr) for part in ast.walk(tree)) > MOST_NODES:
        raise ExpressionError(f"the expression has more than {MOST_NODES:,} parts", lead)
    return Syntax(tree, bare.encode(), lead)


def _parse(text: str, lead: int) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # "\d" is a warning now and an error in later Pythons
            return ast.parse(text, mode="eval").body
    except (RecursionError, MemoryError):
        raise ExpressionError("the expression is nested too deeply", lead) from None
    except (SyntaxError, ValueError) as error:
        reason = getattr(error, "msg", None) or "not valid"
        if "too many nested" in reason:
            raise ExpressionError("the expression is nested too deeply", lead) from None
        position = getattr(error, "offset", None) or len(text) + 1  # None or 0: the text ended too early
        offset = min(position - 1, len(text))
        hint = 'write r"…" where \\ is a plain \\, as in regular expressions' if "escape" in reason else ""
        raise ExpressionError(f"the expression does not parse: {reason}", lead + offset, hint) from None
