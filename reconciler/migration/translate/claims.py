"""Templates of claims: ``{{ user.… }}`` → ``{{ member.… }}``, and what of a user no member has.

Only what stands inside ``{{ }}`` is touched. Stytch leaves out a claim whose value is null, so that null stands where
there is no counterpart (docs/stytch.md, "JWT templates").
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from reconciler.migration.values import Reason, Remark

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
        "re-key what stores it, or write `{{ member.external_id }}`, where the rules keep the user's id by default",
    ),
    "emails.0.email": Reason(
        "a user has several addresses, and a member one, which may be another in each organization",
        "see which address the rules choose",
    ),
    "phone_numbers.0.phone_number": Reason(
        "a member's number is that of the second factor, and of no sign-in",
        "keep another number in the member's trusted metadata",
    ),
    "name": Reason("a member's name is one text, not first, middle and last name", "take it as a text"),
    "roles": Reason("the list also names stytch_member, which every member has", "ignore that role"),
    "rbac.roles": Reason("the role that everybody has is called stytch_member", "look for that instead of stytch_user"),
    "created_at": Reason(
        "a member is created when it is migrated", "keep the former date in the member's trusted metadata"
    ),
}
LOST: Final = Reason(
    "a member has no such field, and the claim stays empty",
    "let a rule put the value into trusted_metadata and name it `{{ member.trusted_metadata.… }}`",
)


class Claims(Struct, frozen=True):
    """A template for members; the paths below ``user`` without a counterpart, and those whose value is another."""

    text: str
    lost: tuple[str, ...]
    different: tuple[str, ...]


def for_members(template: str) -> Claims:
    """Rewrite the tags of a template of a user's claims."""
    paths = [_plain(path) for tag in TAG.findall(template) for path in PATH.findall(tag)]
    unique = tuple(dict.fromkeys(paths))
    return Claims(
        PIECE.sub(lambda found: _piece(found[0]), template),
        lost=tuple(path for path in unique if _member(path) is None),
        different=tuple(path for path in unique if path in DIFFERENT),
    )


def remarks(kind: str, name: str, field: str, claims: Claims) -> tuple[tuple[Remark, ...], tuple[Remark, ...]]:
    """Give what is lost with a template, and what its claims say differently."""
    here = f"{field}: " + "{{{{ user.{} }}}}"
    return (
        tuple(Remark(kind, name, here.format(path), LOST) for path in claims.lost),
        tuple(Remark(kind, name, here.format(path), DIFFERENT[path]) for path in claims.different),
    )


def _piece(text: str) -> str:
    """Rewrite the tags of a text in quotes, or one tag by itself."""
    if not text.startswith('"'):
        return TAG.sub(lambda found: _tag(found, "null"), text)
    alone = TAG.fullmatch(text[1:-1].strip())
    if alone and _is_lost(alone[1]):
        return "null"
    return TAG.sub(lambda found: _tag(found, ""), text)


def _tag(tag: re.Match[str], nothing: str) -> str:
    return nothing if _is_lost(tag[1]) else "{{" + PATH.sub(_path, tag[1]) + "}}"


def _is_lost(inside: str) -> bool:
    """Tell whether a tag is nothing but a path that has no counterpart."""
    path = PATH.fullmatch(inside.strip())
    return path is not None and _member(_plain(path[1])) is None


def _path(found: re.Match[str]) -> str:
    plain = _plain(found[1])
    return f"member.{_member(plain) or plain}"


def _plain(path: str) -> str:
    """Write ``[0]`` as ``.0``, without the first dot."""
    return re.sub(r"\[(\d+)\]", r".\1", path).removeprefix(".")


def _member(path: str) -> str | None:
    """Give the path below ``member`` for one below ``user``, or None where there is none."""
    if path in MOVED:
        return MOVED[path]
    return path if path.split(".", maxsplit=1)[0] in SAME else None
