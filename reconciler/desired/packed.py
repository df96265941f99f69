"""A million users in little memory: memberships packed by organization, and sorted 64-bit hashes of ids (16 MB)."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

import msgspec
from msgspec import Struct

from reconciler.model import Json, Membership

_CHUNK = 16  # memberships that are packed together; fewer wait unpacked


class PackedMemberships:
    """Memberships by organization; about 130 bytes each once packed. They unpack one organization at a time."""

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[Membership]).decode
        self._packed: dict[str, list[bytes]] = {}
        self._waiting: dict[str, list[Membership]] = {}
        self._counts: dict[str, int] = {}

    def add(self, membership: Membership) -> None:
        """Keep one membership."""
        slug = membership.organization
        waiting = self._waiting.setdefault(slug, [])
        waiting.append(membership)
        self._counts[slug] = self._counts.get(slug, 0) + 1
        if len(waiting) == _CHUNK:
            self._packed.setdefault(slug, []).append(self._encode(waiting))
            waiting.clear()

    def count(self, organization: str) -> int:
        """Return the number of memberships in an organization."""
        return self._counts.get(organization, 0)

    def of(self, organization: str) -> Iterator[Membership]:
        """Yield the memberships of an organization, in the order in which they were added."""
        for chunk in self._packed.get(organization, ()):
            yield from self._decode(chunk)
        yield from self._waiting.get(organization, ())

    def __len__(self) -> int:
        return sum(self._counts.values())


class UserIds:
    """The users of a source, filled while it is read; ``in`` tells of an id once ``sort`` was called."""

    def __init__(self) -> None:
        self._ids = array("q")
        self._records = array("q")
        self._sorted = array("q")
        self._encode = msgspec.msgpack.Encoder().encode

    def add(self, user_id: str, record: Json) -> None:
        """Note one record of a user."""
        self._ids.append(hash(user_id))
        self._records.append(hash(self._encode(record)))

    def sort(self) -> None:
        """Sort the ids once all are there, so that they can be looked up."""
        self._sorted = array("q", sorted(self._ids))

    def __contains__(self, user_id: str) -> bool:
        wanted = hash(user_id)
        at = bisect_left(self._sorted, wanted)
        return at < len(self._sorted) and self._sorted[at] == wanted

    def __len__(self) -> int:
        """Return the number of users, each counted once."""
        return len(self._sorted) - sum(one == following for one, following in pairwise(self._sorted))

    def disputed(self) -> "Disputed":
        """Return the users of whom the source has records that differ; the same record twice is one user."""
        repeated = {one for one, following in pairwise(self._sorted) if one == following}
        if not repeated:
            return Disputed(frozenset())
        first: dict[int, int] = {}
        found = zip(self._ids, self._records, strict=True)
        return Disputed(
            frozenset(id_ for id_, record in found if id_ in repeated and first.setdefault(id_, record) != record)
        )


class Disputed(Struct, frozen=True):
    """Users, by the hashes of their ids."""

    hashes: frozenset[int]

    def __contains__(self, user_id: object) -> bool:
        return isinstance(user_id, str) and hash(user_id) in self.hashes

    def __len__(self) -> int:
        return len(self.hashes)
