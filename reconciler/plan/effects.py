"""A change → what it does to people: the memberships and the roles that it gives, and those that it takes."""

from typing import Any, Final, Self

from msgspec import UNSET, Struct

from reconciler.model import (
    MEMBER,
    ORGANIZATION,
    Change,
    Create,
    Delete,
    FieldChange,
    Update,
    added_roles,
    withdrawn_roles,
)


class Rights(Struct, frozen=True, gc=False):
    """What somebody gains, or loses: memberships (an organization that is deleted takes all of its own), and roles."""

    members: int = 0
    roles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.members or self.roles)


NOTHING: Final = Rights()


class Effect(Struct, frozen=True, gc=False):
    """What a change gives to a person, and what it takes: to the ``user``, where one is known, at an e-mail address."""

    gains: Rights = NOTHING
    loses: Rights = NOTHING
    user: str = ""
    address: str = ""
    deletes: bool = False  # an organization

    def __bool__(self) -> bool:
        return bool(self.gains or self.loses or self.deletes)

    @property
    def domain(self) -> str:
        """Return the domain of the address."""
        return self.address.rpartition("@")[2]

    @classmethod
    def of(cls, change: Change) -> Self:
        """Return the effect of a change, which has none on people if it is one of settings."""
        if change.kind == ORGANIZATION and isinstance(change, Delete):
            return cls(loses=Rights(change.members or 0), deletes=True)
        if change.kind != MEMBER:
            return cls()
        if isinstance(change, Create):
            gains, loses = Rights(1, added_roles(change)), NOTHING
        elif isinstance(change, Delete):
            gains, loses = NOTHING, Rights(1, _roles_before(change))
        else:
            gained, lost = added_roles(change), withdrawn_roles(change)
            gains, loses = Rights(0, gained) if gained else NOTHING, Rights(0, lost) if lost else NOTHING
        return cls(gains, loses, user_of(change), change.name)


def user_of(change: Change) -> str:
    """Return the user whom a change of a member is about, "" where none is known."""
    users = (cause.user for cause in change.causes if cause.user)
    return next(users, "") or (change.mark.user or "" if change.mark else "")


def undone(change: Change) -> Change:
    """Return what somebody did, who changed what is declared to what is live: the opposite of what would repair it."""
    fields = tuple(FieldChange(path=one.path, before=one.after, after=one.before) for one in change.fields)
    is_reset = isinstance(change, Delete) and any(one.after is not UNSET for one in change.fields)
    of: type[Change] = Update
    if isinstance(change, Create):
        of = Delete
    elif isinstance(change, Delete) and not is_reset:
        of = Create
    named: dict[str, Any] = {"kind": change.kind, "namespace": change.namespace, "name": change.name, "id": change.id}
    return of(**named, fields=fields, causes=change.causes)


def _roles_before(change: Delete) -> tuple[str, ...]:
    roles = change.get("roles")
    return tuple(sorted(roles.before or ())) if roles else ()
