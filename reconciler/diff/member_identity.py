"""Which live member each membership of an organization is: by the user in our mark first, then by its address.

Two possible matches are a conflict: the pair names it, and the member is held.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping

from msgspec import structs

from reconciler.diff import conflicts
from reconciler.diff.in_place import apart
from reconciler.diff.member_pairs import DesiredMembers, MemberMatch, MemberPair, MemberPolicy
from reconciler.diff.ownership import OwnedMember, Whose, judge_copies, read_member
from reconciler.expressions.text import mailbox_or_text
from reconciler.model import ADMIN_ROLE, Admin, Diff, LiveMember, Membership, OrganizationMembers, Stakes, address
from reconciler.schema.kind import Kind


def by_mark_then_address(
    kind: Kind, desired: DesiredMembers, live: OrganizationMembers, policy: MemberPolicy
) -> MemberMatch:
    """Pair each membership with the live member whose mark names its user, or else with the one of its address."""
    told, retired = apart(kind, desired, live, policy), _retired(live.members)
    desired, live = told.desired, told.live
    if not (desired.memberships or desired.absent or live.members):
        findings = structs.replace(told.in_place, problems=live.problems)
        return MemberMatch(
            kind=kind, policy=policy, desired=desired, live=live, gone=(), pairs=(), unclaimed=(), findings=findings
        )
    there = [read_member(member, policy.owner) for member in live.members if member.status != "deleted"]
    if live.half_read:
        there = [
            structs.replace(item, doubt=conflicts.ODD) if item.member.member_id in live.half_read else item
            for item in there
        ]
    there = judge_copies(there)
    absent = {membership.addresses[0]: membership for membership in desired.absent}
    present = [item for item in there if item.address not in absent] if absent else there
    to_go = [_to_go(absent[item.address], item, desired) for item in there if item.address in absent] if absent else []
    moves = policy.manage_address and not desired.external  # which clears the password
    pairs = pair_members(desired.memberships, present, move=moves, disputed=policy.users.disputed)
    taken = {pair.live.member.member_id for pair in pairs if pair.live}
    in_dispute = {pair.membership.user for pair in pairs if pair.conflict} - {None}
    unclaimed: list[OwnedMember] = []
    disputed: list[OwnedMember] = []
    for item in present:
        if item.member.member_id not in taken:
            (disputed if item.mark and item.mark.user in in_dispute else unclaimed).append(item)
    match = MemberMatch(
        kind=kind,
        policy=policy,
        desired=desired,
        live=live,
        gone=[member for member in live.members if member.status == "deleted"],
        pairs=[*to_go, *pairs],
        unclaimed=unclaimed,
        findings=Diff(problems=live.problems, stakes=stakes_of(kind, desired.organization, live.members)),
        retired=retired,
    )
    held = tuple(match.listed(item, conflicts.IN_CONFLICT) for item in disputed)
    managed, counts = _counted(match, present)
    findings = structs.replace(match.findings, held=held, managed=managed, counts=counts)
    return structs.replace(match, findings=findings + told.in_place)


def stakes_of(kind: Kind, organization: str, members: Iterable[LiveMember]) -> Stakes:
    """Return which live members of an organization are its active admins, and which are breakglass members."""
    present = [member for member in members if member.status != "deleted"]
    admins = {
        member.member_id: Admin(
            address(kind.name, organization, mailbox_or_text(member.email_address)),
            frozenset(source.type for source in role.sources),
        )
        for member in present
        for role in member.roles
        if role.role_id == ADMIN_ROLE and role.sources and member.status == "active"
    }
    breakglass = frozenset(member.member_id for member in present if member.is_breakglass)
    return Stakes(admins={organization: admins} if admins else {}, breakglass=breakglass)


def _retired(members: Iterable[LiveMember]) -> Mapping[str, str]:
    """Return the addresses that live members had before, which Stytch gives to nobody else, with the members' ids."""
    return {
        mailbox_or_text(str(entry.get("email_address"))): member.member_id
        for member in members
        if member.retired_email_addresses and member.status != "deleted"
        for entry in member.retired_email_addresses
    }


def _to_go(membership: Membership, item: OwnedMember, desired: DesiredMembers) -> MemberPair:
    """Return the pair of a member that a manifest says must be absent."""
    conflict = conflicts.KEPT_THOUGH_ABSENT if desired.external else None
    if item.whose is Whose.ANOTHER:
        conflict = conflict or conflicts.ANOTHER_OWNERS_MEMBER
    return MemberPair(membership, item.address, item, conflict, ensure="absent")


def _counted(match: MemberMatch, present: Iterable[OwnedMember]) -> tuple[Counter[str | None], Counter[str]]:
    """Count the live members that are ours, and what the guards and the summary need; who was brought back is not."""
    users = match.policy.users
    memberships = [pair.membership for pair in match.pairs if pair.ensure == "present"]
    going = [pair.live for pair in match.pairs if pair.live and pair.ensure == "absent" and not pair.conflict]
    wanted = {membership.user for membership in match.desired.memberships}
    marks = [
        item.mark
        for item in present
        if item.mark and (item.mark.user in wanted or not match.policy.was_brought_back(item))
    ]
    marked = [mark.user for mark in marks if mark.user is not None]
    missing = (user for user in marked if user not in wanted) if users.readable else ()
    return Counter({match.desired.organization: len(marks) + sum(item.mark is not None for item in going)}), Counter(
        memberships=len(memberships),
        unverified=sum(membership.unverified for membership in memberships),
        untrusted=sum(membership.untrusted for membership in memberships),
        marked=len(marked),
        missing_users=sum(not users.exists(user) for user in missing),
    )


