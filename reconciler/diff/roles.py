"""The roles that a live member keeps, gets and loses (docs/stytch.md 2.20).

Stytch replaces the whole list of direct assignments on every write, and the mark remembers which of them
we gave: those alone are ours to take back.
"""

from collections.abc import Collection, Iterable

from msgspec import Struct

from reconciler.model import (
    IMPLICIT_ROLE,
    Role,
)

DIRECT = "direct_assignment"


class Roles(Struct, frozen=True):
    """The direct roles to write, the roles the mark then remembers as given by us, and what that adds and withdraws."""

    final: tuple[str, ...]
    given: tuple[str, ...]
    added: tuple[str, ...]
    withdrawn: tuple[str, ...]


def direct_roles(roles: Iterable[Role]) -> tuple[str, ...]:
    """Return the directly assigned roles, sorted; implicit ones (by domain, SSO, SCIM) are nobody's to give or take."""
    return tuple(
        sorted(
            role.role_id
            for role in roles
            if role.role_id != IMPLICIT_ROLE and any(source.type == DIRECT for source in role.sources)
        )
    )


def ours(desired: Collection[str], live: Collection[str], given: Collection[str]) -> Roles:
    """Add what is desired, withdraw what we gave and is no longer desired, leave every other role alone."""
    wanted, there, remembered = set(desired), set(live), set(given)
    return _roles((there - (remembered - wanted)) | wanted, there, (remembered & wanted) | (wanted - there))


def exact(desired: Collection[str], live: Collection[str]) -> Roles:
    """Make the direct assignments exactly what is desired."""
    return _roles(set(desired), set(live), set(desired))


def only_added(desired: Collection[str], live: Collection[str]) -> Roles:
    """Add what is desired and withdraw nothing: a member that is not ours."""
    return _roles(set(live) | set(desired), set(live), set())


def untouched(live: Collection[str], given: Collection[str]) -> Roles:
    """Change nothing."""
    return _roles(set(live), set(live), set(given))


def kept_to(
    roles: Roles, live: Collection[str], given: Collection[str], *, gives: bool = True, withdraws: bool = True
) -> Roles:
    """Leave out what is added, or what is withdrawn; the mark goes on remembering what stays."""
    added = set(roles.added) if gives else set()
    withdrawn = set(roles.withdrawn) if withdraws else set()
    remembered = (set(roles.given) - (set(roles.added) - added)) | (set(given) & (set(roles.withdrawn) - withdrawn))
    return _roles((set(live) | added) - withdrawn, set(live), remembered)


def _roles(final: set[str], live: set[str], given: set[str]) -> Roles:
    return Roles(tuple(sorted(final)), tuple(sorted(given)), tuple(sorted(final - live)), tuple(sorted(live - final)))
