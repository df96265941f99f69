"""What becomes of a membership and of a live member: held, created, updated, deleted, or left as it is.

Everything about a member is settled inside its organization, so that one organization is compared at a time.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import structs

from reconciler.diff import conflicts
from reconciler.diff.fields import created_fields
from reconciler.diff.member_changes import MemberUpdatePolicy, update_member
from reconciler.diff.member_pairs import MemberMatch, MemberPair
from reconciler.diff.ownership import COPY, OwnedMember, Whose, farewell
from reconciler.diff.refusals import Reasons, accepted, refused
from reconciler.diff.roles import direct_roles
from reconciler.model import (
    ADMIN_ROLE,
    NO_STAKES,
    UNCHANGED,
    Cause,
    Create,
    Delete,
    Diff,
    FieldChange,
    Listed,
    Mark,
    Position,
    Problem,
    Severity,
    Stakes,
    added_roles,
    problem,
    withdrawn_roles,
)

NOT_GIVEN: Final = (
    "the live address is not one of the user's admissible addresses, so this member gets no new roles or fields"
)
REFUSED: Final = "Stytch would refuse it"
CORRECT: Final = "correct the data, the rule or the manifest that it comes from"
NOT_WITHDRAWN: Final = (
    "no longer wanted; kept because nothing is withdrawn in an organization that is `ensure: external`"
)
REMOVED: Final = (
    "removed in Stytch by somebody else; `restore: true` on a Member or `members: {removed: restore}` restores it"
)
BROUGHT_BACK: Final = (
    "no longer wanted, and live although this repository removed it: somebody restored it, or a run on another machine "
    "was interrupted; `ensure: absent` on a Member removes it"
)
KEPT_IN_EXTERNAL: Final = (
    "no longer wanted; kept because nothing is deleted in an organization that is `ensure: external`"
)


def hold(match: MemberMatch, in_conflict: Sequence[MemberPair]) -> Iterator[Diff]:
    """Yield who is on hold because of a conflict: all memberships at one address together, with one problem."""
    by_address: defaultdict[str, list[MemberPair]] = defaultdict(list)
    for pair in in_conflict:
        if pair.ensure == "absent":
            yield _stays(match, pair)
        else:
            by_address[pair.address].append(pair)
    for mailbox, pairs in by_address.items():
        text = "; ".join(sorted({str(pair.conflict) for pair in pairs}))
        causes = (cause for pair in pairs for cause in match.policy.causes(pair.membership))
        at = tuple(sorted({Position(cause.file, cause.line) for cause in causes}))
        users = tuple(sorted({pair.membership.user for pair in pairs if pair.membership.user}))
        id_ = next((pair.live.member.member_id for pair in pairs if pair.live), None)
        held = match.listed_at(mailbox, text, id=id_, at=at, users=users)
        # Of records that differ one problem tells already, for all organizations.
        is_new = any(pair.conflict != conflicts.DISPUTED for pair in pairs)
        yield Diff(held=(held,), problems=(_problem("conflict", held),) if is_new else ())


def _stays(match: MemberMatch, pair: MemberPair) -> Diff:
    """Hold a member that is declared absent, and that is not ours to delete."""
    declared = match.declaration(pair.membership)
    if not (pair.live and pair.conflict and declared):
        return Diff()
    held = match.listed(pair.live, pair.conflict, (declared.position,))
    if match.desired.external:
        return Diff(held=(held,))
    hint = "two repositories must not manage one member: remove it in the repository that manages it"
    return Diff(held=(held,), problems=(_problem("conflict", structs.replace(held, users=()), hint=hint),))


def create(match: MemberMatch, pair: MemberPair) -> Diff:
    """Return a new member at the first admissible address; in an organization still to be made, apply fills in its id.

    Not if somebody else removed the one that was there, or if it may be there and could not be read.
    """
    membership, policy, kind = pair.membership, match.policy, match.kind
    declared = match.declaration(membership)
    restore = policy.restore or (declared is not None and declared.restore)
    if match.gone and not restore and (removed := match.removed.by_somebody(membership.user, pair.address)):
        return Diff(removed=(_wanted(match, pair, pair.address, REMOVED, removed),))
    if not match.live.complete:
        return Diff(held=(_wanted(match, pair, pair.address, conflicts.MAY_BE_MEMBER),))
    initial = dict(membership.initial)
    roles = sorted({*membership.roles, *(initial.pop("roles", None) or ())})
    spec = {**membership.fields, "roles": roles} if roles else membership.fields
    change = Create(
        kind=kind.name,
        namespace=match.desired.organization,
        name=membership.addresses[0],
        fields=created_fields(spec, initial, merged=kind.merged),
        mark=Mark(
            owner=policy.owner.name,
            organization=match.live.organization_id,
            user=membership.user,
            roles=membership.roles,
        ),
        causes=policy.causes(membership),
        restores=restore,
    )
    if reasons := refused(change.fields, change.mark, change.name, None, match):
        return _refused(match, pair, change.name, reasons)
    return Diff(changes=(change,))


def update(match: MemberMatch, pair: MemberPair) -> Diff:
    """Return what a live member needs to be as its membership wants it."""
    item, membership = pair.live, pair.membership
    if item is None:
        return UNCHANGED
    how = MemberUpdatePolicy.of(match, pair, item)
    needed = update_member(match, membership, item.member, how)
    held: list[Listed] = []
    problems: list[Problem] = []
    if needed.not_given:
        declared = match.declaration(membership)
        reason = f"{NOT_GIVEN}; on hold: {', '.join(needed.not_given)}"
        held.append(match.listed(item, reason, (declared.position,) if declared else ()))
    if not how.gives:
        problems.append(_warning(match, pair, item, "address-differs", NOT_GIVEN))
    if needed.differing:
        text = f"not set by this repository, so not changed: {', '.join(needed.differing)}"
        problems.append(_warning(match, pair, item, "differs", text))
    if needed.kept:
        problems.append(_warning(match, pair, item, "kept", f"{NOT_WITHDRAWN}: {', '.join(needed.kept)}"))
    change = needed.change
    if change and (reasons := refused(change.fields, change.mark, pair.becomes, item.member, match)):
        without = _refused(match, pair, item.address, reasons, item.member.member_id)
        held += without.held
        problems += without.problems
        change = accepted(change, reasons, item.member, match)
    if change and match.is_undecided(membership.user) and withdrawn_roles(change):
        held.append(match.listed(item, conflicts.UNKNOWN_ROLES))
        return Diff(held=tuple(held), problems=tuple(problems))
    if change and item.member.status != "active" and ADMIN_ROLE in added_roles(change):
        stakes = Stakes(idle=frozenset({item.member.member_id}))
    else:
        stakes = NO_STAKES
    return Diff(
        changes=(change,) if change else (),
        unchanged=int(change is None),
        held=tuple(held),
        problems=tuple(problems),
        stakes=stakes,
    )


def _refused(match: MemberMatch, pair: MemberPair, mailbox: str, reasons: Reasons, id_: str | None = None) -> Diff:
    """Hold what Stytch would refuse, and say why."""
    text = f"{REFUSED}: {'; '.join(sorted(set(reasons.values())))}"
    held = _wanted(match, pair, mailbox, text, id_)
    return Diff(held=(held,), problems=(_problem("would-be-refused", held, hint=CORRECT),))


def delete(match: MemberMatch, pair: MemberPair) -> Diff:
    """Return the delete of a member that a manifest says must be absent."""
    causes = match.policy.causes(pair.membership)
    return Diff(changes=(_delete(match, pair.live, causes),)) if pair.live else Diff()


def _delete(match: MemberMatch, item: OwnedMember, causes: tuple[Cause, ...]) -> Delete:
    """Take a member away; the fields are what must still be so at that moment, the mark says that it was us."""
    live = item.member
    shown = {name: getattr(live, name) for name in match.kind.deletes.shown}
    shown["roles"] = list(direct_roles(live.roles))
    return Delete(
        kind=match.kind.name,
        namespace=match.desired.organization,
        name=item.address,
        id=live.member_id,
        fields=tuple(FieldChange(path=(name,), before=value) for name, value in shown.items() if value),
        mark=farewell(item, match.policy.owner),
        causes=causes,
    )


def leave(match: MemberMatch, item: OwnedMember) -> Diff:
    """Return what becomes of a live member that nothing wants: ours may go, everybody else's stays."""
    policy, user = match.policy, item.mark.user if item.mark else None
    if not item.doubt and item.whose is not Whose.OURS:
        reason = COPY if item.copied else "not created by this repository"
        reason = "managed by SCIM" if item.member.scim_registration else reason
        return Diff(unmanaged=(match.listed(item, reason),))
    if not item.doubt and policy.was_brought_back(item):
        return Diff(kept=(match.listed(item, BROUGHT_BACK),))
    if not item.doubt and match.desired.external:
        reason = KEPT_IN_EXTERNAL if policy.authoritative else "no longer wanted"
        return Diff(kept=(match.listed(item, reason),))
    if reason := item.doubt or _open(match, item, user):
        return Diff(held=(match.listed(item, reason),))
    if policy.authoritative:
        return Diff(changes=(_delete(match, item, ()),))
    return Diff(kept=(match.listed(item, "no longer wanted"),))


