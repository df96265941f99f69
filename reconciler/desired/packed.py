"""A million users in little memory: memberships packed by organization, and sorted 64-bit hashes of ids (16 MB)."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

import msgspec
from msgspec import Struct

from reconciler.model import Json, Membership

_CHUNK = 512  # memberships that unpack together
_ARRAY = b"\xdd"  # how MessagePack begins an array, before its length in four bytes

# What many memberships share: verified, rules, roles, unverified, untrusted, and whether the external id is the user's.
_Shape = tuple[tuple[bool, ...], tuple[int, ...], tuple[str, ...], bool, bool, bool]


class _Record(Struct, frozen=True, gc=False, array_like=True):
    """What one membership has of its own, beside a shape by its number; the rest may be missing at the end."""

    addresses: tuple[str, ...]
    user: str | None
    shape: int
    fields: dict[str, Json] = {}  # msgspec copies an empty default
    initial: dict[str, Json] = {}  # as above
    declared: int = -1


class _Pack:
    """The memberships of one organization: ``last`` takes the next, ``full`` holds those of earlier chunks."""

    __slots__ = ("count", "full", "last")

    def __init__(self) -> None:
        self.count = 0
        self.full: list[bytes] = []
        self.last = bytearray()

    def chunks(self) -> Iterator[bytes]:
        """Yield every chunk, as an array of records."""
        for records in self.full:
            yield _ARRAY + _CHUNK.to_bytes(4) + records
        yield _ARRAY + (self.count % _CHUNK).to_bytes(4) + self.last


class PackedMemberships:
    """Memberships by organization; about 85 bytes each where ids are UUIDs. They unpack one organization at a time."""

    def __init__(self) -> None:
        self._encode_into = msgspec.msgpack.Encoder().encode_into
        self._decode = msgspec.msgpack.Decoder(list[_Record]).decode
        self._packs: dict[str, _Pack] = {}
        self._shapes: dict[_Shape, int] = {}

    def add(self, one: Membership) -> None:
        """Keep one membership."""
        pack = self._packs.get(one.organization)
        if pack is None:
            pack = self._packs[one.organization] = _Pack()
        user, fields = one.user, one.fields
        # Only the last field is left out, because a plan shows fields in their order.
        by_user = user is not None and fields.get("external_id") == user and next(reversed(fields)) == "external_id"
        shape = (one.verified, one.rules, one.roles, one.unverified, one.untrusted, by_user)
        number = self._shapes.setdefault(shape, len(self._shapes))
        if len(fields) == by_user and not one.initial and one.declared < 0:
            record: tuple[object, ...] = (one.addresses, user, number)
        else:
            own = {name: value for name, value in fields.items() if not by_user or name != "external_id"}
            record = (one.addresses, user, number, own, one.initial, one.declared)
        self._encode_into(record, pack.last, -1)
        pack.count += 1
        if not pack.count % _CHUNK:
            pack.full.append(bytes(pack.last))
            pack.last = bytearray()

    @property
    def rule_sets(self) -> frozenset[tuple[int, ...]]:
        """Return which rules, by their numbers, gave the same memberships together."""
        return frozenset(rules for _, rules, *_ in self._shapes)

    def count(self, organization: str) -> int:
        """Return the number of memberships in an organization."""
        pack = self._packs.get(organization)
        return pack.count if pack else 0

    def of(self, organization: str) -> Iterator[Membership]:
        """Yield the memberships of an organization, in the order in which they were added."""
        pack = self._packs.get(organization)
        shapes = list(self._shapes)
        for chunk in pack.chunks() if pack else ():
            for one in self._decode(chunk):
                verified, rules, roles, unverified, untrusted, by_user = shapes[one.shape]
                yield Membership(
                    organization=organization,
                    addresses=one.addresses,
                    user=one.user,
                    verified=verified,
                    rules=rules,
                    roles=roles,
                    fields={**one.fields, "external_id": one.user} if by_user else one.fields,
                    initial=one.initial,
                    declared=one.declared,
                    unverified=unverified,
                    untrusted=untrusted,
                )

    def __len__(self) -> int:
        return sum(pack.count for pack in self._packs.values())


class UserIds:
    """The users of a source, filled while it is read; what it tells of them is worked out once all are there."""

    def __init__(self) -> None:
        self._ids = array("q")
        self._records = array("q")
        self._encode = msgspec.msgpack.Encoder().encode
        self._add_id, self._add_record = self._ids.append, self._records.append

    def add(self, user_id: str, record: Json) -> None:
        """Note one record of a user; raises ``OverflowError`` where a number in it has more than 64 bits."""
        encoded = hash(self._encode(record))
        self._add_id(hash(user_id))
        self._add_record(encoded)

    @cached_property
    def _sorted(self) -> "array[int]":
        """The ids in order, to look one up: where everybody is in place, nobody asks, and it is never made."""
        return array("q", sorted(self._ids))

    def __contains__(self, user_id: str) -> bool:
        wanted = hash(user_id)
        at = bisect_left(self._sorted, wanted)
        return at < len(self._sorted) and self._sorted[at] == wanted

    @cached_property
    def _count(self) -> int:
        return len(set(self._ids))

    def __len__(self) -> int:
        """Return the number of users, each counted once."""
        return self._count

    def disputed(self) -> "Disputed":
        """Return the users of whom the source has records that differ; the same record twice is one user."""
        if self._count == len(self._ids):
            return Disputed(frozenset())
        repeated = {one for one, following in pairwise(self._sorted) if one == following}
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
