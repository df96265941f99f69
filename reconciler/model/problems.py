"""Where something stands in a file, and what should be known or mended there; what JSON values are called here."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import force_setattr, replace

Json = Any  # a JSON value; mypy has no useful recursive type for values that come from users' files
Path = tuple[str, ...]  # keys from a spec's top down to one value: ("trusted_metadata", "tier")
Spec = Mapping[str, Json]


_NOT_UTF8 = re.compile("[\ud800-\udfff]")


def spelled(name: str) -> str:
    r"""Return a file's name as a text that everybody can read: a byte of it that is not UTF-8 as ``\xff``."""
    if name.isascii():
        return name
    return _NOT_UTF8.sub(_spelled, name)


def _spelled(found: re.Match[str]) -> str:
    try:  # a byte, as Python hands it over
        return found[0].encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:
        return found[0].encode(errors="backslashreplace").decode()


class Position(Struct, frozen=True, order=True):
    """A place in a file, as a person counts: lines and columns from 1; ``file`` relative to the repository's root."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def nearest_place(positions: Mapping[Path, Position], path: Path, otherwise: Position) -> Position:
    """Return the place of the value at a path, or of the nearest parent that has one."""
    while path:
        if path in positions:
            return positions[path]
        path = path[:-1]
    return otherwise


Severity = Literal["error", "problem", "warning"]


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Something that a person should know or fix.

    An *error* stops everything (exit 1, or 4 where the cause is an incomplete read); a *problem* leaves something
    undecided, which is held; a *warning* changes nothing. ``message`` says what was found, ``hint`` what to do, and
    ``at`` names each place once.
    """

    code: str
    severity: Severity
    message: str
    hint: str = ""
    at: tuple[Position, ...] = ()
    addresses: tuple[str, ...] = ()
    users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Name no place twice: two rules, or two rows, may stand on one line."""
        if len(set(self.at)) < len(self.at):
            force_setattr(self, "at", tuple(dict.fromkeys(self.at)))


def problem(
    code: str,
    message: str,
    hint: str = "",
    *at: Position,
    severity: Severity = "error",
    addresses: Iterable[str] = (),
    users: Iterable[str] = (),
) -> Problem:
    """Return a problem, an error unless ``severity`` says otherwise."""
    return Problem(
        code=code,
        severity=severity,
        message=message,
        hint=hint,
        at=at,
        addresses=tuple(addresses),
        users=tuple(users),
    )


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
