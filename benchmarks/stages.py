"""One plan, measured stage by stage: run in a process of its own, it prints JSON.

The stages are streamed into one another, so each is timed where its values are drawn. CPU of the reading threads is
what the process used beyond its main thread.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from reconciler import pipeline
from reconciler.clients.connect import open_client
from reconciler.clients.credentials import Credentials
from reconciler.config.read import load_config
from reconciler.desired.members import desired_members
from reconciler.load.repository import load
from reconciler.plan import compare, resolve
from reconciler.read.members import read_members
from reconciler.read.run import open_run
from reconciler.sources.users import UserStream

T = TypeVar("T")


class Meter:
    """CPU seconds of the main thread by stage, and the peak memory at the end of each."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self.peak: dict[str, float] = {}
        self._stack: list[str] = []
        self._since = time.thread_time()

    def switch(self, stage: str | None) -> None:
        """Charge what has passed to the stage on top; then put ``stage`` there, or take the top away."""
        now = time.thread_time()
        if self._stack:
            top = self._stack[-1]
            self.cpu[top] = self.cpu.get(top, 0.0) + now - self._since
            self.peak[top] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self._since = now
        if stage is None:
            self._stack.pop()
        else:
            self._stack.append(stage)

    def drawing(self, stage: str, values: Iterable[T]) -> Iterator[T]:
        """Charge the making of each value to ``stage``."""
        iterator = iter(values)
        while True:
            self.switch(stage)
            try:
                value = next(iterator)
            except StopIteration:
                return
            finally:
                self.switch(None)
            yield value


def main() -> None:
    """Plan the repository named on the command line."""
    meter = Meter()
    wall = time.monotonic()
    _instrument(meter)
    config = load_config(Path(sys.argv[1]))
    with open_client(Credentials.from_environment(os.environ), config.rates) as client:
        meter.switch("diff")
        planned = pipeline.plan(open_run(config, client))
        meter.switch(None)
        statistics = client.statistics
        meter.switch("render")
        from reconciler.report.formats import render
        from reconciler.report.json import plan_json
        from reconciler.report.plan import plan_report

        plan_json(planned.plan)
        render(plan_report(planned.plan))
        meter.switch(None)
    total = time.process_time()
    meter.cpu["read"] = meter.cpu.get("read", 0.0) + total - time.thread_time()
    print(
        json.dumps(
            {
                "cpu": {name: round(seconds, 2) for name, seconds in meter.cpu.items()},
                "peak_mb": {name: round(peak) for name, peak in meter.peak.items()},
                "cpu_total": round(total, 2),
                "wall": round(time.monotonic() - wall, 2),
                "peak_mb_total": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "requests": statistics.requests,
                "throttled": statistics.throttled,
                "changes": len(planned.plan.changes),
                "unchanged": planned.plan.summary.unchanged,
                "digest": planned.plan.digest,
            }
        )
    )


def _instrument(meter: Meter) -> None:
    """Put a meter between the stages of the pipeline, which itself is run as it stands."""

    def metered(stage: str, function: Callable[..., T]) -> Callable[..., T]:
        def run(*arguments: Any) -> T:
            meter.switch(stage)
            try:
                return function(*arguments)
            finally:
                meter.switch(None)

        return run

    def metered_users(*arguments: Any, **named: Any) -> UserStream | None:
        stream = users(*arguments, **named)
        if stream is not None:
            stream.batches = meter.drawing("parse", stream.batches)
        return stream

    def metered_members(*arguments: Any) -> Iterator[Any]:
        return meter.drawing("read", read_members(*arguments))

    users = resolve.open_users
    for module, name, function in (
        (pipeline, "load", metered("load", load)),
        (compare, "read_members", metered_members),
        (resolve, "open_users", metered_users),
        (resolve, "desired_members", metered("rules", desired_members)),
    ):
        setattr(module, name, function)


if __name__ == "__main__":
    main()
