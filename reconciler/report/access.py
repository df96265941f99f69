"""Who gains and who loses access: the first thing a reviewer must see."""

from collections.abc import Iterable

from msgspec import Struct

from reconciler.model import ADMIN_ROLE, Change, Create, Delete, Summary, added_roles, withdrawn_roles
from reconciler.report.values import counted, listed

NAMED = 5  # so many people are named, then counted


class Access(Struct, frozen=True):
    """People counted once however many memberships they gain or lose; the tuples hold addresses of members."""

    gaining: int
    gaining_in: int
    losing: int
    lost: tuple[str, ...]
    demoted: tuple[str, ...]
    admins: tuple[str, ...]
    organizations: tuple[str, ...]
    going_with: int = 0  # members of these organizations


def access(changes: Iterable[Change]) -> Access:
    """Count what changes do to people; leave out what is withheld before."""
    gaining: set[str] = set()
    places: set[str | None] = set()
    losing: set[str] = set()
    lost: list[str] = []
    demoted: list[str] = []
    admins: list[str] = []
    organizations: list[str] = []
    going_with = 0
    for change in changes:
        if change.kind == "Organization" and isinstance(change, Delete):
            organizations.append(change.address)
            going_with += change.members or 0
        if change.kind != "Member":
            continue
        if isinstance(change, Create):
            gaining.add(_person(change))
            places.add(change.namespace)
        elif isinstance(change, Delete):
            losing.add(_person(change))
            lost.append(change.address)
        elif withdrawn_roles(change):
            demoted.append(change.address)
        if ADMIN_ROLE in added_roles(change):
            admins.append(change.address)
    return Access(
        gaining=len(gaining),
        gaining_in=len(places),
        losing=len(losing),
        lost=tuple(lost),
        demoted=tuple(demoted),
        admins=tuple(admins),
        organizations=tuple(organizations),
        going_with=going_with,
    )


def access_lines(found: Access, summary: Summary) -> tuple[str, ...]:
    """Write what `access` found, the gravest last so that it stands next to the changes."""
    return tuple(_lines(found, summary))


def _lines(found: Access, summary: Summary) -> Iterable[str]:
    if found.gaining:
        people = counted(found.gaining, "person gains", "people gain")
        yield f"+ {people} access, in {counted(found.gaining_in, 'organization')}"
    if found.losing:
        people = counted(found.losing, "person loses", "people lose")
        yield f"- {people} access: {listed(found.lost, NAMED)}"
    if found.demoted:
        people = counted(len(found.demoted), "member loses", "members lose")
        yield f"- {people} a role: {listed(found.demoted, NAMED)}"
    if found.organizations:
        doomed = counted(len(found.organizations), "organization is deleted", "organizations are deleted")
        members = counted(found.going_with, "member")
        yield f"- {doomed}, with {members}: {listed(found.organizations, NAMED)}"
    if found.admins:
        new = counted(len(found.admins), "new admin")
        yield f"! {new} ({ADMIN_ROLE}): {listed(found.admins, NAMED)}"
    if summary.on_unverified:
        rest = counted(summary.on_unverified, "membership relies", "memberships rely")
        yield f"! {rest} on an address that is not verified"
    if summary.on_untrusted:
        rest = counted(summary.on_untrusted, "membership relies", "memberships rely")
        yield f"! {rest} on a value that users can change themselves"


def _person(change: Change) -> str:
    users = (cause.user for cause in change.causes if cause.user)
    return next(users, change.mark.user if change.mark and change.mark.user else change.name)
