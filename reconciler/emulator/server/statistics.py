"""Counts of the requests to the emulator, for tests and benchmarks."""

import threading
from collections import Counter
from typing import Any


class Statistics:
    """Counts requests by route and status, and by route the maximum in a second and in a minute of the clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.per_second: Counter[str] = Counter()
        self.per_minute: Counter[str] = Counter()
        self._current: dict[tuple[str, int], tuple[int, int]] = {}

    def count(self, name: str, status: int, now: float) -> None:
        """Count an answered request to the route ``name``, and to ``all``."""
        with self._lock:
            self.requests[name] += 1
            self.statuses[status] += 1
            for each in (name, "all"):
                for seconds, busiest in ((1, self.per_second), (60, self.per_minute)):
                    window = int(now // seconds)
                    began, so_far = self._current.get((each, seconds), (window, 0))
                    so_far = so_far + 1 if began == window else 1
                    self._current[each, seconds] = (window, so_far)
                    busiest[each] = max(busiest[each], so_far)

    @property
    def refused(self) -> int:
        """Return the number of 429 answers."""
        return self.statuses[429]

    def summary(self) -> dict[str, Any]:
        """Return all counts as a JSON value."""
        with self._lock:
            return {
                "requests": dict(self.requests),
                "statuses": {str(status): number for status, number in self.statuses.items()},
                "busiest_second": dict(self.per_second),
                "busiest_minute": dict(self.per_minute),
            }
