"""Bad weather between a client and the emulator: faults of every sort, outages, and death, by a seed."""

import random
import threading
from typing import Any, Final

import httpx

from reconciler.emulator.core.exchange import Lost
from reconciler.emulator.server import faults
from reconciler.emulator.server.app import App
from reconciler.emulator.server.transport import EmulatorTransport, request_of
from tests.connected import VirtualClock

SORTS: Final = (
    *("drop_before:{}", "drop_after:{}", "stall:{}", "stall:{}:after", "html_200:{}", "html_200:{}:after"),
    *("rate_429:{}:plain", "rate_429:{}:retry_after"),
    *("status_500:{}", "status_500:{}:after", "status_502:{}:html", "status_502:{}:after:html"),
    *("status_503:{}", "status_504:{}", "status_504:{}:after"),
)
SEARCHES: Final = ("short_page:{}", "moved_rows:{}")
STALLED: Final = 30.0  # seconds that a client waits for an answer that does not come
Killed = type("Killed", (BaseException,), {})


class Weather(EmulatorTransport):
    """Serves ``app``, but ``share`` of all answers, a tenth of them each of a sort, go wrong, as ``seed`` chooses.

    From one request on the server refuses connections, for 1 to 60 seconds of ``clock``. With ``dies`` the process is
    killed at a request, before or after it is carried out, and sends nothing any more.
    """

    def __init__(self, app: App, clock: VirtualClock, seed: int, share: float, *, dies: bool, within: int = 60) -> None:
        super().__init__(app)
        rng = random.Random(seed)  # noqa: S311 # a seed is what a failure is repeated by
        self.requests = 0
        self.spoilt = 0
        self.clock = clock
        self._lock = threading.Lock()
        self._refuses_from = rng.randrange(1, within)
        self._refuses_for = rng.uniform(1, 60)
        self._refuses_until: float | None = None
        self._dies_at = rng.randrange(1, within) if dies else 0
        self._dies_after = rng.random() < 0.5
        self._is_dead = False
        every = share / len(SORTS)
        specs = [sort.format(f"{every:.4f}") for sort in SORTS] + [sort.format(f"{share / 4:.4f}") for sort in SEARCHES]
        app.faults = faults.Faults(faults.parse(specs)[0], seed)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one request, or not."""
        with self._lock:
            if self._is_dead:
                raise Killed
            self.requests += 1
            number = self.requests
            refused = self._refuses(number)
            self._is_dead = number == self._dies_at
        if self._is_dead and number == self._dies_at and not self._dies_after:
            raise Killed
        if refused:
            raise httpx.ConnectError("Connection refused", request=request)
        response = self.app.respond(request_of(request.method, str(request.url), request.headers, request.read()))
        if number == self._dies_at:
            raise Killed
        if response.lost is Lost.DROPPED:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if response.lost is Lost.STALLED:
            self.clock.sleep(STALLED)
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        headers: Any = list(response.headers)
        return httpx.Response(response.status, headers=headers, content=response.body, request=request)

    def _refuses(self, number: int) -> bool:
        if number == self._refuses_from:
            self._refuses_until = self.clock.monotonic() + self._refuses_for
        return self._refuses_until is not None and self.clock.monotonic() < self._refuses_until
