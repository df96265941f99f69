"""Credentials in a dotenv file, the id of NAME under NAME_ID: readable by its owner only, each change atomic.

The ids stand in the ledger as well, so that a checkout without the file knows what was made. Everything else in the
file, including comments, is not changed. Several writers wait for each other.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from reconciler.credentials.backend import Ledger, NotUnderstood, Refusal
from reconciler.credentials.settings import ID_SUFFIX
from reconciler.credentials.shared_file import Changes, Format, SharedFile
from reconciler.errors import Refused
from reconciler.files import FOLDER, own_folder
from reconciler.model.secret import Sealed

BYTE_FOR_BYTE: Final = "surrogateescape"  # lines of others stay as they are, whatever they are
HARMLESS: Final = re.compile(r"[A-Za-z0-9_.,:/@%+=-]+")
IN_SINGLE_QUOTES: Final = re.compile(r"(?:[^'\\]|\\(?![\\']|\Z))*")  # some parsers read \\ and \' as one character
IN_DOUBLE_QUOTES: Final = re.compile(r'[^"$`\\]*')

BEGINS: Final = re.compile(r"[ \t]*(?P<export>export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=")
# What a shell makes one word of: text in quotes, escaped characters, plain ones, and what it puts something else for.
PIECE: Final = re.compile(
    r"""
    '(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | \\(?P<escaped>[^\n])
    | (?P<plain>[A-Za-z0-9_.,:/@%+=!^{}*?\]\[-] | [^\x00-\x7f\s] | (?<=[^\s=])\#) | (?P<replaced>[$`~])
    """,
    re.VERBOSE | re.DOTALL,
)
ENDS: Final = re.compile(r"[ \t]*(?:[ \t]\#[^\n]*)?(?:\r?\n|\Z)")
IN_DOUBLE: Final = re.compile(r'\\([\\"$`])|\\\n|(?P<replaced>[$`])')


class Unclosed(Exception):
    """A quote is opened but not closed, so the meaning of the lines after it is unknown."""


class Line(Struct, frozen=True):
    """A piece of the file as it stands, mostly one line: what it assigns to which name, if known."""

    text: str
    name: str = ""
    value: str | None = None
    exported: bool = False


def lines_of(text: str) -> Iterator[Line]:
    """Yield the lines of a file; their texts together are the file."""
    at = 0
    while at < len(text):
        line = _line_at(text, at)
        yield line
        at += len(line.text)


class Assignments(Struct, frozen=True):
    """A file, line by line; in which lines each name is assigned, what by the last of these, and what is exported."""

    texts: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]
    values: Mapping[str, str | None]  # None where only a shell could tell
    exported: frozenset[str]  # by the first line of a name

    def changed(self, changes: Changes) -> "Assignments":
        """Return the file with each name assigned its value in its first place, or at the end; None takes it out."""
        changes = {name: value for name, value in changes.items() if self._differs(name, value)}
        if not changes:
            return self
        texts, places, values = [*self.texts], {**self.places}, {**self.values}
        for name, value in changes.items():
            there = places.pop(name, ())
            for place in there:
                texts[place] = ""
            values.pop(name, None)
            if value is None:
                continue
            line = f"{'export ' if name in self.exported and there else ''}{name}={quoted(value)}\n"
            if there:
                texts[there[0]] = line
            else:
                last = next(filter(None, reversed(texts)), "\n")
                texts.append(line if last.endswith("\n") else f"\n{line}")
            places[name], values[name] = (there or (len(texts) - 1,))[:1], value
        return structs.replace(self, texts=tuple(texts), places=places, values=values)

    def _differs(self, name: str, value: str | None) -> bool:
        if value is None:
            return name in self.places
        return len(self.places.get(name, ())) != 1 or self.values[name] != value


def assignments_of(text: str) -> Assignments:
    """Return what a file assigns."""
    lines = tuple(lines_of(text))
    places: dict[str, tuple[int, ...]] = {}
    for place, line in enumerate(lines):
        if line.name:
            places[line.name] = (*places.get(line.name, ()), place)
    return Assignments(
        texts=tuple(line.text for line in lines),
        places=places,
        values={name: lines[found[-1]].value for name, found in places.items()},
        exported=frozenset(name for name, found in places.items() if lines[found[0]].exported),
    )


def quoted(value: str) -> str:
    """Return a value, of printable characters, as all readers of dotenv files understand it, where there is a way."""
    if HARMLESS.fullmatch(value):
        return value
    if IN_SINGLE_QUOTES.fullmatch(value):
        return f"'{value}'"
    if IN_DOUBLE_QUOTES.fullmatch(value):
        return f'"{value}"'
    return "'" + value.replace("'", "'\\''") + "'"


def _line_at(text: str, at: int) -> Line:
    begins = BEGINS.match(text, at)
    if begins is None:
        return Line(_rest_of_line(text, at))
    name, exported, end = begins["name"], bool(begins["export"]), begins.end()
    meanings: list[str | None] = []
    while piece := PIECE.match(text, end):
        meanings.append(_meaning(piece))
        end = piece.end()
    if ends := ENDS.match(text, end):
        known = [meaning for meaning in meanings if meaning is not None]
        value = "".join(known) if len(known) == len(meanings) else None
        return Line(text[at : ends.end()], name, value, exported)
    if text[end] in "'\"":
        raise Unclosed(f"line {text.count(chr(10), 0, end) + 1} opens a quote that is not closed")
    return Line(text[at:end] + _rest_of_line(text, end), name, None, exported)


def _rest_of_line(text: str, at: int) -> str:
    end = text.find("\n", at)
    return text[at:] if end < 0 else text[at : end + 1]


def _meaning(piece: re.Match[str]) -> str | None:
    """Return what a shell reads a piece as, None if that depends on more than the file."""
    if piece["double"] is None:
        return next((part for part in piece.group("single", "escaped", "plain") if part is not None), None)
    if any(found["replaced"] for found in IN_DOUBLE.finditer(piece["double"])):
        return None
    return IN_DOUBLE.sub(lambda found: found[1] or "", piece["double"])


class DotenvFile:
    """A dotenv file as a credential store; ``shown`` is its name as people wrote it."""

    def __init__(self, root: Path, shown: str, ledger: Ledger) -> None:
        self._root = root
        self._ledger = ledger
        self._shown = shown
        self._path = _path(root, shown)
        self._file = SharedFile(self._path, Format(self._understood, Assignments.changed, _content), self._made_lock)

    def value(self, name: str) -> Sealed | None:
        """Return the value under a name, None if there is none or an empty one."""
        value = self._value(name)
        return Sealed(value) if value else None

    def id_of(self, name: str) -> str | None:
        """Return the id that belongs to the value under a name."""
        return self._value(name + ID_SUFFIX) or self._ledger.id_of(name)

    def put(self, name: str, value: Sealed, id: str) -> None:
        """Write a value and its id; of what was there under that name nothing is left."""
        text = value.reveal()
        if not (text and text.isprintable() and id.isprintable()):
            raise Refusal("a dotenv file holds only printable characters, and at least one")
        self._file.change({name: text, name + ID_SUFFIX: id or None})
        self._ledger.record(name, id)

    def remove(self, name: str) -> None:
        """Take a value and its id out."""
        if os.path.lexists(self._path):
            self._file.change({name: None, name + ID_SUFFIX: None})
        if self._ledger.id_of(name):
            self._ledger.record(name, "")

    def check(self) -> None:
        """Raise what would keep a value from being written."""
        self._file.change({})
        self._ledger.check()

    def place(self, _name: str) -> str:
        """Return where values are."""
        return self._shown

    def _value(self, name: str) -> str | None:
        values = self._file.read().values
        if name in values and values[name] is None:
            raise NotUnderstood(f"{self._shown}: only a shell can evaluate the value of {name}")
        return values.get(name)

    def _made_lock(self) -> Path:
        if self._path.is_relative_to(self._root / FOLDER):
            own_folder(self._root)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._path.with_name(f"{self._path.name}.lock")

    def _understood(self, content: bytes | None) -> Assignments:
        try:
            return assignments_of((content or b"").decode("utf-8", BYTE_FOR_BYTE))
        except Unclosed as unclosed:
            problem = str(unclosed)
        raise NotUnderstood(f"{self._shown}: {problem}")


def _content(assignments: Assignments) -> bytes:
    return "".join(assignments.texts).encode("utf-8", BYTE_FOR_BYTE)


def _path(root: Path, shown: str) -> Path:
    """Return the file of a store, as it was written: not where a symbolic link in the repository would have it."""
    path = Path(os.path.normpath(root / shown))
    outside = path.is_relative_to(root) and not path.parent.resolve().is_relative_to(root.resolve())
    if outside or path.is_symlink():
        raise Refused(f"the credential store {shown} is reached by a symbolic link", hint="name the file itself")
    if path.is_dir():
        raise Refused(f"the credential store {shown} is a folder", hint="name a file")
    return path