def _open(match: MemberMatch, item: OwnedMember, user: str | None) -> str:
    """Return what leaves it open whether one of our members is still wanted, or ""."""
    if match.is_undecided(user):
        return conflicts.UNKNOWN_WHETHER_HERE
    if user is not None and not match.policy.users.readable:
        return conflicts.UNREADABLE_USERS
    if match.policy.authoritative and not item.is_proven:
        return conflicts.NAMES_NOBODY
    return "" if match.live.complete else "not all members of this organization could be read"


def _wanted(match: MemberMatch, pair: MemberPair, mailbox: str, reason: str, id_: str | None = None) -> Listed:
    """List somebody who is wanted, with what asks for it."""
    user = pair.membership.user
    at = tuple(Position(cause.file, cause.line) for cause in match.policy.causes(pair.membership))
    return match.listed_at(mailbox, reason, id=id_, at=at, users=(user,) if user else ())


def _problem(code: str, listed: Listed, severity: Severity = "problem", hint: str = "") -> Problem:
    """Return the problem of somebody who is listed, at the same places and for the same reason."""
    message = f"{listed.address}: {listed.reason}"
    addresses, users = (listed.address,), listed.users
    return problem(code, message, hint, *listed.at, severity=severity, addresses=addresses, users=users)


def _warning(match: MemberMatch, pair: MemberPair, item: OwnedMember, code: str, text: str) -> Problem:
    """Return a warning about a live member, with what asks for its membership."""
    return _problem(code, _wanted(match, pair, item.address, text), "warning")
