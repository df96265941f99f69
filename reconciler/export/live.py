"""Stytch → every resource that can be exported, under the names that manifests use."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, structs

from reconciler.clients.b2b import Client
from reconciler.credentials.store import CredentialStore
from reconciler.diff.ownership import OwnedMember, Owner, Whose, judge_copies, read_member
from reconciler.diff.roles import direct_roles
from reconciler.errors import Refused, Rejected, Unreadable
from reconciler.export.manifests import LeftOut
from reconciler.expressions.text import mailbox_or_text
from reconciler.kinds import KINDS
from reconciler.load.repository import Declared
from reconciler.model import MEMBER, ORGANIZATION, Live, Target
from reconciler.read.live import looked_for_in, read_organizations, read_resources, with_names
from reconciler.read.members import read_members
from reconciler.read.run import Run
from reconciler.read.target import check_target, open_target
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import credential_name
from reconciler.schema.traits import fields_of

UNAUTHORIZED: Final = 401
NEEDED: Final = {
    "management": "needs a workspace key: STYTCH_WORKSPACE_KEY_ID and STYTCH_WORKSPACE_KEY_SECRET",
    "data": "needs a secret of the environment: STYTCH_PROJECT_ID and STYTCH_SECRET",
}


class LiveProject(Struct, frozen=True, kw_only=True):
    """The target that was read, its live resources except members, and those without access or a unique name."""

    target: Target
    live: Sequence[Live]
    left_out: Sequence[LeftOut]


def read_exportable(run: Run, declared: Declared) -> LiveProject:
    """Return everything but members that the credentials can read.

    Raises the errors of a plan: ``Refused`` for another project or environment, ``Unreadable`` for a failed read.
    """
    client = run.client
    reached = frozenset(name for name, kind in KINDS.items() if _reaches(client, kind))
    target = open_target(structs.replace(run, config=structs.replace(run.config, kinds=reached)), declared)
    check_target(run.config, target)
    if not target.project_is_there:
        raise Refused(f"the project {target.project} does not exist, so there is nothing to export")
    organizations = read_organizations(client) if client.has_data else ()
    target = looked_for_in(target, {each.name: each for each in organizations}, organizations)
    rows_by_kind: dict[str, Sequence[Live]] = {}
    left_out: list[LeftOut] = []
    for name, kind in KINDS.items():
        if not _reaches(client, kind):
            reason = NEEDED["management" if kind.api == "management" else "data"]
            left_out.append(LeftOut(address=name, reason=reason))
        elif not kind.is_searched:
            try:
                rows_by_kind[name] = _called(kind, read_resources(client, [name], target)[name], declared, run.store)
            except Unreadable as error:
                left_out.append(_refused(name, error))
    rows_by_kind[ORGANIZATION] = organizations
    every = {name: list(_apart(KINDS[name], rows, left_out)) for name, rows in rows_by_kind.items()}
    names = {name: {row.id: row.name for row in rows} for name, rows in every.items()}
    live = [with_names(KINDS[name], row, names) for name, rows in every.items() for row in rows]
    return LiveProject(target=target, live=live, left_out=left_out)


def _reaches(client: Client, kind: Kind) -> bool:
    return client.has_management if kind.api == "management" else client.has_data


def _called(kind: Kind, rows: Sequence[Live], declared: Declared, store: CredentialStore) -> Sequence[Live]:
    """Return resources without names under the names of the manifests whose credentials the store holds."""
    if not kind.identity.id_is_key:
        return rows
    names = {store.id_of(credential_name(kind, each)): each.name for each in declared.by_kind.get(kind.name, ())}
    return [structs.replace(row, name=names.get(row.id, row.name)) for row in rows]


def _apart(kind: Kind, rows: Sequence[Live], left_out: list[LeftOut]) -> Iterator[Live]:
    """Yield the resources that a manifest can name: not self-registered, and with a unique name."""
    counts = Counter(row.address for row in rows if not kind.identity.registered_itself(row))
    for row in rows:
        if kind.identity.registered_itself(row):
            left_out.append(LeftOut(address=row.address, id=row.id, reason="it registered itself"))
        elif counts[row.address] > 1:
            reason = f"{counts[row.address]} resources have this name"
            left_out.append(LeftOut(address=row.address, id=row.id, reason=reason))
        else:
            yield row


def _refused(kind: str, error: Unreadable) -> LeftOut:
    """Return that Stytch refuses to show a kind, for example of a product that is not enabled. Raise other errors."""
    fault = error.__cause__
    if not isinstance(fault, Rejected) or fault.status == UNAUTHORIZED:
        raise error
    return LeftOut(address=kind, reason=f"Stytch refuses to show it: {fault}")


def live_members(client: Client, organizations: Sequence[Live], owner: Owner) -> tuple[list[Live], list[LeftOut]]:
    """Return the members of these organizations, and the number of those that are left out, for each reason."""
    slugs = {each.id: each.name for each in organizations}
    found: list[Live] = []
    left_out: Counter[str] = Counter()
    for batch in read_members(client, dict.fromkeys(slugs, 0)):
        for organization_id, there in batch.items():
            left_out["could not be read"] += there.unread
            present = judge_copies(read_member(row, owner) for row in there.members if row.status != "deleted")
            mailboxes = Counter(member.address for member in present)
            for member in present:
                if member.member.member_id in there.half_read:
                    left_out["could not be read completely"] += 1
                elif mailboxes[member.address] > 1:
                    left_out["on the mailbox of another member, in another spelling"] += 1
                elif reason := _somebody_elses(member):
                    left_out[reason] += 1
                else:
                    found.append(_as_live(member, slugs[organization_id]))
    listed = [LeftOut(address=MEMBER, reason=f"{count} {reason}") for reason, count in left_out.items() if count]
    return found, listed


def _somebody_elses(present: OwnedMember) -> str:
    """Return why the member is not ours to declare, or ""."""
    if present.member.scim_registration:
        return "managed by SCIM"
    if present.doubt:
        return "with a mark that may be a copy"
    if present.whose is Whose.ANOTHER:
        return "marked by another repository"
    return "assigned by rules" if present.mark and present.mark.user is not None else ""


def _as_live(present: OwnedMember, slug: str) -> Live:
    """Return the member as a live resource. For a member that is ours, ``roles`` are only the roles that we gave."""
    kind, member, mark = KINDS[MEMBER], present.member, present.mark
    roles = [role for role in direct_roles(member.roles) if mark is None or role in mark.roles]
    spec = {name: roles if name == "roles" else getattr(member, name) for name in fields_of(kind.spec)}
    return Live(
        kind=MEMBER,
        namespace=slug,
        name=mailbox_or_text(member.email_address),
        id=member.member_id,
        spec=kind.normalize(spec),
    )
