"""Strict YAML 1.2: text → values, and the position of each value.

libyaml splits the text into events. This module gives them a meaning by the core schema of YAML 1.2, so ``no``, ``on``,
``12:30`` and ``2024-01-01`` are strings. It refuses everything that two readers could understand differently: duplicate
keys, keys that are not strings, tags, merge keys.
"""

import re
from array import array
from collections.abc import Iterator
from math import isinf
from typing import Any, Final

import yaml
from msgspec import Struct
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.documents.document import Positions, mark, place_of
from reconciler.model import Json, Position, Problem, problem

try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined] # its stub leaves out what it re-exports
except ImportError as error:  # the pure Python parser is eight times slower and accepts different texts
    raise ImportError("PyYAML was built without libyaml; install a PyYAML wheel for this platform") from error

DEPTH: Final = 64  # levels of nested collections; documents that people write have far fewer
ALIASED: Final = 10_000  # values that the aliases of one file expand to; a "billion laughs" attack needs more

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAY_BE_NUMBER: Final = frozenset("0123456789.-+")
_LONGEST_INTEGER: Final = 20  # characters of any number of 64 bits, with its sign
# Characters that YAML forbids, and line breaks of YAML 1.1 that 1.2 reads as text (libyaml still breaks lines there).
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


class Parsed(Struct, frozen=True):
    """One document of a file: its value, its position, and the positions of all values in it."""

    value: Json
    position: Position
    positions: Positions


def parse(text: str, file: str, problems: list[Problem]) -> Iterator[Parsed]:
    """Yield the documents of ``text`` that are not empty. Add each mistake, with its position, to ``problems``.

    A syntax error ends the file; the documents before it are yielded.
    """
    text = text.removeprefix("\ufeff")
    if found := _FORBIDDEN.search(text):
        message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
        at = place_of(file, text, found.start())
        problems.append(problem("yaml", message, 'write it as an escape in double quotes, e.g. "\\u0007"', at))
        return
    reader = _Reader(text, file, problems)
    try:
        yield from reader.documents()
    except yaml.YAMLError as error:
        problems.append(_explained(error, file))
    except _TooMuch as error:
        problems.append(problem("yaml-limit", str(error), error.hint, error.position))


class _TooMuch(Exception):
    def __init__(self, message: str, hint: str, position: Position) -> None:
        super().__init__(message)
        self.hint = hint
        self.position = position


