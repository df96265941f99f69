"""Members as manifests (``--members``): those that no rule assigns and no identity provider manages."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from reconciler import read
from reconciler.clients.data import Client
from reconciler.diff.roles import direct_roles
from reconciler.export.manifests import LeftOut
from reconciler.expressions.text import mailbox_or_text
from reconciler.kinds import KINDS
from reconciler.marks import Owner, Present, Whose, read_member, told_apart
from reconciler.model import Live
from reconciler.traits import fields_of

MEMBER: Final = KINDS["Member"]


def live_members(client: Client, organizations: Sequence[Live], owner: Owner) -> tuple[list[Live], list[LeftOut]]:
    """Return the members of these organizations, and the number of those that are left out, for each reason."""
    slugs = {each.id: each.name for each in organizations}
    found: list[Live] = []
    left_out: Counter[str] = Counter()
    for batch in read.members(client, dict.fromkeys(slugs, 0)):
        for organization_id, there in batch.items():
            left_out["could not be read"] += there.unread
            present = told_apart(read_member(one, owner) for one in there.members if one.status != "deleted")
            mailboxes = Counter(one.address for one in present)
            for one in present:
                if one.member.member_id in there.odd:
                    left_out["could not be read completely"] += 1
                elif mailboxes[one.address] > 1:
                    left_out["on the mailbox of another member, in another spelling"] += 1
                elif reason := _somebody_elses(one):
                    left_out[reason] += 1
                else:
                    found.append(_as_live(one, slugs[organization_id]))
    listed = [LeftOut(address=MEMBER.name, reason=f"{count} {reason}") for reason, count in left_out.items() if count]
    return found, listed


def _somebody_elses(one: Present) -> str:
    """Return why the member is not ours to declare, or ""."""
    if one.member.scim_registration:
        return "managed by SCIM"
    if one.doubt:
        return "with a mark that may be a copy"
    if one.whose is Whose.ANOTHER:
        return "marked by another repository"
    return "assigned by rules" if one.mark and one.mark.user is not None else ""


def _as_live(one: Present, slug: str) -> Live:
    """Return the member as a live resource. For a member that is ours, ``roles`` are only the roles that we gave."""
    member, mark = one.member, one.mark
    roles = [role for role in direct_roles(member.roles) if mark is None or role in mark.roles]
    spec = {name: roles if name == "roles" else getattr(member, name) for name in fields_of(MEMBER.spec)}
    return Live(
        kind=MEMBER.name,
        namespace=slug,
        name=mailbox_or_text(member.email_address),
        id=member.member_id,
        spec=MEMBER.normalize(spec),
    )
