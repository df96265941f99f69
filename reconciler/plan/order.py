"""Changes → a plan that is finished: in the order in which they can be done, counted, with what they cost.

What is needed comes before what needs it, creates before updates; what takes away comes last, so that a run that is cut
short has given access rather than taken it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from itertools import pairwise
from typing import Final

from msgspec import structs

from reconciler.kinds import KINDS
from reconciler.model import Change, Changes, Cost, Create, Plan
from reconciler.model.packed import Chunk
from reconciler.plan.access_diff import NOBODY, access_of, with_loosened
from reconciler.plan.planned import digest
from reconciler.schema.kind import Kind

Step = tuple[str, str]  # an action and a kind


def in_order(changes: Iterable[Change]) -> Changes:
    """Sort changes into the order in which they are applied; the same changes always come out the same."""
    return in_order_by(lambda _: "", changes).get("", Changes())


def in_order_by(key: Callable[[Change], str], changes: Iterable[Change]) -> Mapping[str, Changes]:
    """Sort changes, by a key, into the order in which they are applied."""
    ranked = Changes.of(changes).sorted_into(lambda change: (key(change), rank(change)))
    found: dict[str, list[Chunk]] = {}
    for place in sorted(ranked):
        found.setdefault(place[0], []).extend(ranked[place].by_address().chunks)
    return {each: Changes(chunks) for each, chunks in found.items()}


def finish(plan: Plan, requests_per_second: float, doomed: Mapping[str, Collection[str]] = NOBODY) -> Plan:
    """Fill in what follows from the changes: their counts, what they do to people, what they cost, and the digests.

    ``doomed`` are the users in organizations that are deleted, as far as they are known. The operations digest stays
    that of the whole plan where the plan is narrowed.
    """
    actions = Counter[str]()
    writes = withheld = adopted = 0
    for change in plan.changes:
        actions[change.action] += 1
        writes += writes_of(change)
        withheld += change.withheld_by is not None
        adopted += change.adopts
    summary = structs.replace(
        plan.summary,
        create=actions["create"],
        update=actions["update"],
        delete=actions["delete"],
        withheld=withheld,
        adopt=adopted,
        unmanaged=len(plan.unmanaged),
        held=len(plan.held),
        held_by_data=sum(cause.count for cause in plan.held_by),
        removed=len(plan.removed),
        kept=len(plan.kept),
        unmatched_users=len(plan.unmatched),
        problems=len(plan.problems),
        manual_steps=len(plan.manual_steps),
    )
    cost = Cost(reads=plan.cost.reads, writes=writes, seconds_at_rate=round(writes / requests_per_second, 1))
    digests = digest(plan.project_id, plan.changes)
    operations = plan.operations_digest or digests.operations
    plan = structs.replace(plan, summary=summary, cost=cost, digest=digests.whole, operations_digest=operations)
    loosened = plan.access.loosened if plan.access else ()
    return with_loosened(structs.replace(plan, access=access_of(plan.changes, doomed)), loosened)


def rank(change: Change) -> tuple[int, int]:
    """Return the place of a change in an apply: what is needed first, then what needs it, deletes last."""
    action = change.action
    return _ORDER[action, change.kind], KINDS[change.kind].order.rank(change)


def writes_of(change: Change) -> int:
    """Return the writing requests that applying a change takes, if nothing goes wrong; a withheld one takes none."""
    if change.withheld_by:
        return 0
    kind = KINDS[change.kind]
    afterwards = isinstance(change, Create) and any(field.path[0] in kind.update_only for field in change.fields)
    return kind.verbs.writes(change) + afterwards + change.replaces


def _needs(kind: Kind) -> Iterator[tuple[Step, Step]]:
    """Yield what must be done before what, for the sake of one kind."""
    create, update, delete = (("create", kind.name), ("update", kind.name), ("delete", kind.name))
    yield update, create
    if kind.identity.one_per_parent:
        yield create, delete
    else:
        for other in KINDS:
            yield delete, ("create", other)
            yield delete, ("update", other)
    openers = [other for other in KINDS.values() if other.order.opens_environment and not kind.order.opens_environment]
    stands_on = {other.name for other in openers if other.is_shared or kind.api != "management"}
    for name in sorted(stands_on | kind.order.after):
        yield from ((create, ("create", name)), (create, ("update", name)))
    for name in sorted({other.name for other in openers} | kind.order.after):
        yield ("delete", name), delete
    if kind.namespace:
        yield from ((create, ("create", kind.namespace)), (("delete", kind.namespace), delete))
    for reference in kind.references.values():
        first = update if reference.late else create
        if reference.kind in KINDS:
            yield from ((first, ("create", reference.kind)), (first, ("update", reference.kind)))
            if not reference.late:
                yield ("delete", reference.kind), delete


def _graph() -> dict[Step, set[Step]]:
    graph: dict[Step, set[Step]] = {}
    for later, earlier in (each for kind in KINDS.values() for each in _needs(kind)):
        if earlier[1] in KINDS:
            graph.setdefault(later, set()).add(earlier)
    return graph


def _order(graph: Mapping[Step, Collection[Step]]) -> Iterator[Step]:
    """Yield every step after all that it needs, and otherwise in the order in which kinds are registered."""
    steps = TopologicalSorter(graph)
    steps.prepare()
    registered = {name: number for number, name in enumerate(KINDS)}
    ready: list[tuple[int, Step]] = []
    while steps.is_active():
        for step in steps.get_ready():
            heappush(ready, (registered[step[1]], step))
        _, step = heappop(ready)
        yield step
        steps.done(step)


_GRAPH: Final = _graph()
_ORDER: Final = {step: number for number, step in enumerate(_order(_GRAPH))}


def needs() -> Mapping[Step, Collection[Step]]:
    """Return what must be over before each step begins; others may be done together. Deletes at the end go in turn."""
    deletes = [step for step in _ORDER if step[0] == "delete" and not KINDS[step[1]].identity.one_per_parent]
    return _GRAPH | {later: {earlier, *_GRAPH.get(later, ())} for earlier, later in pairwise(deletes)}
