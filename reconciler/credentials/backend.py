"""What the places where credentials are kept have in common: what they do, their errors, and the file of ids.

The texts of these errors may be shown, so they never contain a secret.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from reconciler.credentials.shared_file import Changes, Format, SharedFile
from reconciler.files import FOLDER, own_folder
from reconciler.model.secret import Sealed

# The names of the files of an environment, where reconciler.yaml gives none.
DEFAULT: Final = FOLDER + "/credentials-{}.env"
IDS: Final = "{}.credential-ids.json"
READABLE: Final = 0o644

Ids = Mapping[str, str]


class Refusal(Exception):
    """The store did not take a value."""


class NotUnderstood(Exception):
    """What a store wrote down is there and cannot be read, so that nobody may say that it holds nothing."""


def reason(error: Exception) -> str:
    """Return what went wrong: an ``OSError`` by the file and the system's words for it."""
    if isinstance(error, OSError):
        return ": ".join(str(part) for part in (error.filename, error.strerror or type(error).__name__) if part)
    return str(error)


class Backend(Protocol):
    """Where values go; raises ``Refusal``, ``NotUnderstood`` or ``OSError``, none of which tells a value."""

    def value(self, name: str) -> Sealed | None: ...  # noqa: D102 # as of CredentialStore
    def id_of(self, name: str) -> str | None: ...  # noqa: D102 # as above
    def put(self, name: str, value: Sealed, id: str) -> None: ...  # noqa: D102 # takes the value, or raises
    def remove(self, name: str) -> None: ...  # noqa: D102 # a name that is not there is removed already
    def check(self) -> None: ...  # noqa: D102 # as of CredentialStore
    def place(self, name: str) -> str: ...  # noqa: D102 # as of CredentialStore


class Ledger:
    """Which of Stytch's ids belongs to the credential under which name: a file without secrets, meant to be committed.

    ``shown`` is its name as people wrote it.
    """

    def __init__(self, root: Path, shown: str) -> None:
        self._shown = shown
        self._file = SharedFile(
            root / shown,
            Format(self._understood, _changed, _content, READABLE),
            lambda: own_folder(root) / "credential-ids.lock",
        )

    def id_of(self, name: str) -> str | None:
        """Return the id that belongs to a name."""
        return self._file.read().get(name) or None

    def record(self, name: str, id: str) -> None:
        """Write down which id belongs to a name; "" takes the name out."""
        self._file.change({name: id or None})

    def check(self) -> None:
        """Raise what would keep an id from being written down."""
        self._file.change({})

    def _understood(self, content: bytes | None) -> Ids:
        try:
            return msgspec.json.decode(content, type=dict[str, str]) if content is not None else {}
        except msgspec.MsgspecError:
            problem = f"{self._shown} is not a JSON object of names and ids: bring it back from git"
        raise NotUnderstood(problem)


def _changed(ids: Ids, changes: Changes) -> Ids:
    after = {**ids, **changes}
    there = {name: id for name, id in after.items() if id is not None}
    return ids if there == ids else dict(sorted(there.items()))


def _content(ids: Ids) -> bytes:
    return msgspec.json.format(msgspec.json.encode(ids), indent=2) + b"\n"
