"""Credentials in a dotenv file, the id of NAME under NAME_ID: readable by its owner only, each change atomic.

The ids stand in the ledger as well, so that a checkout without the file knows what was made. Everything else in the
file, including comments, is not changed. Several writers wait for each other.
"""

import os
from pathlib import Path

from reconciler.credential_store.assignments import Unclosed, values_of, with_values
from reconciler.credential_store.ledger import Ledger
from reconciler.credential_store.refusal import NotUnderstood, Refusal
from reconciler.credential_store.sealed import Sealed
from reconciler.credential_store.settings import ID_SUFFIX
from reconciler.errors import Refused
from reconciler.private_files import FOLDER, locked, own_folder, read_whole, write_whole


class DotenvFile:
    """A dotenv file as a credential store; ``shown`` is its name as people wrote it."""

    def __init__(self, root: Path, shown: str, ledger: Ledger) -> None:
        self._root = root
        self._ledger = ledger
        self._shown = shown
        self._path = _path(root, shown)

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
        self._change({name: text, name + ID_SUFFIX: id or None})
        self._ledger.record(name, id)

    def remove(self, name: str) -> None:
        """Take a value and its id out."""
        if os.path.lexists(self._path):
            self._change({name: None, name + ID_SUFFIX: None})
        if self._ledger.id_of(name):
            self._ledger.record(name, "")

    def check(self) -> None:
        """Raise what would keep a value from being written."""
        self._change({})
        self._ledger.record("", "")  # changes nothing, by the same way as a change

    def place(self, _name: str) -> str:
        """Return where values are."""
        return self._shown

    def _value(self, name: str) -> str | None:
        values = self._understood(self._read())
        if name in values and values[name] is None:
            raise NotUnderstood(f"{self._shown}: only a shell can evaluate the value of {name}")
        return values.get(name)

    def _change(self, values: dict[str, str | None]) -> None:
        if self._path.is_relative_to(self._root / FOLDER):
            own_folder(self._root)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._path.with_name(f"{self._path.name}.lock")):
            before = self._read()
            self._understood(before)
            after = with_values(before, values)
            if after != before:
                write_whole(self._path, after.encode("utf-8", "surrogateescape"))

    def _read(self) -> str:
        return (read_whole(self._path) or b"").decode("utf-8", "surrogateescape")  # others' lines, byte for byte

    def _understood(self, text: str) -> dict[str, str | None]:
        try:
            return values_of(text)
        except Unclosed as unclosed:
            problem = str(unclosed)
        raise NotUnderstood(f"{self._shown}: {problem}")


def _path(root: Path, shown: str) -> Path:
    """Return the file of a store, as it was written: not where a symbolic link in the repository would have it."""
    path = Path(os.path.normpath(root / shown))
    outside = path.is_relative_to(root) and not path.parent.resolve().is_relative_to(root.resolve())
    if outside or path.is_symlink():
        raise Refused(f"the credential store {shown} is reached by a symbolic link", hint="name the file itself")
    if path.is_dir():
        raise Refused(f"the credential store {shown} is a folder", hint="name a file")
    return path
