"""Templates of claims: ``{{ user.… }}`` → ``{{ member.… }}``, and the fields of a user that members do not have.

Only the text inside ``{{ }}`` changes. A path without a counterpart becomes null: Stytch leaves out a claim whose value
is null (docs/stytch.md, "JWT templates").
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from reconciler.migration.values import Reason

PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\{\{[^{}]*\}\}')  # a text in quotes, or a tag outside of them
TAG: Final = re.compile(r"\{\{([^{}]*)\}\}")
PATH: Final = re.compile(r"(?<![\w.$-])user((?:\.[^\s.\"(){}\[\]]+|\[\d+\])+)")

SAME: Final = frozenset(
    {"trusted_metadata", "untrusted_metadata", "rbac", "external_id", "status", "is_locked", "created_at"}
)
MOVED: Final[Mapping[str, str]] = {
    "user_id": "member_id",
    "name": "name",
    "roles": "rbac.roles",
    "emails.0.email": "email_address",
    "emails.0.verified": "email_address_verified",
    "phone_numbers.0.phone_number": "mfa_phone_number",
    "phone_numbers.0.verified": "mfa_phone_number_verified",
}
DIFFERENT: Final[Mapping[str, Reason]] = {
    "user_id": Reason(
        "every member has a new id, one in each organization",
        "change the key in every system that stores it, or write `{{ member.external_id }}`: by default the rules put "
        "the user's id there",
    ),
    "emails.0.email": Reason(
        "a user has several addresses; a member has one, which may differ in each organization",
        "check which address the rules choose",
    ),
    "phone_numbers.0.phone_number": Reason(
        "a member's phone number is only for the second factor, not for sign-in",
        "store any other number in the member's trusted metadata",
    ),
    "name": Reason("a member's name is one text, not first, middle and last name", "read it as one text"),
    "roles": Reason("the list also names stytch_member, which every member has", "ignore that role"),
    "rbac.roles": Reason(
        "the role of every member is called stytch_member", "check for stytch_member instead of stytch_user"
    ),
    "created_at": Reason(
        "a member is created when it is migrated", "store the old date in the member's trusted metadata"
    ),
}
LOST: Final = Reason(
    "members do not have this field, so the claim stays empty",
    "let a rule write the value to trusted_metadata, and use `{{ member.trusted_metadata.… }}` in the claim",
)


class Claims(Struct, frozen=True):
    """A template for members, the paths below ``user`` without a counterpart, and the paths whose value changes."""

    text: str
    lost: tuple[str, ...]
    different: tuple[str, ...]

    def losses(self, field: str) -> Iterator[tuple[str, Reason]]:
        """Yield each claim of the template in this field that is lost, and why."""
        return ((_claim(field, path), LOST) for path in self.lost)

    def changes(self, field: str) -> Iterator[tuple[str, Reason]]:
        """Yield each claim of the template in this field whose value changes, and why."""
        return ((_claim(field, path), DIFFERENT[path]) for path in self.different)


def _claim(field: str, path: str) -> str:
    return f"{field}: {{{{ user.{path} }}}}"


def for_members(template: str) -> Claims:
    """Return the template of a user's claims, rewritten for members."""
    paths = [_plain(path) for tag in TAG.findall(template) for path in PATH.findall(tag)]
    unique = tuple(dict.fromkeys(paths))
    return Claims(
        PIECE.sub(lambda match: _piece(match[0]), template),
        lost=tuple(path for path in unique if _member(path) is None),
        different=tuple(path for path in unique if path in DIFFERENT),
    )


def _piece(text: str) -> str:
    """Return a text in quotes, or a single tag, with its tags rewritten."""
    if not text.startswith('"'):
        return TAG.sub(lambda tag: _tag(tag, "null"), text)
    alone = TAG.fullmatch(text[1:-1].strip())
    if alone and _is_lost(alone[1]):
        return "null"
    return TAG.sub(lambda tag: _tag(tag, ""), text)


def _tag(tag: re.Match[str], nothing: str) -> str:
    return nothing if _is_lost(tag[1]) else "{{" + PATH.sub(_path, tag[1]) + "}}"


def _is_lost(inside: str) -> bool:
    """Return whether a tag is only a path that has no counterpart."""
    path = PATH.fullmatch(inside.strip())
    return path is not None and _member(_plain(path[1])) is None


def _path(match: re.Match[str]) -> str:
    plain = _plain(match[1])
    return f"member.{_member(plain) or plain}"


def _plain(path: str) -> str:
    """Return a path with ``.0`` for ``[0]``, without the first dot."""
    return re.sub(r"\[(\d+)\]", r".\1", path).removeprefix(".")


def _member(path: str) -> str | None:
    """Return the path below ``member`` for a path below ``user``, or None where it has no counterpart."""
    if path in MOVED:
        return MOVED[path]
    return path if path.split(".", maxsplit=1)[0] in SAME else None
