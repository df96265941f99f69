"""Text of Stytch's own that looks like an expression of ours is written so that it is read as the text that it is.

``${{`` begins an expression in a manifest, wherever it stands. An expression may hold a text in quotes, though, and a
rendered value is never rendered again: ``${{ "a ${{ b" }}`` is the text ``a ${{ b``.
"""

import json
from typing import Final

from reconciler.model import Json

OPEN: Final = "${{"


def literal(value: Json) -> Json:
    """Give a value that renders as ``value``; keys are never rendered, so a map with an odd one is written whole."""
    if isinstance(value, dict):
        if any(OPEN in key for key in value):
            return _expression(value)
        return {key: literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [literal(inner) for inner in value]
    return _expression(value) if isinstance(value, str) and OPEN in value else value


def _expression(value: Json) -> str:
    return f"{OPEN} {json.dumps(value, ensure_ascii=False)} }}}}"
