"""One apply of an environment at a time in a folder: a lock that ends with its process, however that ends."""

import os
import shlex
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from reconciler.errors import Refused
from reconciler.files import FOLDER, existing_folder, locked, own_folder

BEGINS: Final = "lock-"  # the name of the file, before the environment
EVERY: Final = 0.5  # seconds between two looks at a lock that somebody holds


class Holder(Struct, frozen=True):
    """Who holds a lock, as the file says; it is a help for people, and proves nothing."""

    process: int
    host: str
    since: datetime
    command: str

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"process {self.process} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%S} UTC: {self.command}"


@contextmanager
def alone(
    root: Path,
    environment: str,
    command: tuple[str, ...],
    wait: float = 0,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Keep other applies of an environment out of a folder.

    The file stays: who finds it knows nothing, who gets its lock is alone. Raises ``Refused`` where another one still
    runs after ``wait`` seconds, or where nobody can tell.
    """
    until = now() + wait
    with ExitStack() as held:
        try:
            path = own_folder(root) / _name(environment)
            while (descriptor := _taken(held, path)) is None:
                if now() >= until:
                    raise _busy(path, environment)
                sleep(max(0, min(EVERY, until - now())))
        except OSError as error:
            hint = "apply where you may write, on a file system with locks: a local copy of the repository will do"
            why = f"nothing tells whether another apply runs in this folder: {error.strerror}"
            raise Refused(f"the lock in {FOLDER} cannot be taken, so {why}", hint=hint) from None
        with suppress(OSError):  # a full disk; the lock holds all the same
            holder = Holder(os.getpid(), socket.gethostname(), datetime.now(UTC), shlex.join(command))
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, msgspec.json.encode(holder) + b"\n", 0)
        try:
            yield
        finally:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)


def apply_beside(root: Path, environment: str) -> Holder | None:
    """Return who seems to apply in a folder beside this process; for whoever only reads, and takes no lock."""
    holder = _holder(existing_folder(root) / _name(environment))
    if holder is None or holder.process == os.getpid() or holder.host != socket.gethostname():
        return None
    try:
        os.kill(holder.process, 0)
    except PermissionError:  # it is there, and somebody else's
        return holder
    except (OSError, OverflowError):
        return None
    return holder


def _name(environment: str) -> str:
    return f"{BEGINS}{quote(environment, safe='')}"


def _holder(path: Path) -> Holder | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, ValueError):  # it has the lock, and has not said yet who it is
        return None


def _taken(held: ExitStack, path: Path) -> int | None:
    try:
        return held.enter_context(locked(path, wait=False))
    except BlockingIOError:
        return None


def _busy(path: Path, environment: str) -> Refused:
    holder = _holder(path)
    who = f" ({holder})" if holder else ""
    hint = "wait until it ends, or give --wait SECONDS; the lock ends with that process, so there is nothing to remove"
    return Refused(f"another apply of {environment} runs in this folder{who}: nothing was written", hint=hint)
