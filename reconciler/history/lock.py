"""One apply of an environment at a time, wherever it runs: a ref to a commit that says who, and for how long.

Nobody believes anybody's clock. The holder renews its commit, and begins nothing once two thirds of its lifetime have
passed since it sent the last one that arrived. Who waits takes the lock over only after seeing the same commit for its
whole lifetime. The ref is moved by compare-and-swap, so that only one of several succeeds.
"""

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final

from msgspec import Struct

from reconciler.errors import Refused, Unreadable
from reconciler.history.git import Repository
from reconciler.history.refs import LOCKS, TRIES, Swap, empty_tree, fetched, ref_of, swap, written

LIFETIME: Final = 300  # seconds
LONGEST: Final = 3600  # of a lifetime that somebody else's commit says
BEGINS_WITHIN: Final = 2 / 3  # of a lifetime; the rest is for what was begun
EVERY: Final = 60.0  # seconds between renewals
LOOK: Final = 5.0  # seconds between two looks at somebody else's lock
_TRAILER: Final = re.compile(r"^(Owner|Until|Lifetime): (.*)$", re.MULTILINE)
_RUN: Final = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")

Clock = Callable[[], float]


def awake() -> float:
    """Return the seconds since the machine started, those in which it slept among them, as far as it tells."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Holder(Struct, frozen=True, kw_only=True):
    """Who has a lock, as its commit says; ``until`` is by the clock of that machine, and a help for people only."""

    commit: str
    owner: str = "somebody"
    until: str = ""
    lifetime: float = LIFETIME

    def __str__(self) -> str:
        return f"{self.owner}, until {self.until} by its clock" if self.until else self.owner


class Lock:
    """A lock that is held, until it is lost or ``release`` gives it back."""

    def __init__(self, repository: Repository, ref: str, owner: str, commit: str, sent: float, clock: Clock) -> None:
        self._repository, self._ref, self._owner, self._clock = repository, ref, owner, clock
        self._commit = commit
        self._ends = sent + LIFETIME * BEGINS_WITHIN
        self._is_taken = False  # by somebody else
        self._over = threading.Event()

    @property
    def is_held(self) -> bool:
        """Return whether something may still be begun under it."""
        return not self._is_taken and self._clock() < self._ends

    def renew(self) -> Swap:
        """Put a new commit in place of the last one."""
        sent = self._clock()
        try:
            new = _commit(self._repository, self._ref, self._owner)
        except Unreadable as error:
            return Swap("unreachable", said=str(error))
        swapped = swap(self._repository, self._ref, self._commit, new)
        if swapped.result == "done":
            self._commit, self._ends = new, sent + LIFETIME * BEGINS_WITHIN
        self._is_taken = swapped.result == "moved" and swapped.found != self._commit
        return swapped

    def keep(self, lost: Callable[[], None], pause: Callable[[float], bool]) -> None:
        """Renew the lock until ``pause`` says that it is over; call ``lost`` once it is not held any more."""
        wait = EVERY
        while not pause(wait):
            wait = EVERY if self.renew().result == "done" else LOOK
            if not self.is_held:
                lost()
                return

    @contextmanager
    def kept(self, lost: Callable[[], None]) -> Iterator[None]:
        """Have a thread renew it meanwhile."""
        thread = threading.Thread(target=self.keep, args=(lost, self._over.wait), name="lock", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def release(self) -> None:
        """Give it back, if it is still ours; what cannot be given back ends by itself."""
        with suppress(Unreadable):
            swap(self._repository, self._ref, self._commit, "")


def take(
    repository: Repository,
    environment: str,
    owner: str,
    wait: float = 0,
    clock: Clock = awake,
    sleep: Callable[[float], None] = time.sleep,
) -> Lock | Swap:
    """Take the lock of an environment; give what became of the try where nobody may, or can, move its ref.

    Raises ``Refused`` where somebody else still has it after ``wait`` seconds, ``Unreadable`` where nobody can tell.
    """
    ref, until = ref_of(LOCKS, environment), clock() + wait
    seen, since, races = Holder(commit=""), clock(), 0
    while True:
        if (found := fetched(repository, ref)) != seen.commit:
            seen, since = _holder(repository, found), clock()
        if not found or clock() - since >= seen.lifetime:
            sent = clock()
            new = _commit(repository, ref, owner)
            try:
                swapped = swap(repository, ref, found, new)
            except KeyboardInterrupt:
                swap(repository, ref, new, "")  # it may have arrived
                raise
            if swapped.result == "done":
                return Lock(repository, ref, owner, new, sent, clock)
            races += 1
            if swapped.result != "moved" or (races >= TRIES and clock() >= until):
                return swapped
        elif clock() >= until:
            raise _busy(environment, seen)
        else:
            sleep(max(0.0, min(LOOK, until - clock())))


def owner_of(command: str, environ: Mapping[str, str]) -> str:
    """Return who takes a lock, as others will read it: the run of a workflow, or a process."""
    run = [environ.get(name, "") for name in _RUN]
    if all(run):
        return f"{run[0]}/{run[1]}/actions/runs/{run[2]}"
    return environ.get("CI_JOB_URL") or f"process {os.getpid()} on {socket.gethostname()}: {command}"


def _commit(repository: Repository, ref: str, owner: str) -> str:
    until = datetime.now(UTC) + timedelta(seconds=LIFETIME)
    said = (f"Owner: {' '.join(owner.split())}", f"Until: {until:%Y-%m-%d %H:%M:%S} UTC", f"Lifetime: {LIFETIME}")
    return written(repository, empty_tree(repository), "\n".join((ref, "", *said, f"Once: {token_hex(8)}", "")))


def _holder(repository: Repository, found: str) -> Holder:
    """Return who has a lock; of a commit that says nothing, that somebody has."""
    if not found:
        return Holder(commit="")
    message = repository.git("cat-file", "commit", found).text.partition("\n\n")[2]
    said = dict(_TRAILER.findall(message))
    lifetime = said.get("Lifetime", "")
    seconds = float(lifetime) if lifetime.isdecimal() else LIFETIME
    owner = said.get("Owner", "")[:200] or "somebody"
    return Holder(commit=found, owner=owner, until=said.get("Until", "")[:40], lifetime=min(seconds, LONGEST))


def _busy(environment: str, holder: Holder) -> Refused:
    hint = "wait until it ends, or give --wait SECONDS; "
    hint += f"of a run that died the lock is taken over once it stayed the same for {holder.lifetime:g} s"
    return Refused(f"another apply of {environment} has the lock ({holder}): nothing was written", hint=hint)
