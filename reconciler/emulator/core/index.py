"""The search index: the store itself, or a copy that gets the writes later [1.3, 7.20]."""

from collections import deque
from collections.abc import Callable

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.store import Store, Write


class Index:
    """The index that searches read. ``catch_up`` is called at the beginning of each request."""

    def __init__(self, store: Store, behaviour: Behaviour, clock: Callable[[], float]) -> None:
        self._truth = store
        self._behaviour = behaviour
        self._clock = clock
        self._requests = 0
        self._pending: deque[tuple[int, float, Write]] = deque()
        self._lags = behaviour.search_lag_ms > 0 or behaviour.search_lag_requests > 0
        self.store = store.copy() if self._lags else store
        if self._lags:
            store.follower = self._follow

    def catch_up(self) -> None:
        """Apply the writes that are due."""
        self._requests += 1
        now = self._clock()
        while self._pending and self._pending[0][0] < self._requests and self._pending[0][1] <= now:
            self.store.repeat(self._pending.popleft()[2])

    def refresh(self) -> None:
        """Copy the complete store, as after a bulk load."""
        if self._lags:
            self.store.close()
            self.store = self._truth.copy()
            self._pending.clear()

    def close(self) -> None:
        """Close the copy."""
        if self._lags:
            self.store.close()

    def _follow(self, write: Write) -> None:
        due = self._requests + self._behaviour.search_lag_requests
        self._pending.append((due, self._clock() + self._behaviour.search_lag_ms / 1000, write))
