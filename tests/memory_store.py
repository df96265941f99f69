"""A credential store in memory: what a case puts into it, what is kept meanwhile, and the names that it refuses."""

from collections.abc import Collection, Mapping
from pathlib import Path

from reconciler.credentials.store import CredentialStore
from reconciler.model.secret import Sealed

Value = str | Mapping[str, str]


class MemoryStore(CredentialStore):
    """``given`` holds values by name; one that says an ``id`` too is what an earlier run kept.

    One with an ``id`` alone was kept once, and its value is gone.
    """

    def __init__(self, given: Mapping[str, Value], refused: Collection[str] = ()) -> None:
        self._refused = refused
        self.texts = {
            name: each if isinstance(each, str) else each["value"]
            for name, each in given.items()
            if isinstance(each, str) or "value" in each
        }
        self.ids = {name: each["id"] for name, each in given.items() if not isinstance(each, str)}

    def value(self, name: str) -> Sealed | None:
        return Sealed(self.texts[name]) if name in self.texts else None

    def at_hand(self, name: str) -> Sealed | None:
        return self.value(name)

    def id_of(self, name: str) -> str | None:
        return self.ids.get(name)

    def lost(self, name: str) -> bool:
        return name in self.ids and name not in self.texts

    def place(self, name: str) -> str:  # noqa: ARG002 # one place for all names
        return "memory"

    @property
    def ledger(self) -> str:
        return "ids.json"

    def fleeting(self) -> str:
        return ""

    def check(self) -> None:
        """It is always there."""

    def waiting(self) -> Mapping[str, Path]:
        return {}

    def settle(self) -> tuple[str, ...]:
        return ()

    def keep(self, name: str, value: Sealed, id: str) -> Path | None:
        if name in self._refused:
            return Path("/nowhere/emergency")
        self.texts[name], self.ids[name] = value.reveal(), id
        return None

    def refusal(self, name: str) -> str:
        return "it said no" if name in self._refused else ""

    def take_back(self, name: str, value: Sealed) -> bool:
        if self.value(name) not in (None, value):
            return False
        self.forget(name)
        return True

    def forget(self, name: str) -> None:
        self.texts.pop(name, None)
        self.ids.pop(name, None)
