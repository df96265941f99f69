"""The app: a request in, a response out. Authentication, routing, limits, faults and the envelope, without a socket."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.call import Call, Rendered, timestamp
from reconciler.emulator.core.exchange import JSON, Refusal, Request, Response, error_body, new_id
from reconciler.emulator.core.fields import cleaner
from reconciler.emulator.core.search import Index
from reconciler.emulator.core.store import Store, text
from reconciler.emulator.core.workspace import NO_PROJECT, NOWHERE, Environment, Project
from reconciler.emulator.management.founding import open_workspace
from reconciler.emulator.server.admission import admitted, body, check_vertical, concerned, form, taken, without_nulls
from reconciler.emulator.server.faults import Faults
from reconciler.emulator.server.limits import Limits
from reconciler.emulator.server.routes import Route, match

STATISTICS = "/emulator/statistics"


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
            for counter in (name, "all"):
                for seconds, busiest in ((1, self.per_second), (60, self.per_minute)):
                    window = int(now // seconds)
                    began, so_far = self._current.get((counter, seconds), (window, 0))
                    so_far = so_far + 1 if began == window else 1
                    self._current[counter, seconds] = (window, so_far)
                    busiest[counter] = max(busiest[counter], so_far)

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


class App:
    """One emulated Stytch; ``respond`` may be called from many threads.

    ``faults`` and ``limits`` may be replaced at any time. ``clock`` is seconds since 1970, ``sleep`` waits for latency.
    """

    def __init__(
        self,
        database: Path | None = None,
        behaviour: Behaviour | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.store = Store(database, cleaner(self.behaviour))
        self.workspace = open_workspace(self.store, self.behaviour, timestamp(clock()))
        self.faults = Faults()
        self.limits = Limits()
        self.statistics = Statistics()
        self.clock, self.sleep = clock, sleep
        self.lock = threading.RLock()
        self.index = Index(self.store, self.behaviour, self.now)

    def respond(self, request: Request) -> Response:
        """Serve one request."""
        if request.path == STATISTICS and request.method == "GET":
            return Response(200, json.dumps(self.statistics.summary()).encode())
        request_id = new_id("request-id", "test")
        try:
            with self.lock:
                environment = admitted(request, self.workspace, timestamp(self.clock()))
            request_id = new_id("request-id", environment.type)
            route, parameters = match(request.method, request.path)
        except Refusal as refusal:
            self.statistics.count("refused", refusal.status, self.clock())
            return Response(refusal.status, error_body(refusal, request_id, request.path))
        response = self._limited(route, environment, request_id)
        if response is None:
            call = partial(self._call, route, environment, parameters, request)
            response = self._met(route, request, call, request_id)
        self.statistics.count(route.name, response.status, self.clock())
        return response

    def now(self) -> float:
        """Return the time of the app's clock, which may be replaced."""
        return self.clock()

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self.store.close()
            self.index.close()

    def call(self, environment: Environment = NOWHERE, project: Project = NO_PROJECT) -> Call:
        """Return a call without a request, to write to the store directly."""
        return Call(self.workspace, self.store, self.index.store, self.behaviour, self.clock, environment, project)

    def _met(self, route: Route, request: Request, call: Callable[[str], Call], request_id: str) -> Response:
        """Return the answer to a request, with the faults that it meets."""
        happening = self.faults.happening(route, request.path)
        if happening.latency:
            self.sleep(happening.latency)
        instead = happening.instead(request_id, request.path, self.behaviour)
        if instead is not None and not happening.after:
            return instead
        served = self._serve(route, partial(call, happening.disturbance), request_id)
        return instead or served

    def _call(
        self, route: Route, environment: Environment, path: dict[str, str], request: Request, disturbance: str
    ) -> Call:
        project, sent = NO_PROJECT, form(request) if route.speaks_oauth else body(request)
        if route.manages:
            project, environment = concerned(self.workspace, path)
            sent = without_nulls(sent)
        else:
            check_vertical(route, environment)
        sent = taken(sent, request.method, self.behaviour, manages=route.manages)
        call = self.call(environment, project)
        return replace(call, path=path, query=request.query, body=sent, disturbance=disturbance)

    def _serve(self, route: Route, call: Callable[[], Call], request_id: str) -> Response:
        with self.lock:
            self.index.catch_up()
            try:
                answer = route.endpoint(call())
                self.store.commit()
            except Refusal as refusal:
                self.store.rollback()
                return Response(refusal.status, error_body(refusal, request_id, route.path))
            except BaseException:
                self.store.rollback()
                raise
        status = self.behaviour.created_status if route.creates else 200
        shown = answer if isinstance(answer, Rendered) else text(answer)[1:-1]
        more = f",{shown}" if shown else ""
        return Response(status, f'{{"status_code":{status},"request_id":"{request_id}"{more}}}'.encode())

    def _limited(self, route: Route, environment: Environment, request_id: str) -> Response | None:
        """Return a 429 where the project has used up a limit's window, else None."""
        wait = self.limits.wait(environment.project_id or self.workspace.key_id, route, self.clock())
        if wait is None:
            return None
        refusal = Refusal("too_many_requests", "Too many requests have been made.")
        headers = (*JSON, ("Retry-After", str(wait))) if self.behaviour.retry_after else JSON
        return Response(refusal.status, error_body(refusal, request_id, route.path), headers)
