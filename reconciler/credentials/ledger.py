"""Which of Stytch's ids belongs to the credential under which name: a file without secrets, meant to be committed."""

from pathlib import Path
from typing import Final

import msgspec

from reconciler.credentials.refusal import NotUnderstood
from reconciler.files import locked, own_folder, read_whole, write_whole

READABLE: Final = 0o644


class Ledger:
    """The ids that belong to names, in a file of JSON; ``shown`` is its name as people wrote it."""

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
            after = {one: before[one] for one in before if one != name} | ({name: id} if id else {})
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
