"""What of a plan is wanted: all of it, or what ``--only`` names."""

from collections.abc import Container, Sequence
from itertools import filterfalse
from typing import Self

from msgspec import Struct, structs

from reconciler.errors import InvalidInput
from reconciler.expressions.text import mailbox_or_text, trimmed
from reconciler.kinds import KINDS
from reconciler.load.repository import Declared
from reconciler.model import Change, Listed, Live, Plan, Stakes, problem
from reconciler.plan.access_loss import keep_last_admins
from reconciler.plan.guards import hold_dependants
from reconciler.plan.order import writes_of
from reconciler.plan.planned import finish
from reconciler.suggest import did_you_mean


class Selection(Struct, frozen=True):
    """What ``--only`` names: addresses, kinds, and ``organization=SLUG``; everything, where it names nothing."""

    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, only: Sequence[str], declared: Declared, organizations: Sequence[Live]) -> Self:
        """Read ``--only`` as addresses are compared; raises if it names a kind or organization that does not exist."""
        slugs = {resource.name for resource in declared.organizations} | {item.name for item in organizations}
        names = [
            *KINDS,
            *(f"organization={slug}" for slug in sorted(slugs)),
            *(f"Organization/{slug}" for slug in sorted(slugs)),
            *(resource.address for every in declared.things.values() for resource in every),
        ]
        wanted = list(map(_spelled, only))
        problems = [
            problem(
                "usage",
                f"--only {one} matches no declared or live resource",
                did_you_mean(one, names, compared=len(names))
                or f"give a kind ({', '.join(KINDS)}), organization=SLUG, or an address as shown in plans",
            )
            for one in wanted
            if not (one in names or _may_be_member(one, slugs))
        ]
        if problems:
            raise InvalidInput(problems)
        return cls(tuple(wanted))

    def has(self, item: Change | Listed) -> bool:
        """Return whether a name stands for this resource, its kind, or the organization that it lies in."""
        slug = item.name if item.kind == "Organization" else item.namespace
        return any(name in (item.address, item.kind, f"organization={slug}") for name in self.names)

    def waits_for(self, item: Listed) -> bool:
        """Return whether something that is named lies in this organization, which is held."""
        return item.kind == "Organization" and any(
            (name == "Member" and item.waiting) or name.split("/")[1:2] == [item.name] for name in self.names
        )


def narrow(plan: Plan, selection: Selection, stakes: Stakes, requests_per_second: float) -> Plan:
    """Return the plan with what is selected; what was decided and counted stays.

    An admin whose heir is not selected becomes the last one.
    """
    if not selection.names:
        return plan
    selected, others = filter(selection.has, plan.changes), filterfalse(selection.has, plan.changes)
    return finish(
        structs.replace(
            plan,
            changes=keep_last_admins(hold_dependants(tuple(selected), others), stakes),
            observed=tuple(filter(selection.has, plan.observed)),
            written_from_live=tuple(filter(selection.has, plan.written_from_live)),
            held=tuple(item for item in plan.held if selection.has(item) or selection.waits_for(item)),
            removed=tuple(filter(selection.has, plan.removed)),
            kept=tuple(filter(selection.has, plan.kept)),
            unmanaged=tuple(filter(selection.has, plan.unmanaged)),
        ),
        writes_of,
        requests_per_second=requests_per_second,
    )


def _may_be_member(one: str, slugs: Container[str]) -> bool:
    """Return whether this may be the address of a member: an e-mail address in an organization that is there."""
    kind, slug, name = (*one.split("/", 2), "", "")[:3]
    return kind == "Member" and slug in slugs and "@" in name and "*" not in name


def _spelled(one: str) -> str:
    """Return what ``--only`` names as plans show it: the address of a Member as addresses compare."""
    kind, *key = trimmed(one).split("/", 2)
    if kind.lower() != "member":
        return trimmed(one)
    return "/".join(("Member", *key[:1], *map(mailbox_or_text, key[1:])))
