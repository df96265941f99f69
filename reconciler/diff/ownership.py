"""Whose a live resource is: the ownership mark on members and organizations, read in this one place.

A mark proves that we made or adopted a thing only where it was written: it names Stytch's ids of the organization and
of the member that it was written for, so that metadata copied to another place, in the same organization too, proves
nothing. A plan and the write that follows read a resource alike.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from enum import Enum
from typing import Final
from uuid import uuid4

import msgspec
from msgspec import Struct, structs

from reconciler.expressions.text import mailbox_or_text, trimmed
from reconciler.model import MARK_KEY, Json, Live, LiveMember, Mark

VERSION: Final = 1
COPY: Final = "it carries another member's mark, so the mark was copied"
NEITHER: Final = (
    "several members carry this user's mark, and the mark names none of them, so it is unknown which one is managed"
)


class Owner(Struct, frozen=True):
    """Whose marks are ours: those of ``name``, which we write, and those of ``formerly``, which we take over.

    A ``name`` of "" owns nothing.
    """

    name: str
    formerly: str = ""

    def has(self, mark: Mark) -> bool:
        """Return whether a mark is ours."""
        return bool(mark.owner) and mark.owner in (self.name, self.formerly)


class Whose(Enum):
    """Whose mark a live resource carries."""

    NOBODY = "nobody"  # none, or one that was copied from elsewhere or cannot be read as a mark
    OURS = "ours"
    BEGUN = "begun"  # ours, sent with the create of an organization and never completed: it permits no delete
    ANOTHER = "another"  # another owner's, or a version of the mark that we do not know


class OwnedMember(Struct, frozen=True, gc=False):
    """A live member: its address as it is compared, whose it is, and our mark if it is ours.

    ``carried`` is our mark that was written for this member, also where SCIM keeps it, so that it is not ours;
    ``copied`` one of ours that was written for another. ``doubt`` says why it is unknown whether it is ours.
    """

    member: LiveMember
    address: str
    whose: Whose
    mark: Mark | None
    carried: Mark | None = None
    copied: Mark | None = None
    doubt: str = ""

    @property
    def is_proven(self) -> bool:
        """Return whether it is certainly ours; a mark without user and member may be the organization's own."""
        return self.mark is not None and not self.doubt and (self.mark.user or self.mark.member) is not None

    @property
    def marked_user(self) -> str | None:
        """Return the user that its mark names, whoever the mark was written for."""
        mark = self.carried or self.copied
        return mark.user if mark else None

    @property
    def is_named(self) -> bool:
        """Return whether its mark names this very member."""
        return self.carried is not None and self.carried.member is not None


def provisional(owner: str, slug: str) -> dict[str, Json]:
    """Return the provisional mark that the create of an organization carries: its owner, and a token of this create."""
    return {"v": VERSION, "owner": owner, "intent": f"{slug}/{uuid4().hex}"}


def read_mark(metadata: Mapping[str, Json] | None, organization_id: str, owner: Owner) -> tuple[Whose, Mark | None]:
    """Return whose mark ``metadata`` (``trusted_metadata``) holds, and the mark itself when it is ours."""
    raw = metadata.get(MARK_KEY) if metadata else None
    if not isinstance(raw, dict) or raw.get("organization") != organization_id:
        return Whose.NOBODY, None
    if raw.get("v") != VERSION:
        return Whose.ANOTHER, None
    try:
        mark = msgspec.convert(raw, Mark)
    except msgspec.ValidationError:
        return Whose.NOBODY, None
    if mark.user is not None and trimmed(mark.user) != mark.user:
        mark = structs.replace(mark, user=trimmed(mark.user))
    return (Whose.OURS, mark) if owner.has(mark) else (Whose.ANOTHER, None)


def organization_mark(
    metadata: Mapping[str, Json] | None, organization_id: str, slug: str, owner: Owner
) -> tuple[Whose, Mark | None]:
    """Return whose a live organization is; a provisional mark is one only at the slug that it was sent with."""
    raw = metadata.get(MARK_KEY) if metadata else None
    if not isinstance(raw, dict) or "organization" in raw or not str(raw.get("intent", "")).startswith(f"{slug}/"):
        return read_mark(metadata, organization_id, owner)
    named = raw.get("owner")
    ours = raw.get("v") == VERSION and bool(named) and named in (owner.name, owner.formerly)
    return (Whose.BEGUN if ours else Whose.ANOTHER), None


def mark_of(live: Live, owner: Owner) -> tuple[Whose, Mark | None]:
    """Return whose a live organization is, as a search shows it."""
    return organization_mark(live.spec.get("trusted_metadata"), live.id, live.name, owner)


def read_member(member: LiveMember, owner: Owner) -> OwnedMember:
    """Return whose a live member is, as far as it tells itself; one that SCIM provisions is never ours."""
    whose, mark = read_mark(member.trusted_metadata, member.organization_id, owner)
    address = mailbox_or_text(member.email_address)
    if mark and mark.member not in (None, member.member_id):
        return OwnedMember(member, address, Whose.NOBODY, None, copied=mark)
    if mark and member.scim_registration:
        return OwnedMember(member, address, Whose.NOBODY, None, carried=mark)
    return OwnedMember(member, address, whose, mark, carried=mark)


def judge_copies(members: Iterable[OwnedMember]) -> list[OwnedMember]:
    """Return the members of one organization, with whose each is decided where several carry one user's mark.

    The one whose id the mark names is ours, and the others are copies. If it names none of them, that is unknown.
    """
    present = list(members)
    users = [member.marked_user for member in present if member.marked_user is not None]
    if len(set(users)) == len(users):
        return present
    several = {user for user, count in Counter(users).items() if count > 1}
    named = {member.marked_user for member in present if member.is_named}
    return [_judged(member, named) if member.marked_user in several else member for member in present]


def _judged(member: OwnedMember, named: Container[str | None]) -> OwnedMember:
    if member.is_named:
        return member
    if member.marked_user in named:
        return structs.replace(member, whose=Whose.NOBODY, mark=None, copied=member.carried or member.copied)
    return structs.replace(member, doubt=NEITHER)


def farewell(member: OwnedMember, owner: Owner) -> Mark:
    """Return the mark that a member gets just before we delete it, so that the record says who did."""
    mark = member.carried or Mark(owner=owner.name, organization=member.member.organization_id)
    return structs.replace(mark, owner=owner.name, member=member.member.member_id, deleted=True, written="")
