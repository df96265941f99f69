"""Plans that somebody reviewed, and a fresh one: what of it is the same, what has moved, what is new.

The union of several reviewed plans is what was reviewed. A plan from a snapshot shows people hashed, so the fresh one
is looked at through its salt.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Self

from msgspec import Struct, structs

from reconciler.errors import Refused
from reconciler.expressions.redaction import BLIND, NOBODY, Redaction
from reconciler.model import Change, Changes, Plan, Update
from reconciler.model.packed import Chunk
from reconciler.plan.redacted import is_same, redacted_change

MOVED: Final = "moved"  # what a change is withheld by that is not as it was reviewed
SAID: Final = 100  # changes of which it is said what moved
NAMED: Final = 5  # fields that are named


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


Thing = tuple[str, str | None]  # an address, and, where that is only a domain, whose it is
Seen = Sequence[tuple["Review | Shown", Change]]


def check_target(reviewed: Plan, fresh: Plan) -> None:
    """Refuse a plan of another environment or project than the fresh one's."""
    # What was planned before its environment was made names no project yet.
    if reviewed.project_id not in ("", fresh.project_id) or reviewed.environment != fresh.environment:
        raise Refused(
            f"the plan is for environment {reviewed.environment} ({reviewed.project_id}), "
            f"this is {fresh.environment} ({fresh.project_id})",
            hint="apply it where it was created, or plan again",
        )


def held_to(reviews: Sequence[Review], fresh: Changes) -> tuple[Changes, Changes, Mapping[str, str]]:
    """Return the changes of what was reviewed, those that have moved withheld, and the others, which are new.

    The last says of the first that have moved, by their addresses, what did.
    """
    known: list[Chunk] = []
    said: dict[str, str] = {}
    new: list[Chunk] = []
    for chunk in fresh.chunks:
        seen: dict[str, list[tuple[Review, Change]]] = {}
        for review in reviews:
            for address, change in review.about(chunk):
                seen.setdefault(address, []).append((review, change))
        found = Changes([chunk]).sorted_into(partial(_is_of, seen))
        known += found.get(True, Changes()).altered(partial(_held, seen=seen, said=said)).chunks
        new += found.get(False, Changes()).chunks
    return Changes(known), Changes(new), said


def _is_of(addresses: Container[str], change: Change) -> bool:
    return change.address in addresses


def _held(change: Change, seen: Mapping[str, Seen], said: dict[str, str]) -> Change:
    """Withhold a change that is none of those that were reviewed of its thing; a new organization has two."""
    if change.withheld_by or is_reviewed(change, seen[change.address]):
        return change
    if len(said) < SAID:
        said[change.address] = what_moved(change, seen[change.address])
    return structs.replace(change, withheld_by=MOVED)


def what_moved(change: Change, seen: Seen) -> str:
    """Return how a change differs from what was reviewed of its thing: from what is most like it."""
    consented = [(review.shown(change), one) for review, one in seen if not one.withheld_by]
    if not consented:
        return "it was withheld when it was reviewed"
    now, then = max(consented, key=lambda pair: (pair[0].action == pair[1].action, pair[0].id == pair[1].id))
    if now.action != then.action:
        return f"reviewed was its {then.action}, now it is to {now.action}"
    if now.id != then.id:
        return "it is another one in Stytch than when it was reviewed"
    return "; ".join(_differences(now, then)) or "it is about another user, or is adopted"


def _differences(now: Change, then: Change) -> Iterator[str]:
    """Yield which fields of a change differ from those of the reviewed one, and on which side."""
    fresh, reviewed = ({field.path: field for field in change.fields} for change in (now, then))
    both = [path for path in fresh if path in reviewed]
    live = [path for path in both if fresh[path].before != reviewed[path].before]
    wanted = [path for path in both if fresh[path].after != reviewed[path].after]
    for paths, says in (
        (live, "changed in Stytch"),
        (wanted, "is to become something else"),
        ([path for path in fresh if path not in reviewed], "was not to change when it was reviewed"),
        ([path for path in reviewed if path not in fresh], "needs no change any more"),
    ):
        if paths:
            names = [".".join(path) for path in paths]
            more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
            yield f"{', '.join(names[:NAMED])}{more}: {says}"


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


