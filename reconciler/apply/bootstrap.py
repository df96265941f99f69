"""An environment that does not exist yet: what is created first, and which changes of the plan stay valid after that.

A project, an environment and a secret are the *foundation*: before they are there, nothing of the environment's data
can be read, and a plan takes it for empty. Once they are, all of it is planned again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import structs

from reconciler.apply.run import outcome_of
from reconciler.clients.b2b import Client
from reconciler.config.read import Config
from reconciler.kinds import KINDS
from reconciler.model import Change, Delete, Outcome, Target
from reconciler.plan.planned import Planned
from reconciler.plan.review import hold_to
from reconciler.read.target import project_ids

FROM_LIVE: Final = "written from live: the project has a live environment"
Changes = tuple[Change, ...]


def foundation(planned: Planned) -> Changes:
    """Return what must be there before anything can be read."""
    return tuple(change for change in planned.plan.changes if KINDS[change.kind].order.opens_environment)


def built_on_it(planned: Planned) -> Changes:
    """Return everything else."""
    return tuple(change for change in planned.plan.changes if not KINDS[change.kind].order.opens_environment)


def held_back(changes: Changes, target: Target) -> Changes:
    """Withhold what lies in the environment's data, as there is still no secret; or all, if there is no environment."""
    return tuple(
        change
        if target.is_there and KINDS[change.kind].api == "management"
        else structs.replace(change, withheld_by=change.withheld_by or "dependency")
        for change in changes
    )


def held_to_what_was_planned(planned: Planned, again: Planned, config: Config) -> Changes:
    """Keep of what was planned again, once everything could be read, what was planned before.

    In an environment that this run has made nothing is anybody else's: there a change may differ in what Stytch itself
    put into it, and what it put there may go, where a manifest says so.
    """
    if planned.target.is_there:
        again, _new = hold_to(planned.plan, again, config.rates.writes_per_second)
    known = {change.address for change in built_on_it(planned)}
    return tuple(
        change
        for change in again.plan.changes
        if change.address in known or (isinstance(change, Delete) and not planned.target.is_there)
    )


def not_planned_again(planned: Planned, again: Planned, left: Changes) -> tuple[Outcome, ...]:
    """Return what became of what was planned, and not planned again once everything could be read.

    It is held now; or it is as declared, because Stytch made it along with the environment.
    """
    held = {item.address: f"held: {item.reason}" for item in again.plan.held}
    held |= {each.address: FROM_LIVE for each in again.plan.written_from_live}
    there = {change.address for change in left}
    return tuple(_became(change, held) for change in built_on_it(planned) if change.address not in there)


def _became(change: Change, held: Mapping[str, str]) -> Outcome:
    if change.withheld_by:
        return outcome_of(change, "withheld", change.withheld_by)
    if change.address in held:
        return outcome_of(change, "withheld", held[change.address])
    return outcome_of(change, "applied", "it was already as declared")


def environments_made(outcomes: Iterable[Outcome]) -> frozenset[str]:
    """Return the slugs of the environments that this run has made, and found nowhere."""
    made = (one for one in outcomes if one.action == "create" and one.result == "applied" and not one.found)
    return frozenset(str(one.id) for one in made if one.address.startswith("Environment/"))


def pins(client: Client, target: Target, outcomes: Sequence[Outcome]) -> Mapping[str, str]:
    """Return the project ids of the environments that were made, by slug: what ``target`` should name from now on."""
    made = {one.id for one in outcomes if one.address.startswith("Environment/") and one.action == "create"}
    return {slug: id for slug, id in project_ids(client, target).items() if slug in made} if made else {}
