"""Members as manifests, where they are asked for: those that no rule gives and no identity provider keeps."""

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
    """Read the members of these organizations; of those that are left out only how many there are is said."""
    slugs = {each.id: each.name for each in organizations}
    found: list[Live] = []
    left_out: Counter[str] = Counter()
    for batch in read.members(client, dict.fromkeys(slugs, 0)):
        for organization_id, there in batch.items():
            left_out["cannot be read"] += there.unread
            present = told_apart(read_member(one, owner) for one in there.members if one.status != "deleted")
            mailboxes = Counter(one.address for one in present)
            for one in present:
                if one.member.member_id in there.odd:
                    left_out["cannot be read whole"] += 1
                elif mailboxes[one.address] > 1:
                    left_out["on one mailbox, spelled differently"] += 1
                elif reason := _somebody_elses(one):
                    left_out[reason] += 1
                else:
                    found.append(_as_live(one, slugs[organization_id]))
    listed = [LeftOut(address=MEMBER.name, reason=f"{count} {reason}") for reason, count in left_out.items() if count]
    return found, listed


def _somebody_elses(one: Present) -> str:
    """Say who else keeps a member, if anybody does or may."""
    if one.member.scim_registration:
        return "kept by SCIM"
    if one.doubt:
        return "whose mark may be a copy"
    if one.whose is Whose.ANOTHER:
        return "marked by another repository"
    return "given by rules" if one.mark and one.mark.user is not None else ""


def _as_live(one: Present, slug: str) -> Live:
    """Give a member's fields; of the roles of one that is ours, those that we gave: it is these that are declared."""
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
