"""What a reviewer needs first: who gains and who loses access, in total and by organization, and what power grows."""

from collections.abc import Iterator
from itertools import chain

from msgspec import UNSET

from reconciler.model import Access, AccessIn, FieldChange, Grown, Growth, OtherRoles, Person, Plan
from reconciler.plan.access_diff import access_of
from reconciler.plan.effects import undone
from reconciler.report.escaping import printable
from reconciler.report.values import change_lines, counted, listed
from reconciler.report.view import Line, Part, styled

_ORGANIZATIONS = 10  # that are shown
_MOVES = 5
_NAMED = 3  # people of each sort in an organization, and resources of each growth
_LONGEST = 200  # characters of what a growth of power says of one resource


def in_total(plan: Plan) -> Iterator[Line]:
    """Yield in numbers what a plan does to people, each counted once."""
    access = plan.access
    if access is None:
        return
    if access.gains:
        people, where = counted(access.gains, "person gains", "people gain"), counted(access.gains_in, "organization")
        yield styled(f"+ {people} access, in {where}", "added")
    if access.loses:
        people, where = counted(access.loses, "person loses", "people lose"), counted(access.loses_in, "organization")
        yield styled(f"- {people} access, in {where}", "removed")
    if access.moving:
        people = counted(access.moving, "person moves", "people move")
        yield styled(f"! {people} from one organization to another", "changed")
    if access.other_roles:
        members = counted(access.other_roles, "member keeps", "members keep")
        yield styled(f"! {members} access with other roles", "changed")
    if access.deleted_organizations:
        gone = counted(access.deleted_organizations, "organization is deleted", "organizations are deleted")
        yield styled(f"- {gone}, with {counted(access.deleted_with_them, 'member')}", "removed")
    yield from (styled(line, "more") for line in would_be(access))


def would_be(access: Access) -> Iterator[str]:
    """Yield in a line what would come of what is withheld, if anything would."""
    if said := ", ".join(_withheld(access)):
        yield f"Withheld: {said}"


def _withheld(access: Access) -> Iterator[str]:
    held = access.withheld
    for number, one, many in (
        (held.gains, "person would gain access", "people would gain access"),
        (held.loses, "person would lose access", "people would lose access"),
        (held.other_roles, "member would have other roles", "members would have other roles"),
        (held.growth, "growth of power", "growths of power"),
    ):
        if number:
            yield counted(number, one, many)


def growth(plan: Plan) -> Iterator[Part]:
    """Yield what permits more than before: first what guards changes, then what the changes themselves permit."""
    found = (*plan.access.loosened, *plan.access.growth) if plan.access else ()
    lines = [styled(_growth(one), "alarm") for one in found]
    for number, why in (
        (plan.summary.on_unverified, "an address that is not verified"),
        (plan.summary.on_untrusted, "a value that users can change themselves"),
    ):
        if number:
            text = f"! {counted(number, 'membership relies', 'memberships rely')} on {why}"
            lines.append(styled(text, "alarm"))
    if lines:
        yield Part("Growth of power", lines=tuple(lines))


def permitted_by_hand(plan: Plan) -> Iterator[Part]:
    """Yield what is live and permits more than what is declared, whatever would become of it."""
    differences = chain(plan.changes, plan.observed)
    live = access_of(map(undone, differences))
    if live and live.growth:
        yield Part("Live permits more than declared", lines=tuple(styled(_growth(one), "alarm") for one in live.growth))


def by_organization(plan: Plan) -> Iterator[Part]:
    """Yield who gains and who loses access, organization by organization, and where people move."""
    access = plan.access
    if access is None or not access.organizations:
        return
    shown = access.organizations[:_ORGANIZATIONS]
    lines = [*chain.from_iterable(map(_organization, shown))]
    if (more := access.in_organizations - len(shown)) > 0:
        lines.append(styled(f"… and {counted(more, 'more organization')}", "more"))
    moves = [
        styled(f"! {one.origin} → {one.destination}: {counted(one.people, 'person moves', 'people move')}", "changed")
        for one in access.moves[:_MOVES]
    ]
    if (more := access.all_moves - len(moves)) > 0:
        moves.append(styled(f"… and {counted(more, 'more move')} between two organizations", "more"))
    yield Part("Access by organization", lines=(*lines, *moves))


def _organization(one: AccessIn) -> Iterator[Line]:
    slug = printable(one.organization)
    if one.deleted:
        yield styled(f"- {slug}: deleted, with {counted(one.loses, 'member')}", "removed")
    elif one.loses:
        names = listed([*map(_leaving, one.losing)], _NAMED, one.loses)
        yield styled(f"- {slug}: {counted(one.loses, 'person loses', 'people lose')} access: {names}", "removed")
    if one.gains:
        names = listed([*map(_joining, one.gaining)], _NAMED, one.gains)
        yield styled(f"+ {slug}: {counted(one.gains, 'person gains', 'people gain')} access: {names}", "added")
    if one.other_roles:
        names = listed([*map(_changing, one.changing)], _NAMED, one.other_roles)
        members = counted(one.other_roles, "member gets", "members get")
        yield styled(f"! {slug}: {members} other roles: {names}", "changed")
    if max(one.gains, one.loses, one.other_roles) > _NAMED and (roles := _roles(one)):
        yield Line(f"  {slug}: roles {roles}")


def _roles(one: AccessIn) -> str:
    return "; ".join(
        f"{verb} {listed([f'{number:,} × {role}' for role, number in roles.items()], _NAMED)}"
        for verb, roles in (("gained", one.roles_gained), ("lost", one.roles_lost))
        if roles
    )


def _joining(one: Person) -> str:
    return _with_notes(one, "from")


def _leaving(one: Person) -> str:
    return _with_notes(one, "to")


def _with_notes(one: Person, way: str) -> str:
    moves = f"moves {way} {listed(one.moves, _NAMED)}" if one.moves else ""
    notes = "; ".join(filter(None, (", ".join(one.roles), moves)))
    return f"{one.name} ({notes})" if notes else one.name


def _changing(one: OtherRoles) -> str:
    signed = (*(f"+{role}" for role in one.gains), *(f"-{role}" for role in one.loses))
    return f"{one.name} ({', '.join(signed)})"


def _growth(found: Growth) -> str:
    names = listed([*map(_grown, found.first)], _NAMED, found.number)
    return f"! {found.number:,} {found.says}{f': {names}' if names else ''}"


def _grown(one: Grown) -> str:
    if not one.path:
        return one.address
    if one.before is UNSET and one.after is UNSET:
        return f"{one.address} ({'.'.join(one.path)})"
    change = FieldChange(path=one.path, before=one.before, after=one.after)
    lines = [*map(str, change_lines(change))]
    name = ".".join(one.path)  # a long text stands below, with the change
    return f"{one.address} ({lines[0] if len(lines) == 1 and len(lines[0]) <= _LONGEST else name})"
