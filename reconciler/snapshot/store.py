"""A credential store of which only what the snapshot says is known: no value, and nothing is kept."""

from collections.abc import Mapping
from pathlib import Path

from reconciler.credentials.store import CredentialStore
from reconciler.model.secret import Sealed
from reconciler.snapshot.lines import Credential


class Recorder(CredentialStore):
    """A credential store that notes what is known of each name that somebody asks for."""

    def __init__(self, store: CredentialStore) -> None:
        self._store = store
        self.asked: dict[str, Credential] = {}

    def id_of(self, name: str) -> str | None:
        """Return Stytch's id of the resource whose credential has this name."""
        return self._note(name).id

    def value(self, name: str) -> Sealed | None:
        """Return something that ends as the value does, None if nobody knows it."""
        return _ending(self._note(name).last_four)

    def at_hand(self, name: str) -> Sealed | None:
        """Return the same as far as no command has to be asked for it."""
        return _ending(self._note(name).at_hand)

    def lost(self, name: str) -> bool:
        """Return whether a credential was given once and is nowhere now."""
        return self._note(name).lost

    def _note(self, name: str) -> Credential:
        if name not in self.asked:
            found, near = self._store.value(name), self._store.at_hand(name)
            self.asked[name] = Credential(
                id=self._store.id_of(name),
                last_four=found.last_four if found else None,
                at_hand=near.last_four if near else None,
                lost=self._store.lost(name),
            )
        return self.asked[name]


class SnapshotStore(CredentialStore):
    """What a snapshot says of a credential store."""

    def __init__(self, known: Mapping[str, Credential]) -> None:
        self._known = known

    def id_of(self, name: str) -> str | None:
        """Return Stytch's id of the resource whose credential has this name."""
        return self._of(name).id

    def value(self, name: str) -> Sealed | None:
        """Return something that ends as the hash of the value does, None if nobody knew it."""
        return _ending(self._of(name).last_four)

    def at_hand(self, name: str) -> Sealed | None:
        """Return the same as far as no command had to be asked for it."""
        return _ending(self._of(name).at_hand)

    def lost(self, name: str) -> bool:
        """Return whether a credential had been given once and was nowhere."""
        return self._of(name).lost

    def fleeting(self) -> str:
        """Say nothing: nothing is written from a snapshot."""
        return ""

    def waiting(self) -> Mapping[str, Path]:
        """Return nothing, for the same reason."""
        return {}

    def _of(self, name: str) -> Credential:
        return self._known.get(name, Credential())


def _ending(last: str | None) -> Sealed | None:
    return None if last is None else Sealed(last)