class Checked(Struct, frozen=True, kw_only=True):
    """What became of reviewed plans: how many changes are the ``same``, and which are not.

    ``moved`` are fresh changes that differ from what was reviewed of their things, ``gone`` reviewed ones that are not
    planned any more: they are applied already, or somebody undid what they rested on. ``unrelated`` are fresh changes
    of other things. All of them are addresses, as the fresh plan shows them; those that are gone as the reviewed does.
    ``differences`` says of the first that moved what did.
    """

    same: int = 0
    moved: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    unrelated: tuple[str, ...] = ()
    differences: Mapping[str, str] = {}  # msgspec copies an empty default

    @property
    def holds(self) -> bool:
        """Return whether the fresh plan does what was reviewed."""
        return not (self.moved or self.gone)


def checked(reviewed: Sequence[Plan], fresh: Plan) -> Checked:
    """Return whether a fresh plan, live or from a snapshot, still does what was reviewed; raises ``Refused``."""
    for plan in reviewed:
        check_target(plan, fresh)
    same, moved, unrelated, differences = 0, list[str](), list[str](), dict[str, str]()
    sides = [_Sides.of(plan, fresh) for plan in reviewed]
    about = [_by_thing(side) for side in sides]
    found: set[tuple[int, Thing]] = set()
    for change in fresh.changes:
        shown = [side.fresh(change) for side in sides]
        seen = [
            (Shown(one), each) for one, there in zip(shown, about, strict=True) for each in there.get(_thing(one), ())
        ]
        found.update((number, _thing(one)) for number, one in enumerate(shown))
        if not any(not each.withheld_by for _, each in seen):
            unrelated.append(change.address)
        elif change.withheld_by or not is_reviewed(change, seen):
            moved.append(change.address)
            if len(differences) < SAID:
                differences[change.address] = _why(change, seen)
        else:
            same += 1
    gone = [
        changes[0].address
        for number, there in enumerate(about)
        for thing, changes in there.items()
        if (number, thing) not in found and any(not change.withheld_by for change in changes)
    ]
    return Checked(
        same=same,
        moved=tuple(moved),
        gone=tuple(dict.fromkeys(gone)),
        unrelated=tuple(unrelated),
        differences=differences,
    )


def _why(change: Change, seen: Seen) -> str:
    return f"withheld by {change.withheld_by}" if change.withheld_by else what_moved(change, seen)


class Shown(Struct, frozen=True):
    """A fresh change as a reviewed plan, or a snapshot of it, shows it."""

    change: Change

    def shown(self, _change: Change) -> Change:
        """Return the change."""
        return self.change


class _Sides(Struct, frozen=True):
    """A reviewed plan and how it, and the fresh one, look where both are shown alike."""

    plan: Plan
    fresh: Callable[[Change], Change]
    reviewed: Callable[[Change], Change]

    @classmethod
    def of(cls, plan: Plan, fresh: Plan) -> Self:
        """Hash the one that is not hashed with the salt of the other; of two salts only the domains are left."""
        mine, theirs = plan.snapshot, fresh.snapshot
        if mine and theirs and mine.salt != theirs.salt:
            return cls(plan, _blind, _blind)
        if mine and not theirs:
            return cls(plan, partial(redacted_change, redaction=Redaction(salt=mine.salt)), _as_it_is)
        if theirs and not mine:
            return cls(plan, _as_it_is, partial(redacted_change, redaction=Redaction(salt=theirs.salt)))
        return cls(plan, _as_it_is, _as_it_is)


def _thing(change: Change) -> Thing:
    user = change.mark.user if change.mark else None
    return (change.address, user or change.id) if change.name.startswith(NOBODY) else (change.address, None)


def _by_thing(side: _Sides) -> Mapping[Thing, Sequence[Change]]:
    found: dict[Thing, list[Change]] = {}
    for change in map(side.reviewed, side.plan.changes):
        found.setdefault(_thing(change), []).append(change)
    return found


def _as_it_is(change: Change) -> Change:
    return change


def _blind(change: Change) -> Change:
    return redacted_change(change, BLIND)
