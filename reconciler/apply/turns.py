"""Whose turn it is: which changes of a plan may be written now, side by side, and which must wait for others.

Changes of a step (an action and a kind) begin when all the steps that it needs are over, and those of a rank when those
of the rank before are; of those that share what they write to, one is written at a time. Nothing else is ordered.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from itertools import groupby

from reconciler.kinds import KINDS
from reconciler.model import Change
from reconciler.plan.order import Step, needs


class Turns:
    """Hands out places in a plan: each once, when its turn has come. One thread may use it at a time."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        self._steps = TopologicalSorter(needs())
        self._steps.prepare()
        self._waves: dict[Step, deque[_Wave]] = {}
        self._open: dict[Step, _Wave] = {}
        begin = 0
        for (step, _), run in groupby(changes, key=_step_and_rank):
            end = begin + sum(1 for _ in run)
            self._waves.setdefault(step, deque()).append(_Wave(changes, begin, end))
            begin = end
        self._go_on()

    @property
    def are_over(self) -> bool:
        """Return whether all that was to be done is done."""
        return not self._open

    def take(self) -> int | None:
        """Return the first place whose turn has come; None where all that may begin has begun."""
        return next((place for wave in self._open.values() if (place := wave.take()) is not None), None)

    def done(self, place: int) -> bool:
        """Note that a change is over. Return whether others may begin therefore."""
        change = self._changes[place]
        step = change.action, change.kind
        freed = self._open[step].done(change)
        if self._open[step].is_over:
            del self._open[step]
            if self._waves[step]:
                self._begin(step)
            else:
                self._steps.done(step)
                self._go_on()
            return True
        return freed

    def _go_on(self) -> None:
        """Begin with the steps that wait for nothing any more; those without changes are over at once."""
        while steps := self._steps.get_ready():
            for step in steps:
                if self._waves.get(step):
                    self._begin(step)
                else:
                    self._steps.done(step)

    def _begin(self, step: Step) -> None:
        self._open[step] = self._waves[step].popleft()
        self._open = dict(sorted(self._open.items(), key=lambda item: item[1].begin))


class _Wave:
    """Changes of one step and rank: those that share nothing may be under way together."""

    def __init__(self, changes: Sequence[Change], begin: int, end: int) -> None:
        self.begin = begin
        self._changes = changes
        self._left = iter(range(begin, end))
        self._unfinished = end - begin
        self._freed: deque[int] = deque()
        self._queues: dict[str, deque[int]] = {}  # by what they share, of which one is under way: those that wait

    @property
    def is_over(self) -> bool:
        return not self._unfinished

    def take(self) -> int | None:
        return self._freed.popleft() if self._freed else next(self._unshared(), None)

    def done(self, change: Change) -> bool:
        self._unfinished -= 1
        shared = _shared(change)
        if shared is None:
            return False
        if self._queues[shared]:
            self._freed.append(self._queues[shared].popleft())
            return True
        del self._queues[shared]
        return False

    def _unshared(self) -> Iterator[int]:
        """Yield places whose turn has come; those of what is being written to are put aside."""
        for place in self._left:
            shared = _shared(self._changes[place])
            if shared is None:
                yield place
            elif shared in self._queues:
                self._queues[shared].append(place)
            else:
                self._queues[shared] = deque()
                yield place


def _shared(change: Change) -> str | None:
    return KINDS[change.kind].order.shares(change)


def _step_and_rank(change: Change) -> tuple[Step, int]:
    return (change.action, change.kind), KINDS[change.kind].order.rank(change)