class _Reader:
    """Turns one file's events into values."""

    def __init__(self, text: str, file: str, problems: list[Problem]) -> None:
        self._next = CParser(text).get_event
        self._file = file
        self._problems = problems
        self._marks: array[int] = array("Q")
        self._anchors: dict[str, tuple[Json, array[int]]] = {}
        self._aliased = 0

    def documents(self) -> Iterator[Parsed]:
        while type(event := self._next()) is not StreamEndEvent:
            if type(event) is DocumentStartEvent:
                self._marks, self._anchors = array("Q"), {}
                event = self._next()
                position = self._position(event)
                value = self._value(event, 0)
                if value is not None or (type(event) is ScalarEvent and event.value):  # an explicit null
                    yield Parsed(value, position, Positions(self._file, value, self._marks))
            elif type(event) is DocumentEndEvent:
                continue

    def _value(self, event: Any, depth: int) -> Json:
        if type(event) is AliasEvent:
            return self._alias(event)
        if event.tag is not None:
            self._wrong(
                event,
                f"the tag {_tag(event.tag)} is not allowed",
                "remove the tag: the type of a value follows from how it is written; quote it to make it a string",
            )
        start = len(self._marks)
        self._marks.append(mark(event))
        value: Json
        if type(event) is ScalarEvent:
            value = self._scalar(event) if event.implicit[0] and not event.style else event.value
        else:
            if depth == DEPTH:
                raise _TooMuch(f"nested more than {DEPTH} deep", "", self._position(event))
            value = self._mapping(depth) if type(event) is MappingStartEvent else self._sequence(depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._marks[start:]
        return value

    def _mapping(self, depth: int) -> dict[str, Json]:
        value: dict[str, Json] = {}
        first: dict[str, Any] = {}
        while type(event := self._next()) is not MappingEndEvent:
            start = len(self._marks)
            self._marks.append(mark(event))
            key = self._key(event, depth)
            if key is None or key in value:
                if key is not None:
                    self._duplicate(key, first[key], event)
                self._value(self._next(), depth + 1)
                del self._marks[start:]
                continue
            first[key] = event
            value[key] = self._value(self._next(), depth + 1)
        return value

    def _sequence(self, depth: int) -> list[Json]:
        value: list[Json] = []
        while type(event := self._next()) is not SequenceEndEvent:
            value.append(self._value(event, depth + 1))
        return value

    def _key(self, event: Any, depth: int) -> str | None:
        """Return a key's text, or None after adding a problem."""
        if type(event) is not ScalarEvent:
            start = len(self._marks)
            self._value(event, depth + 1)
            del self._marks[start:]
            self._wrong(event, "a key must be a string, not a list, a map or an alias", "")
            return None
        key: str = event.value
        if event.tag is not None:
            self._wrong(event, f"the tag {_tag(event.tag)} is not allowed", "write the key without it")
        elif event.implicit[0] and not event.style:
            if key == "<<":
                self._wrong(
                    event,
                    "merge keys are not part of YAML 1.2",
                    "write the keys out, or declare many organizations with an OrganizationSet",
                )
                return None
            if not isinstance(self._scalar(event), str):
                self._wrong(event, f"the key {key or 'null'} is not a string", f'quote it: "{key}"')
        return key

    def _scalar(self, event: Any) -> Json:
        """Return the value of a plain scalar by the core schema (YAML 1.2.2, §10.3.2)."""
        text: str = event.value
        if text in _NULL:
            return None
        if text in _BOOLEAN:
            return _BOOLEAN[text]
        if text[0] not in _MAY_BE_NUMBER:
            return text
        if _INTEGER.fullmatch(text):
            number = int(text, 0 if text[1:2] in ("o", "x") else 10) if len(text) <= _LONGEST_INTEGER else 1 << 64
            if not -(1 << 63) <= number < 1 << 64:
                self._wrong(event, "an integer of more than 64 bits", "quote it to make it a string")
            return number
        if _FLOAT.fullmatch(text):
            real = float(text)
            if isinf(real):
                self._wrong(event, f"{text} is too large for a number", "quote it to make it a string")
            return real
        if _NO_NUMBER.fullmatch(text):
            self._wrong(event, f"{text} is not a number that JSON can hold", "quote it to make it a string")
        return text

    def _alias(self, event: Any) -> Json:
        if event.anchor not in self._anchors:
            self._wrong(event, f"the alias *{event.anchor} has no complete anchor before it", "")
            self._marks.append(mark(event))
            return None
        value, marks = self._anchors[event.anchor]
        self._aliased += len(marks)
        if self._aliased > ALIASED:
            message = f"aliases expand to more than {ALIASED:,} values"
            raise _TooMuch(message, "declare many organizations with an OrganizationSet", self._position(event))
        self._marks.extend(marks)
        return value

    def _duplicate(self, key: str, first: Any, again: Any) -> None:
        at = self._position(again), self._position(first)
        message = f"the key {key} is given twice"
        self._problems.append(problem("duplicate-key", message, "remove one of the two", *at))

    def _wrong(self, event: Any, message: str, hint: str) -> None:
        self._problems.append(problem("yaml", message, hint, self._position(event)))

    def _position(self, event: Any) -> Position:
        return Position(self._file, event.start_mark.line + 1, event.start_mark.column + 1)


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


_HINTS: Final = (
    ("mapping values are not allowed", 'quote a text that contains ": "; otherwise check the indentation'),
    ("cannot start any token", "indent with spaces, not tabs; quote a text that begins with @, ` or %"),
    ("did not find expected key", "check the indentation, and check that quotes and brackets are closed"),
    ("did not find expected ',' or", "check that brackets are closed; quote ${{ }} inside { } and [ ]"),
    ("did not find expected '-'", "check the indentation: all items of a list begin in the same column"),
    ("could not find expected ':'", "write a colon and a space after the key"),
    ("unexpected end of stream", "close the quote"),
)


def _explained(error: yaml.YAMLError, file: str) -> Problem:
    """Return a problem with libyaml's message, its position, and a hint about the usual cause."""
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    place: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    at = Position(file, place.line + 1, place.column + 1) if place else Position(file, 1, 1)
    context = getattr(error, "context", None)
    message = f"not valid YAML: {f'{context}, ' if context else ''}{what}"
    hint = next((hint for text, hint in _HINTS if text in what), "")
    return problem("yaml", message, hint, at)
