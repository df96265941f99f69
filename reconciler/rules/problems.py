"""Problems of single users → a few problems, one for each cause."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from reconciler.model import Position, Problem, Severity, problem


def error(code: str, message: str, hint: str, *at: Position) -> Problem:
    """Make an error at some places."""
    return problem(code, message, hint, *at)


def warning(code: str, message: str, hint: str, *at: Position) -> Problem:
    """Make a warning at some places."""
    return problem(code, message, hint, *at, severity="warning")


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


class UserProblem(Struct, frozen=True, kw_only=True, gc=False):
    """Something that leaves open what one user gets; ``user`` is "" where nobody is affected (yet).

    Its cause is everything but the user. ``message`` holds neither a person's address nor any value of a user but the
    organization that was computed for him.
    """

    code: str
    message: str
    hint: str = ""
    severity: Severity = "problem"
    at: tuple[Position, ...] = ()
    addresses: tuple[str, ...] = ()
    user: str = ""


class Trouble(Struct, frozen=True, gc=False):
    """A problem and what it leaves open: some organizations (slugs), or (None) every one."""

    problem: UserProblem
    organizations: tuple[str, ...] | None


_GRAVEST: Final = {"error": 0, "problem": 1, "warning": 2}


def fold_problems(problems: Iterable[UserProblem]) -> tuple[Problem, ...]:
    """Fold the problems of users into one for each cause, the gravest first, with the ids of its users sorted."""
    users: dict[tuple[str, Severity, str, str, tuple[Position, ...], tuple[str, ...]], set[str]] = {}
    for one in problems:
        affected = users.setdefault((one.code, one.severity, one.message, one.hint, one.at, one.addresses), set())
        if one.user:
            affected.add(one.user)
    folded = [
        problem(code, message, hint, *at, severity=severity, addresses=addresses, users=sorted(affected))
        for (code, severity, message, hint, at, addresses), affected in users.items()
    ]
    return tuple(sorted(folded, key=lambda one: (_GRAVEST[one.severity], one.code, one.at, one.addresses, one.message)))
