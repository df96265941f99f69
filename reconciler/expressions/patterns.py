"""Regular expressions over whole strings, in time linear in the string (RE2)."""

import re
from functools import lru_cache
from typing import Any, Final

from reconciler.expressions.values import LIMIT, Mistyped

_BUDGET: Final = 1 << 19  # bytes RE2 may use for one pattern: it refuses patterns that are slow to compile or run
_LONGEST: Final = 4096  # characters of a pattern

# RE2 folds these two letters to `s` and `k` under (?i). Here only ASCII letters ignore case, so these two must not
# match. Each is replaced by a letter of the same category that nothing folds to.
_IGNORES_CASE: Final = re.compile(r"\(\?[A-Za-z]*i")
_FOLDS_TO_ASCII: Final = {0x017F: 0x0138, 0x212A: 0x2102}


def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _BUDGET
    return options


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """Return the pattern, compiled by RE2. Raises ``Mistyped`` with RE2's reason where RE2 refuses it."""
    import re2

    if len(pattern) > _LONGEST:
        raise Mistyped("the regular expression is longer than 4,096 characters")
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args else "not valid"
        raise Mistyped(f"RE2 refuses the regular expression: {reason}") from None
    except UnicodeEncodeError:
        raise Mistyped("the regular expression is not valid Unicode") from None


def whole_match(text: str, pattern: str) -> bool:
    """Return whether ``pattern`` matches the whole ``text``."""
    program = compiled(pattern)
    if not text.isascii() and pattern.isascii() and _IGNORES_CASE.search(pattern):
        text = text.translate(_FOLDS_TO_ASCII)
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        raise Mistyped("the text is not valid Unicode") from None
    if len(octets) > LIMIT:
        raise Mistyped("the text is longer than 64 KiB")
    return program.fullmatch(octets) is not None
