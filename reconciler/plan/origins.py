"""Where each change comes from: git, the users, or somebody who changed Stytch.

A field is ``git`` where the files ask for something else than those that were applied last, with today's users. Where
they ask for the same, our mark tells: it remembers what we wrote. Live is otherwise: ``live``, somebody changed it.
Live is still as we wrote it: ``users``, the source moved. Where the files changed what somebody else changed too, it is
``conflict``. What carries no mark is ``live`` where the files ask for the same, unless the last apply left it undone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import UNSET, UnsetType, structs

from reconciler.config.read import Config
from reconciler.desired.members import Desired
from reconciler.desired.packed import PackedMemberships
from reconciler.diff.fields import NO_KEYS, NOTHING, by_key, same
from reconciler.diff.written import is_as_written
from reconciler.kinds import KINDS
from reconciler.load.applied import AppliedFiles, is_of_a_row, resettled
from reconciler.load.repository import Declared
from reconciler.model import (
    MEMBER,
    Change,
    Changes,
    Create,
    Delete,
    FieldChange,
    Json,
    Membership,
    Origin,
    Resource,
    completes,
)

_GRAVEST_FIRST: Final[Sequence[Origin | None]] = ("conflict", "live", None, "git", "users")
Value = Json | UnsetType


def with_origins(
    changes: Changes, now: Config, declared: Declared, desired: Desired, applied: AppliedFiles | None, *, redacted: bool
) -> Changes:
    """Return the changes with where each comes from; as they are, where nothing tells what was applied last.

    ``now`` is the configuration of today. Of ``redacted`` values no mark tells whether they are as we wrote them.
    """
    if applied is None:
        return changes
    found = _Origins(now, declared, desired, applied, redacted=redacted)
    return changes.altered(lambda change: structs.replace(change, origin=found.of(change)))


class _Origins:
    """What the files ask for, and what those that were applied last asked for, of each change."""

    def __init__(
        self, now: Config, declared: Declared, desired: Desired, applied: AppliedFiles, *, redacted: bool
    ) -> None:
        self._applied = applied
        self._redacted = redacted
        self._resettled = resettled(now, applied.config)
        self._declared = {one.address: one for one in declared.resources}
        self._asked = MembersAsked(desired.memberships)
        self._before = MembersAsked(desired.before) if desired.before is not None else self._asked

    def of(self, change: Change) -> Origin | None:
        """Return where a change comes from.

        Where git changed how this kind is managed, it is git, unless a mark proves that somebody changed a value.
        """
        origin = self._of_member(change) if change.kind == MEMBER else self._of_resource(change)
        if change.kind not in self._resettled or origin == "conflict" or self._is_changed(change):
            return origin
        return "git"

    def _is_changed(self, change: Change) -> bool:
        return any(self._is_as_written(change, field) is False for field in change.fields)

    def _is_as_written(self, change: Change, field: FieldChange) -> bool | None:
        return None if self._redacted else is_as_written(change.written, field.path, field.before)

    def _of_resource(self, change: Change) -> Origin | None:
        resource = self._declared.get(change.address)
        before = self._applied.before(resource) if resource else self._applied.by_address.get(change.address)
        is_open = self._applied.state.is_pending(change.address)
        if isinstance(change, Delete):
            if is_open or (resource is not None and (resource.omitted or not _is_absent(before))):
                return "git"
            if resource is not None:
                return "live"
            return "users" if before is None and self._applied.rows_moved else "git"
        if before is None or _is_absent(before) or resource is None:
            return "git"
        if isinstance(change, Create) or completes(change) or not change.fields:
            if is_of_a_row(resource) and self._applied.rows_moved:
                return "users"
            return "git" if is_open else "live"
        kind = KINDS[change.kind]
        key = (kind.key.name,)
        return _gravest(
            self._of_field(
                change,
                field,
                asks=(_at(resource.spec, field.path, kind.keyed), _at(before.spec, field.path, kind.keyed)),
                renamed=field.path == key and resource.name != before.name,
                hangs_on_users=is_of_a_row(resource),
            )
            for field in change.fields
            if not _are_same(field.before, field.after)  # else it is only sent along
        )

    def _of_member(self, change: Change) -> Origin | None:
        asked, before = self._asked.of(change), self._before.of(change)
        is_open = self._applied.state.is_pending(change.address)
        if isinstance(change, Delete):
            declared = self._declared.get(change.address)
            if change.causes and declared is not None:
                return "git" if is_open or not _is_absent(self._applied.before(declared)) else "live"
            return "git" if before else "users"
        if before is None or asked is None:
            return "git"
        if isinstance(change, Create):
            return "users" if before.user is not None and not change.restores else ("git" if is_open else "live")
        if not change.fields:
            return "users" if before.user is not None else "git"
        return _gravest(
            self._of_roles(change, asked, before)
            if field.path == ("roles",)
            else self._of_field(
                change,
                field,
                asks=(_at(asked.fields, field.path), _at(before.fields, field.path)),
                renamed=field.path == ("email_address",) and asked.addresses != before.addresses,
                hangs_on_users=before.declared < 0,
            )
            for field in change.fields
        )

    def _of_field(
        self, change: Change, field: FieldChange, *, asks: tuple[Value, Value], renamed: bool, hangs_on_users: bool
    ) -> Origin | None:
        """Return where a change of a field comes from; ``asks`` are what is asked for today, and was before.

        Where that ``hangs_on_users``, only a mark tells whether these moved, or live.
        """
        now, before = asks
        is_open = self._applied.state.is_pending(change.address)
        as_written = self._is_as_written(change, field)
        if renamed or not _are_same(now, before):
            if as_written is None:
                is_certain = before is not UNSET and not (is_open or hangs_on_users or renamed)
                is_hidden = field.path[0] in KINDS[change.kind].secret_fields
                return "conflict" if is_certain and not is_hidden and not _says(field.before, before) else "git"
            return "git" if as_written else "conflict"
        if as_written is None:
            return "git" if is_open else (None if hangs_on_users else "live")
        if as_written:
            return "users" if hangs_on_users and not is_open else "git"
        return "live"

    def _of_roles(self, change: Change, asked: Membership, before: Membership) -> Origin:
        """Return where a change of roles comes from: a new mark says that others were asked for."""
        if asked.roles != before.roles:
            return "git"
        if change.mark is None:
            return "live"
        return "users" if before.user is not None else "git"


def _gravest(found: Iterable[Origin | None]) -> Origin | None:
    return min(found, key=_GRAVEST_FIRST.index, default=None)


def _are_same(one: Value, other: Value) -> bool:
    if one is UNSET or other is UNSET:
        return one is other
    return same(one, other)


def _says(live: Value, asked: Value) -> bool:
    """Return whether a live value says all that was asked for, whatever it says besides that nobody declared."""
    if asked is UNSET or asked in NOTHING:
        return live is UNSET or live in NOTHING
    if isinstance(asked, dict):
        return isinstance(live, dict) and all(_says(live.get(key, UNSET), inner) for key, inner in asked.items())
    if isinstance(asked, list | tuple) and any(isinstance(item, dict) for item in asked):
        return isinstance(live, list | tuple) and all(any(_says(item, wanted) for item in live) for wanted in asked)
    return _are_same(live, asked)


def _is_absent(resource: Resource | None) -> bool:
    return resource is not None and resource.ensure == "absent"


def _at(fields: Mapping[str, Json], path: Sequence[str], keyed: Mapping[str, str] = NO_KEYS) -> Value:
    """Return the value at a path, of an item in a ``keyed`` list too; where it leads into another one, all of it."""
    value: Value = dict(fields)
    for number, key in enumerate(path):
        if number and path[0] in keyed and isinstance(value, list | tuple):
            value = dict(by_key(value, keyed[path[0]]))
        if not isinstance(value, dict):
            return value
        value = value.get(key, UNSET)
    return value


class MembersAsked:
    """Memberships, found by organization and user, or address; those of one organization are at hand at a time."""

    def __init__(self, packed: PackedMemberships) -> None:
        self._packed = packed
        self._slug: str | None = None
        self._by_user: dict[str, Membership] = {}
        self._by_address: dict[str, Membership] = {}

    def of(self, change: Change) -> Membership | None:
        """Return the membership that a change is about."""
        if change.namespace != self._slug:
            self._slug = change.namespace
            there = list(self._packed.of(str(self._slug)))
            self._by_user = {one.user: one for one in there if one.user is not None}
            self._by_address = {address: one for one in reversed(there) for address in one.addresses}
        for user in _users(change):
            if user in self._by_user:
                return self._by_user[user]
        return self._by_address.get(change.name)


def _users(change: Change) -> Iterator[str]:
    yield from (cause.user for cause in change.causes if cause.user is not None)
    if change.mark and change.mark.user is not None:
        yield change.mark.user
