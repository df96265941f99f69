"""What keeps rules from deciding about a user; and the problems of many users as a few, one for each cause."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model import Problem


def these(names: Iterable[str]) -> str:
    """Join names as a sentence does: a, b and c."""
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"


# Warnings to read, and yet they leave open what the users on a domain get.
SHARED_DOMAIN = "shared-domain"
COMMON_DOMAIN = "common-domain"
OF_DOMAINS: Final = frozenset({SHARED_DOMAIN, COMMON_DOMAIN})
UNREADABLE_ADDRESS = "unreadable-address"
# What leaves a user's memberships open without any rule having spoken of him.
OF_NO_RULE: Final = OF_DOMAINS | {UNREADABLE_ADDRESS}


class Undecided(Struct, frozen=True, gc=False):
    """A problem of one user, and what it leaves open: some organizations (slugs), or (None) every one.

    The problem's message holds neither a person's address nor any value of a user but the organization that was
    computed for him.
    """

    problem: Problem
    organizations: tuple[str, ...] | None


_GRAVEST: Final = {"error": 0, "problem": 1, "warning": 2}


def fold_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Fold the problems of users into one for each cause, the gravest first, with the ids of its users sorted.

    The cause of a problem is everything but its users.
    """
    users: dict[Problem, set[str]] = {}
    for one in problems:
        users.setdefault(replace(one, users=()), set()).update(one.users)
    folded = [replace(cause, users=tuple(sorted(affected))) for cause, affected in users.items()]
    return tuple(sorted(folded, key=lambda one: (_GRAVEST[one.severity], one.code, one.at, one.addresses, one.message)))
