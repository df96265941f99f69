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
from reconciler.marks import Owner, Whose, read_member
from reconciler.model import Live, LiveMember
from reconciler.traits import fields_of

MEMBER: Final = KINDS["Member"]


def live_members(client: Client, organizations: Sequence[Live], owner: Owner) -> tuple[list[Live], list[LeftOut]]:
    """Read the members of these organizations; of those that are left out only how many there are is said."""
    slugs = {each.id: each.name for each in organizations}
    found: list[Live] = []
    left_out: Counter[str] = Counter()
    for batch in read.members(client, dict.fromkeys(slugs, 0)):
        for organization_id, there in batch.items():
            left_out["cannot be read"] += len(there.problems)
            for member in there.members:
                if reason := _somebody_elses(member, owner):
                    left_out[reason] += 1
                elif member.status != "deleted":
                    found.append(_as_live(member, slugs[organization_id], owner))
    listed = [LeftOut(address=MEMBER.name, reason=f"{count} {reason}") for reason, count in left_out.items() if count]
    return found, listed


def _somebody_elses(member: LiveMember, owner: Owner) -> str:
    """Say who else keeps a member, if anybody does."""
    found = read_member(member, owner)
    if member.status == "deleted":
        return ""
    if member.scim_registration:
        return "kept by SCIM"
    if found.whose is Whose.ANOTHER:
        return "marked by another repository"
    return "given by rules" if found.mark and found.mark.user is not None else ""


def _as_live(member: LiveMember, slug: str, owner: Owner) -> Live:
    """Give a member's fields; of the roles of one that is ours, those that we gave: it is these that are declared."""
    mark = read_member(member, owner).mark
    roles = [role for role in direct_roles(member.roles) if mark is None or role in mark.roles]
    spec = {name: roles if name == "roles" else getattr(member, name) for name in fields_of(MEMBER.spec)}
    return Live(
        kind=MEMBER.name,
        namespace=slug,
        name=mailbox_or_text(member.email_address),
        id=member.member_id,
        spec=MEMBER.normalize(spec),
    )