def pair_members(
    memberships: Iterable[Membership],
    present: Iterable[OwnedMember],
    *,
    move: bool = False,
    disputed: Container[object] = frozenset(),
) -> list[MemberPair]:
    """Return every membership with its live member; two memberships of one member are both in conflict.

    ``disputed`` are users whom nobody can pair. ``move`` says that a member whose address is none of its user's is to
    get the user's; never one that is taken.
    """
    by_address: dict[str, list[OwnedMember]] = defaultdict(list)
    by_external_id: dict[str, OwnedMember] = {}
    by_user: dict[str, list[OwnedMember]] = defaultdict(list)
    for item in present:
        by_address[item.address].append(item)
        if item.member.external_id:
            by_external_id[item.member.external_id] = item
        mark = item.mark or (item.copied if item.doubt else None)
        if mark and mark.user is not None:
            by_user[mark.user].append(item)
    pairs = [_pair(membership, by_address, by_user, move=move) for membership in _once(memberships)]
    claims = Counter(pair.address for pair in pairs)  # of a live member, that is its address
    claims.update(pair.becomes for pair in pairs if pair.becomes)
    external_ids = Counter(map(_external_id, pairs))
    by_member = {pair.live.member.member_id: pair for pair in pairs if pair.live}

    def conflict_of(pair: MemberPair) -> str | None:
        if pair.membership.user in disputed:
            return conflicts.DISPUTED
        if claims[pair.address] > 1 or (pair.becomes and claims[pair.becomes] > 1):
            return conflicts.CLAIMED_TWICE
        if _holder(pair, by_external_id) not in (None, pair.live):
            return _whose_external_id(pair, by_external_id, by_member)
        if (wanted := _external_id(pair)) and external_ids[wanted] > 1 and _holder(pair, by_external_id) is None:
            return conflicts.EXTERNAL_ID_WANTED_TWICE
        return conflicts.ADDRESS_TAKEN if pair.becomes in by_address else None

    return [
        MemberPair(pair.membership, pair.address, pair.live, conflict)
        if not pair.conflict and (conflict := conflict_of(pair))
        else pair
        for pair in pairs
    ]


def _holder(pair: MemberPair, by_external_id: Mapping[str, OwnedMember]) -> OwnedMember | None:
    """Return the live member that has the external id which the member of this pair is to have."""
    return by_external_id.get(_external_id(pair) or "")


def _external_id(pair: MemberPair) -> str | None:
    """Return the external id that the member of this pair is to have; one under ``initial`` only a new member gets."""
    fields = pair.membership.fields if pair.live else {**pair.membership.initial, **pair.membership.fields}
    wanted = fields.get("external_id")
    return wanted if isinstance(wanted, str) else None


def _whose_external_id(
    pair: MemberPair, by_external_id: Mapping[str, OwnedMember], by_member: Mapping[str, MemberPair]
) -> str:
    """Return that another live member has the external id, and whether that one is to have this one's."""
    holder = _holder(pair, by_external_id)
    other = by_member.get(holder.member.member_id) if holder else None
    if holder and other and pair.live and _holder(other, by_external_id) is pair.live:
        return conflicts.EXTERNAL_IDS_SWAPPED
    return conflicts.EXTERNAL_ID_TAKEN


def _once(memberships: Iterable[Membership]) -> Iterable[Membership]:
    """Yield each user once: a source may hand the same user out twice while its rows move between pages."""
    seen: dict[str, Membership] = {}
    for membership in memberships:
        if membership.user is None or seen.setdefault(membership.user, membership) is membership:
            yield membership
        elif seen[membership.user] != membership:
            yield membership  # twice and different: the two claim one member, which is a conflict


def _pair(
    membership: Membership,
    by_address: Mapping[str, list[OwnedMember]],
    by_user: Mapping[str, list[OwnedMember]],
    *,
    move: bool,
) -> MemberPair:
    chosen = membership.addresses[0]
    marked = by_user.get(membership.user, ()) if membership.user is not None else ()
    if len(marked) > 1:
        first = min(marked, key=lambda item: (item.address not in membership.addresses, item.address))
        return MemberPair(membership, first.address, first, conflicts.SEVERAL_MARKED)
    if marked and marked[0].doubt:
        return MemberPair(membership, marked[0].address, marked[0], marked[0].doubt)
    if marked:
        becomes = chosen if move and marked[0].address not in membership.addresses else None
        return MemberPair(membership, marked[0].address, marked[0], becomes=becomes)
    there = by_address.get(chosen)
    if not there:
        return MemberPair(membership, chosen)
    item = there[0]
    if len(there) > 1:
        return MemberPair(membership, chosen, item, conflicts.SPELLED_DIFFERENTLY)
    if item.doubt:
        return MemberPair(membership, chosen, item, item.doubt)
    if item.whose is Whose.ANOTHER:
        return MemberPair(membership, chosen, item, conflicts.ANOTHER_OWNERS_MEMBER)
    if item.mark and membership.user is not None and item.mark.user not in (None, membership.user):
        return MemberPair(membership, chosen, item, conflicts.ANOTHER_USERS)
    return MemberPair(membership, chosen, item)
