"""Escape texts from Stytch that look like an expression, so that a manifest yields the same text.

``${{`` always begins an expression in a manifest. But an expression may hold a text in quotes, and a rendered value is
never rendered again: ``${{ "a ${{ b" }}`` is the text ``a ${{ b``.
"""

import json
from typing import Final

from reconciler.model import Json

OPEN: Final = "${{"


def literal(value: Json) -> Json:
    """Return a value that renders as ``value``. A map with such a key becomes one expression: keys are not rendered."""
    if isinstance(value, dict):
        if any(OPEN in key for key in value):
            return _expression(value)
        return {key: literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [literal(inner) for inner in value]
    return _expression(value) if isinstance(value, str) and OPEN in value else value


def _expression(value: Json) -> str:
    return f"{OPEN} {json.dumps(value, ensure_ascii=False)} }}}}"
