"""The roles that a live member keeps, gets and loses (docs/stytch.md 2.20).

Stytch replaces the whole list of direct assignments on every write, and the mark remembers which of them
we gave: those alone are ours to take back.
"""

from collections.abc import Collection, Iterable
from typing import Literal

from msgspec import Struct

from reconciler.model import IMPLICIT_ROLE, Role

DIRECT = "direct_assignment"
RoleMode = Literal["ours", "exact", "initial", "only added"]


class Roles(Struct, frozen=True):
    """The direct roles to write, the roles the mark then remembers as given by us, and what that adds and withdraws.

    ``not_given`` are wanted and not added, ``kept`` are no longer wanted and not withdrawn.
    """

    final: tuple[str, ...]
    given: tuple[str, ...]
    added: tuple[str, ...]
    withdrawn: tuple[str, ...]
    not_given: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def direct_roles(roles: Iterable[Role]) -> tuple[str, ...]:
    """Return the directly assigned roles, sorted; implicit ones (by domain, SSO, SCIM) are nobody's to give or take."""
    return tuple(
        sorted(
            role.role_id
            for role in roles
            if role.role_id != IMPLICIT_ROLE and any(source.type == DIRECT for source in role.sources)
        )
    )


def roles_to_write(
    mode: RoleMode,
    desired: Collection[str],
    live: Collection[str],
    given: Collection[str] = (),
    *,
    gives: bool = True,
    withdraws: bool = True,
) -> Roles:
    """Return the roles of a live member after a write.

    ``ours`` adds what is desired, withdraws what we gave and is no longer desired, and leaves every other role alone;
    ``exact`` makes the direct assignments exactly what is desired; ``only added`` withdraws nothing, of a member that
    is not ours; ``initial`` changes nothing. Unless it ``gives``, nothing is added; unless it ``withdraws``, nothing is
    taken, and the mark goes on remembering what stays.
    """
    wanted, there, remembered = set(desired), set(live), set(given)
    added, withdrawn = wanted - there, set[str]()
    if mode == "initial":
        added = set()
    elif mode == "only added":
        remembered = set()
    elif mode == "exact":
        withdrawn, remembered = there - wanted, wanted
    else:
        withdrawn, remembered = there & (remembered - wanted), (remembered & wanted) | added
    not_given, kept = set() if gives else added, set() if withdraws else withdrawn
    added, withdrawn = added - not_given, withdrawn - kept
    remembered = (remembered - not_given) | (kept & set(given))
    parts = ((there | added) - withdrawn, remembered, added, withdrawn, not_given, kept)
    return Roles(*(tuple(sorted(part)) for part in parts))
