"""Faults: the grammar of ``--faults``, and the faults of each request, chosen by a seed.

::

    SPEC   = ITEM {"," ITEM}
    ITEM   = NAME ":" PROBABILITY {":" ARGUMENT} ["@" [METHOD] [PATH]]     PROBABILITY is 0 to 1, PATH a glob
           | "limits"                                                      the vendor's rate limits
           | "limit_" ROUTE ":" COUNT "/" [SECONDS] "s"                    for example limit_writes:65/s

``docs/emulator.md`` lists the names and their arguments.
"""

import random
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import HTML, JSON, TOO_MANY, Lost, Refusal, Response, error_body
from reconciler.emulator.server.limits import VENDOR, Limit
from reconciler.emulator.server.routes import ROUTES, Route

PAGE = b"<!DOCTYPE html><html><head><title>%d</title></head><body><h1>The proxy says no</h1></body></html>"
SEARCHES = {"short_page", "moved_rows"}
ARGUMENTS: Mapping[str, frozenset[str]] = {
    "latency": frozenset(),
    "stall": frozenset({"after"}),
    "drop_before": frozenset(),
    "drop_after": frozenset(),
    "rate_429": frozenset({"plain", "retry_after"}),
    **dict.fromkeys(("status_500", "status_502", "status_503", "status_504"), frozenset({"html", "after"})),
    "html_200": frozenset({"after"}),
    "short_page": frozenset(),
    "moved_rows": frozenset(),
}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)(?:-(\d+(?:\.\d+)?)(ms|s))?")
LIMIT = re.compile(r"limit_([a-z0-9_]+):(\d+)/(\d*)s")
ITEM = re.compile(r"([a-z_0-9]+):(\d+|\d*\.\d+)((?::[^:@]+)*)(?:@([A-Z]*)(/.*)?)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its probability, arguments and requests. ``seconds`` are the shortest and longest latency."""

    name: str
    probability: float
    arguments: tuple[str, ...] = ()
    method: str = ""
    path: str = ""
    seconds: tuple[float, float] = (0.0, 0.0)

    def concerns(self, route: Route, path: str) -> bool:
        """Return whether the fault applies to this request."""
        if self.name in SEARCHES and not route.name.endswith("_search"):
            return False
        return self.method in ("", route.method) and (not self.path or fnmatchcase(path, self.path))


@dataclass(frozen=True, slots=True)
class Happening:
    """The faults of one request: seconds of latency, a wrong search, and at most one fault that replaces the answer."""

    latency: float = 0.0
    disturbance: str = ""
    fault: Fault | None = None

    @property
    def after(self) -> bool:
        """Return whether the request is carried out before the fault."""
        return self.fault is not None and (self.fault.name == "drop_after" or "after" in self.fault.arguments)

    def instead(self, request_id: str, path: str, behaviour: Behaviour) -> Response | None:
        """Return the response that replaces the true answer to a request to this path, or None."""
        if self.fault is None:
            return None
        name, _, number = self.fault.name.rpartition("_")
        if name == "drop":
            return Response(0, b"", lost=Lost.DROPPED)
        if self.fault.name == "stall":
            return Response(0, b"", lost=Lost.STALLED)
        status = int(number)
        if name == "html" or "html" in self.fault.arguments:
            return Response(status, PAGE % status, HTML)
        if status == TOO_MANY:
            refusal = Refusal("too_many_requests", "Too many requests have been made.", status)
            retry_after = "retry_after" in self.fault.arguments or (
                behaviour.retry_after and "plain" not in self.fault.arguments
            )
            return Response(
                status, error_body(refusal, request_id, path), (*JSON, ("Retry-After", "1")) if retry_after else JSON
            )
        refusal = Refusal("internal_server_error", "Oops, something seems to have gone wrong.", status)
        return Response(status, error_body(refusal, request_id, path))


CALM = Happening()


class Faults:
    """Chooses the faults of each request: the n-th request to a route always meets the same faults."""

    def __init__(self, faults: Sequence[Fault] = (), seed: int = 0) -> None:
        self.faults = tuple(faults)
        self.seed = seed
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def happening(self, route: Route, path: str) -> Happening:
        """Return the faults of this request."""
        if not self.faults:
            return CALM
        with self._lock:
            self._seen[route.name] += 1
            draw = random.Random(f"{self.seed} {route.name} {self._seen[route.name]}")  # noqa: S311 # not for secrets
        latency, disturbance, chosen = 0.0, "", None
        for fault in self.faults:
            happens, share = draw.random() < fault.probability, draw.random()
            if not happens or not fault.concerns(route, path):
                continue
            if fault.name == "latency":
                low, high = fault.seconds
                latency += low + share * (high - low)
            elif fault.name in SEARCHES:
                disturbance = disturbance or fault.name
            else:
                chosen = chosen or fault
        return Happening(latency, disturbance, chosen)


def parse(specs: Sequence[str]) -> tuple[tuple[Fault, ...], dict[str, Limit]]:
    """Return the faults and limits that ``--faults`` texts ask for.

    Raises:
        ValueError: with every invalid item and the reason.
    """
    faults: list[Fault] = []
    limits: dict[str, Limit] = {}
    problems = []
    for item in (item.strip() for spec in specs for item in spec.split(",")):
        try:
            if item == "limits":
                limits |= VENDOR
            elif item.startswith("limit_"):
                limits |= _limit(item)
            elif item:
                faults.append(_fault(item))
        except ValueError as error:
            problems.append(f"--faults {item}: {error}")
    if problems:
        raise ValueError("\n".join(problems))
    return tuple(faults), limits


def _limit(item: str) -> dict[str, Limit]:
    match = LIMIT.fullmatch(item)
    names = {"writes", "requests", *(route.name for route in ROUTES)}
    if not match:
        raise ValueError("write a limit as limit_NAME:COUNT/SECONDSs, for example limit_writes:65/s")
    if match[1] not in names:
        raise ValueError(f"there is no operation {match[1]!r}; use one of {', '.join(sorted(names))}")
    seconds = float(match[3] or 1)
    if not seconds:
        raise ValueError("the window must be longer than 0 seconds")
    return {match[1]: Limit(int(match[2]), seconds)}


def _fault(item: str) -> Fault:
    match = ITEM.fullmatch(item)
    if not match:
        raise ValueError(
            "write a fault as NAME:PROBABILITY[:ARGUMENT][@METHOD/PATH], for example drop_after:0.03@POST/v1/b2b/*"
        )
    name, probability, arguments = match[1], float(match[2]), tuple(match[3].split(":")[1:])
    if name not in ARGUMENTS:
        raise ValueError(f"there is no fault {name!r}; use one of {', '.join(ARGUMENTS)}")
    if not 0 <= probability <= 1:
        raise ValueError("the probability must be from 0 to 1")
    seconds = (0.0, 0.0)
    if name == "latency":
        seconds = _seconds(arguments)
    elif not set(arguments) <= ARGUMENTS[name]:
        raise ValueError(f"{name} takes these arguments: {', '.join(sorted(ARGUMENTS[name])) or 'none'}")
    return Fault(name, probability, arguments, match[4] or "", match[5] or "", seconds)


def _seconds(arguments: tuple[str, ...]) -> tuple[float, float]:
    match = DURATION.fullmatch(arguments[0]) if len(arguments) == 1 else None
    if not match:
        raise ValueError("latency takes a time or a range, for example 200ms or 50ms-2s")
    low = float(match[1]) * (0.001 if match[2] == "ms" else 1)
    high = float(match[3]) * (0.001 if match[4] == "ms" else 1) if match[3] else low
    return low, high
