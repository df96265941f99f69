"""The number of retries that a run may make, so that an outage ends the run."""

import threading

RESERVE = 50.0  # retries a run may make before it has had a success: more than are ever in flight at once
EARNED = 0.1  # of a retry, by every request


class Budget:
    """Retries that may still be made; those that led to a success are given back."""

    def __init__(self) -> None:
        self._tokens = RESERVE
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Spend one, if there is one."""
        with self._lock:
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def give(self, retries: int) -> None:
        """Note a success that took so many retries."""
        with self._lock:
            self._tokens = min(RESERVE, self._tokens + retries + EARNED)
