"""Text → Python's syntax tree, with limits on size and depth, and with positions in characters."""

import ast
import warnings
from dataclasses import dataclass
from typing import Final

from reconciler.expressions.nodes import Span
from reconciler.expressions.scan import scan
from reconciler.expressions.values import LIMIT, ExpressionError

MOST_NODES: Final = 1000


@dataclass(frozen=True, slots=True)
class Syntax:
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
