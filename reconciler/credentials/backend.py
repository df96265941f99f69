"""What the places where credentials are kept have in common: what they do, their errors, and the file of ids.

The texts of these errors may be shown, so they never contain a secret.
"""

from pathlib import Path
from typing import Final, Protocol

import msgspec

from reconciler.files import FOLDER, locked, own_folder, read_whole, write_whole
from reconciler.model.secret import Sealed

# The names of the files of an environment, where reconciler.yaml gives none.
DEFAULT: Final = FOLDER + "/credentials-{}.env"
IDS: Final = "{}.credential-ids.json"
READABLE: Final = 0o644


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
        self._root = root
        self._shown = shown
        self._path = root / shown

    def id_of(self, name: str) -> str | None:
        """Return the id that belongs to a name."""
        return self._ids().get(name) or None

    def record(self, name: str, id: str) -> None:
        """Write down which id belongs to a name; "" takes the name out."""
        with locked(own_folder(self._root) / "credential-ids.lock"):
            before = self._ids()
            after = {each: before[each] for each in before if each != name} | ({name: id} if id else {})
            if after != before:
                text = msgspec.json.format(msgspec.json.encode(dict(sorted(after.items()))), indent=2)
                write_whole(self._path, text + b"\n", READABLE)

    def _ids(self) -> dict[str, str]:
        text = read_whole(self._path, private=False)
        try:
            return msgspec.json.decode(text, type=dict[str, str]) if text is not None else {}
        except msgspec.MsgspecError:
            problem = f"{self._shown} is not a JSON object of names and ids: bring it back from git"
        raise NotUnderstood(problem)
