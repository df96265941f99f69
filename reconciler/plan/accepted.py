"""Changes and the drift that people accepted → what is left to do, and what stays as it is until its day has ended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from reconciler.load.consents import Acceptance, is_over
from reconciler.model import Accepted, Change, Changes, FieldChange, Problem, Update, completes, problem
from reconciler.model.packed import Chunk

ACCEPTED: Final = "accepted_drift"
ROLES: Final = "roles"


class Left(Struct, frozen=True, kw_only=True):
    """Acceptances: those that count, by address, those that ended, and what the former left as it is so far."""

    counting: Mapping[str, Sequence[Acceptance]]
    over: Mapping[str, Sequence[Acceptance]]
    accepted: list[Accepted] = []
    problems: list[Problem] = []

    @classmethod
    def of(cls, acceptances: Iterable[Acceptance], now: datetime) -> "Left":
        """Sort acceptances by whether their day has ended."""
        sides: tuple[dict[str, list[Acceptance]], dict[str, list[Acceptance]]] = ({}, {})
        for one in acceptances:
            sides[is_over(one.until, now)].setdefault(one.address, []).append(one)
        return cls(counting=sides[0], over=sides[1], accepted=[], problems=[])

    def without(self, changes: Changes) -> Changes:
        """Return changes without the fields that are accepted, and take note of these, and of what counts again."""
        addresses = {*self.counting, *self.over}
        if not addresses:
            return changes
        chunks: list[Chunk] = []
        for chunk in changes.chunks:
            if any(chunk.first <= address <= chunk.last for address in addresses):
                chunks += Changes.of(one for change in chunk for one in self._left_of(change)).chunks
            else:
                chunks.append(chunk)
        return Changes(chunks)

    def _left_of(self, change: Change) -> Iterator[Change]:
        """Yield what is left of a change, if anything is."""
        if not isinstance(change, Update) or change.adopts or completes(change):
            yield change
            return
        self.problems.extend(
            _over(one, change)
            for one in self.over.get(change.address, ())
            if any(one.covers(field.path) for field in change.fields)
        )
        left = change.fields
        for one in self.counting.get(change.address, ()):
            covered = tuple(field for field in left if one.covers(field.path))
            if covered:
                left = tuple(field for field in left if not one.covers(field.path))
                self.accepted.extend(_accepted(one, change, field) for field in covered)
        if left == change.fields:
            yield change
        elif left and change.replaces:  # which would set every field anew
            yield structs.replace(change, withheld_by=ACCEPTED)
        elif left:
            # A mark that says which roles we gave would be wrong if these are not given now.
            mark = None if change.get(ROLES) and not any(field.path == (ROLES,) for field in left) else change.mark
            yield structs.replace(change, fields=left, mark=mark)


def _accepted(one: Acceptance, change: Change, field: FieldChange) -> Accepted:
    return Accepted(
        name=one.name,
        address=change.address,
        path=field.path,
        before=field.before,
        after=field.after,
        reason=one.reason,
        until=one.until.isoformat(),
        at=one.at,
    )


def _over(one: Acceptance, change: Change) -> Problem:
    message = f"drift that was accepted until {one.until} counts again: {', '.join(one.fields)} ({one.reason})"
    hint = "apply what is declared, declare what is live, or accept it until another day"
    return problem("acceptance-over", message, hint, one.at, severity="warning", addresses=(change.address,))
