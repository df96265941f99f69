"""JSON that is nested too deeply for a decoder → its parts, without decoding the deep ones.

A record that a user can nest at will must not keep the records beside it from being read.
"""

import re
from collections.abc import Iterator
from typing import Final

LEVELS: Final = 64  # lists and maps inside one another: more than any record has, and as many as a manifest may

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]', re.DOTALL)
_OPENS: Final = frozenset((b"[", b"{"))
_CLOSES: Final = frozenset((b"]", b"}"))


def pruned(text: bytes, levels: int = LEVELS) -> bytes:
    """Return JSON with null in the place of every list and map that lies deeper than ``levels``."""
    kept: list[bytes] = []
    depth = copied = 0
    for token in _TOKEN.finditer(text):
        if token[0] in _OPENS:
            if depth == levels:
                kept.append(text[copied : token.start()])
            depth += 1
        elif token[0] in _CLOSES:
            depth -= 1
            if depth == levels:
                kept.append(b"null")
                copied = token.end()
    return b"".join((*kept, text[copied:]))


def items(text: bytes) -> Iterator[tuple[int, bytes]] | None:
    """Return the items of a JSON list, each with where it begins in ``text``; None where it does not end as one."""
    found = _spans(text)
    if found is None:
        return None
    return ((start, text[start:end]) for start, end in found if text[start:end].strip())


def without(text: bytes, key: str) -> tuple[bytes, bytes]:
    """Return a JSON map with ``[]`` in place of the list under ``key``, and that list (``[]`` if there is none)."""
    wanted = b'"%s"' % key.encode()
    depth, last, begun = 0, b"", -1
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in _OPENS:
            if depth == 1 and sign == b"[" and last == wanted:
                begun = token.start()
            depth += 1
        elif sign in _CLOSES:
            depth -= 1
            if depth == 1 and begun >= 0:
                return text[:begun] + b"[]" + text[token.end() :], text[begun : token.end()]
        elif sign != b":" and depth == 1:
            last = sign
    return text, b"[]"


def _spans(text: bytes) -> list[tuple[int, int]] | None:
    spans: list[tuple[int, int]] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in _OPENS:
            depth += 1
            start = token.end() if depth == 1 else start
        elif sign in _CLOSES:
            depth -= 1
        if (sign == b"," and depth == 1) or (depth == 0 and sign in _CLOSES):
            spans.append((start, token.start()))
            start = token.end()
    return spans if depth == 0 else None
