"""Rate limits for each project, in windows aligned to the clock [1.4]."""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.emulator.server.routes import Route

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """The number of requests in each window of so many seconds."""

    requests: int
    seconds: float


VENDOR: Mapping[str, Limit] = {
    "organizations_search": Limit(100, MINUTE),
    "members_search": Limit(100, MINUTE),
    "users_search": Limit(150, MINUTE),
}


class Limits:
    """Limits by route name. ``writes`` counts all writes together, ``requests`` all requests."""

    def __init__(self, limits: Mapping[str, Limit] | None = None) -> None:
        self.limits = dict(limits or {})
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str], tuple[int, int]] = {}

    def wait(self, project_id: str, route: Route, now: float) -> int | None:
        """Count the request and return None; where a window is full, return the whole seconds until it ends."""
        names = [route.name, "requests"] if route.reads else [route.name, "requests", "writes"]
        with self._lock:
            used = []
            for name in names:
                limit = self.limits.get(name)
                if limit is None:
                    continue
                window = int(now // limit.seconds)
                began, so_far = self._used.get((project_id, name), (window, 0))
                so_far = so_far if began == window else 0
                if so_far >= limit.requests:
                    return max(1, math.ceil((window + 1) * limit.seconds - now))
                used.append((name, window, so_far + 1))
            for name, window, so_far in used:
                self._used[project_id, name] = (window, so_far)
        return None
