"""What of a plan is wanted: all of it, what ``--only`` names, or what a reviewed plan holds as well."""

from collections.abc import Container, Sequence
from itertools import filterfalse
from typing import Self

from msgspec import Struct, structs

from reconciler.errors import InvalidInput
from reconciler.expressions.text import mailbox_or_text, trimmed
from reconciler.kinds import KINDS
from reconciler.load.repository import Declared
from reconciler.model import MEMBER, ORGANIZATION, Change, Changes, Listed, Live, Plan, problem
from reconciler.plan.access import keep_last_admins
from reconciler.plan.approvals import still_used
from reconciler.plan.guards import withhold_dependants
from reconciler.plan.order import finish
from reconciler.plan.planned import Planned
from reconciler.plan.reviewed import Review, check_target, held_to
from reconciler.suggest import did_you_mean


class Selection(Struct, frozen=True):
    """What ``--only`` names: addresses, kinds, and ``organization=SLUG``; everything, where it names nothing.

    ``origins`` are those of the changes that are wanted; all, where it is empty.
    """

    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    @classmethod
    def parse(
        cls,
        only: Sequence[str],
        declared: Declared,
        organizations: Sequence[Live],
        origins: Sequence[str] = (),
        *,
        are_known: bool = True,
    ) -> Self:
        """Read ``--only`` as addresses are compared; raises if it names a kind or organization that does not exist.

        So it does for ``origins``, unless it is known where changes come from.
        """
        if origins and not are_known:
            message = "--origin is given, but nothing tells where changes come from, so nothing was written"
            raise InvalidInput(message, hint="the warning about the state in git, in `reconciler plan`, says why")
        slugs = {resource.name for resource in declared.organizations} | {item.name for item in organizations}
        names = [
            *KINDS,
            *(f"organization={slug}" for slug in sorted(slugs)),
            *(f"Organization/{slug}" for slug in sorted(slugs)),
            *(one.address for one in declared.resources if one.kind not in (ORGANIZATION, MEMBER)),
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
        return cls(tuple(wanted), tuple(origins))

    def has(self, item: Change | Listed) -> bool:
        """Return whether a name stands for this resource, its kind, or the organization that it lies in."""
        if not self.names:
            return True
        slug = item.name if item.kind == ORGANIZATION else item.namespace
        return any(name in (item.address, item.kind, f"organization={slug}") for name in self.names)

    def wants(self, change: Change) -> bool:
        """Return whether a change is wanted."""
        return self.has(change) and (not self.origins or change.origin in self.origins)

    def waits_for(self, item: Listed) -> bool:
        """Return whether something that is named lies in this organization, which is held."""
        return item.kind == ORGANIZATION and any(
            (name == MEMBER and item.waiting) or name.split("/")[1:2] == [item.name] for name in self.names
        )


def narrow(planned: Planned, selection: Selection) -> Planned:
    """Return a plan with what is selected; what was decided and counted stays.

    An admin whose heir is not selected becomes the last one.
    """
    if not (selection.names or selection.origins):
        return planned
    whole = planned.plan
    selected, others = Changes.of(whole.changes).chosen(selection.wants), filterfalse(selection.wants, whole.changes)
    plan = structs.replace(
        whole,
        changes=keep_last_admins(withhold_dependants(selected, others), planned.stakes),
        observed=Changes.of(whole.observed).chosen(selection.wants),
        written_from_live=Changes.of(whole.written_from_live).chosen(selection.wants),
        held=tuple(item for item in whole.held if selection.has(item) or selection.waits_for(item)),
        removed=tuple(filter(selection.has, whole.removed)),
        kept=tuple(filter(selection.has, whole.kept)),
        unmanaged=tuple(filter(selection.has, whole.unmanaged)),
    )
    return structs.replace(planned, plan=still_used(finish(plan, planned.rate, planned.doomed), planned.lets))


def hold_to(reviewed: Sequence[Plan], planned: Planned) -> tuple[Planned, Changes]:
    """Keep of a fresh plan what the reviewed ones hold together, not withheld and the same.

    Gives the plan to apply, in which whatever moved since is withheld, and the changes that are new: they are not
    part of what was reviewed, so they are listed and not written.
    """
    fresh = planned.plan
    for plan in reviewed:
        check_target(plan, fresh)
    known, new, moved = held_to(list(map(Review.of, reviewed)), Changes.of(fresh.changes))
    plan = finish(structs.replace(fresh, changes=keep_last_admins(known, planned.stakes)), planned.rate, planned.doomed)
    return structs.replace(planned, plan=still_used(plan, planned.lets), moved=moved), new


def _may_be_member(one: str, slugs: Container[str]) -> bool:
    """Return whether this may be the address of a member: an e-mail address in an organization that is there."""
    kind, slug, name = (*one.split("/", 2), "", "")[:3]
    return kind == MEMBER and slug in slugs and "@" in name and "*" not in name


def _spelled(one: str) -> str:
    """Return what ``--only`` names as plans show it: the address of a Member as addresses compare."""
    kind, *key = trimmed(one).split("/", 2)
    if kind.lower() != "member":
        return trimmed(one)
    return "/".join((MEMBER, *key[:1], *map(mailbox_or_text, key[1:])))
