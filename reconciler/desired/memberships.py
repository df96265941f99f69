"""A million memberships in little memory: packed by organization, unpacked one organization at a time."""

from collections.abc import Iterator

import msgspec

from reconciler.model import Membership

_CHUNK = 16  # memberships that are packed together; fewer wait unpacked


class PackedMemberships:
    """Memberships by organization; about 130 bytes each once packed."""

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
