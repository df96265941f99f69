"""An environment that does not exist yet: what is created first, and which changes of the plan stay valid after that.

Before its project, the environment itself and a secret are there, nothing of its data can be read, and a plan takes it
for empty. Once they are, all of it is planned again.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from msgspec import structs

from reconciler.clients.b2b import Client
from reconciler.errors import Fault, ReconcilerError
from reconciler.kinds import KINDS
from reconciler.kinds._writing import MALFORMED
from reconciler.model import Change, Changes, Delete, Outcome, Target
from reconciler.plan.narrow import hold_to
from reconciler.plan.planned import Planned
from reconciler.read.target import project_ids

FROM_LIVE: Final = "written from live: the project has a live environment"


def written_first(planned: Planned) -> Changes:
    """Return what is written first: what opens the environment, or everything, where that could be read."""
    changes = Changes.of(planned.plan.changes)
    return changes.chosen(_opens) if planned.unread else changes


def written_later(planned: Planned) -> Changes:
    """Return the changes that can be written only once the environment is open."""
    changes = Changes.of(planned.plan.changes if planned.unread else ())
    return changes.chosen(lambda change: not _opens(change))


def _opens(change: Change) -> bool:
    return KINDS[change.kind].order.opens_environment


def still_planned(planned: Planned, again: Planned) -> Changes:
    """Keep of what was planned again, once everything could be read, what was planned before.

    In an environment that this run has made nothing is anybody else's: there a change may differ in what Stytch itself
    put into it, and what it put there may go, where a manifest says so. As long as there is no secret, what lies in the
    environment's data is withheld; as long as there is no environment, everything is.
    """
    if planned.target.is_there:
        again, _new = hold_to([planned.plan], again)
    known = {change.address for change in written_later(planned)}
    return Changes.of(
        structs.replace(change, withheld_by=change.withheld_by or "dependency")
        if again.unread and not (again.target.is_there and KINDS[change.kind].api == "management")
        else change
        for change in again.plan.changes
        if change.address in known or (isinstance(change, Delete) and not planned.target.is_there)
    )


def not_planned_again(planned: Planned, again: Planned, left: Changes) -> tuple[Outcome, ...]:
    """Return what became of what was planned, and not planned again once everything could be read.

    It is held now; or it is as declared, because Stytch made it along with the environment.
    """
    held = {item.address: item.reason for item in again.plan.held}
    from_live = {change.address for change in again.plan.written_from_live}
    there = {change.address for change in left}
    return tuple(_became(change, held, from_live) for change in written_later(planned) if change.address not in there)


def _became(change: Change, held: Mapping[str, str], from_live: Container[str]) -> Outcome:
    if change.withheld_by:
        return Outcome.of(change, "withheld", blocked_by=change.withheld_by)
    if change.address in from_live:
        return Outcome.of(change, "withheld", blocked_by=FROM_LIVE)
    if change.address in held:
        return Outcome.of(change, "withheld", held[change.address], blocked_by="held")
    return Outcome.of(change, "applied", "it was already as declared")


def environments_made(outcomes: Iterable[Outcome]) -> frozenset[str]:
    """Return the slugs of the environments that this run has made, and found nowhere."""
    made = (one for one in outcomes if one.action == "create" and one.result == "applied" and not one.found)
    return frozenset(str(one.id) for one in made if one.kind == "Environment")


def pins(client: Client, target: Target, outcomes: Sequence[Outcome]) -> Mapping[str, str]:
    """Return the project ids of the environments that were made, by slug: what ``target`` should name from now on."""
    made = {one.id for one in outcomes if one.kind == "Environment" and one.action == "create"}
    with suppress(Fault, ReconcilerError, *MALFORMED):  # only a hint, and what is written is written
        return {slug: id for slug, id in project_ids(client, target).items() if slug in made} if made else {}
    return {}
