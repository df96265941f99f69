"""Plans that somebody reviewed, and a fresh one: what of it is the same, what has moved, what is new.

The union of several reviewed plans is what was reviewed. A plan from a snapshot shows people hashed, so the fresh one
is looked at through its salt.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Self

from msgspec import Struct, structs

from reconciler.errors import Refused
from reconciler.expressions.redaction import Redaction
from reconciler.model import Change, Changes, Plan, Update
from reconciler.model.packed import Chunk
from reconciler.plan.redacted import is_same, redacted_change


class Review(Struct, frozen=True):
    """The changes of a reviewed plan; where people are hashed in it, how, and where each address stands."""

    changes: Changes
    redaction: Redaction | None = None
    places: Mapping[str, Sequence[int]] = {}  # msgspec copies an empty default

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Make a plan ready to be compared with."""
        if plan.snapshot is None:
            return cls(Changes.of(plan.changes).by_address())
        changes, places = Changes.of(plan.changes), dict[str, list[int]]()
        for number, change in enumerate(changes):
            places.setdefault(change.address, []).append(number)
        return cls(changes, Redaction(salt=plan.snapshot.salt), places)

    def about(self, chunk: Chunk) -> Iterator[tuple[str, Change]]:
        """Yield what was reviewed of the things that some fresh changes are about, with their addresses."""
        if self.redaction is None:
            yield from ((change.address, change) for change in self.changes.between(chunk.first, chunk.last))
            return
        for address in dict.fromkeys(change.address for change in chunk):
            yield from ((address, self.changes[at]) for at in self.places.get(self.redaction.text(address), ()))

    def shown(self, change: Change) -> Change:
        """Return a fresh change as this plan shows it."""
        return redacted_change(change, self.redaction) if self.redaction else change


Seen = Sequence[tuple[Review, Change]]


def check_target(reviewed: Plan, fresh: Plan) -> None:
    """Refuse a plan of another environment or project than the fresh one's."""
    # What was planned before its environment was made names no project yet.
    if reviewed.project_id not in ("", fresh.project_id) or reviewed.environment != fresh.environment:
        raise Refused(
            f"the plan is for environment {reviewed.environment} ({reviewed.project_id}), "
            f"this is {fresh.environment} ({fresh.project_id})",
            hint="apply it where it was created, or plan again",
        )


def held_to(reviews: Sequence[Review], fresh: Changes) -> tuple[Changes, Changes]:
    """Return the changes of what was reviewed, those that have moved withheld, and the others, which are new."""
    known: list[Chunk] = []
    new: list[Chunk] = []
    for chunk in fresh.chunks:
        seen: dict[str, list[tuple[Review, Change]]] = {}
        for review in reviews:
            for address, change in review.about(chunk):
                seen.setdefault(address, []).append((review, change))
        found = Changes([chunk]).sorted_into(partial(_is_of, seen))
        known += found.get(True, Changes()).altered(partial(_held, seen=seen)).chunks
        new += found.get(False, Changes()).chunks
    return Changes(known), Changes(new)


def _is_of(addresses: Container[str], change: Change) -> bool:
    return change.address in addresses


def _held(change: Change, seen: Mapping[str, Seen]) -> Change:
    """Withhold a change that is none of those that were reviewed of its thing; a new organization has two."""
    if change.withheld_by or is_reviewed(change, seen[change.address]):
        return change
    return structs.replace(change, withheld_by="moved")


def is_reviewed(change: Change, seen: Seen) -> bool:
    """Return whether a change was reviewed: as it is, or an update field by field in several plans."""
    consented = [(review, one) for review, one in seen if not one.withheld_by]
    if any(is_same(review.shown(change), one) for review, one in consented):
        return True
    return isinstance(change, Update) and len(consented) > 1 and _is_union(change, consented)


def _is_union(change: Update, seen: Seen) -> bool:
    """Return whether the fields of an update are those of several reviewed ones, no more and no less."""
    if any(type(one) is not Update or (one.id, one.adopts) != (change.id, change.adopts) for _, one in seen):
        return False
    found = set[int]()
    for review, one in seen:
        fields = review.shown(change).fields
        if any(field not in fields for field in one.fields):
            return False
        found |= {fields.index(field) for field in one.fields}
    return len(found) == len(change.fields)


def lost(reviews: Iterable[Review], fresh: Changes) -> Iterator[Change]:
    """Yield the reviewed changes that the fresh plan does not have: applied already, or not needed any more."""
    for review in reviews:
        if review.redaction is None:
            there = {change.address for change in fresh}
        else:
            there = {review.redaction.text(change.address) for change in fresh}
        yield from (change for change in review.changes if not change.withheld_by and change.address not in there)
