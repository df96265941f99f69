"""The command ``emulator``: serve until a signal."""

import errno
import os
import re
import shlex
import signal
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from reconciler.emulator.seed.running import Options, running

VARIABLE: Final = re.compile(rb"export (STYTCH_[A-Z_]+|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS)=")


def say(text: str) -> None:
    """Print and flush, so that a reader of a pipe gets the line at once."""
    print(text, flush=True)  # noqa: T201 # this is the command line's own output


def run(  # noqa: PLR0913 # each is one option of the command line
    *,
    port: int = 0,
    database: Path | None = None,
    users: Path | None = None,
    rbac_policy: Path | None = None,
    env_file: Path | None = None,
    https: bool = False,
    faults: Sequence[str] = (),
    behaviour: Sequence[str] = (),
    synthetic_users: int | None = None,
    seed: int = 0,
    announce: Callable[[str], Any] = say,
) -> None:
    """Serve until SIGINT or SIGTERM. ``env_file`` is written once connections are accepted.

    Raises:
        ValueError: with every invalid option and the reason.
        OSError: where the port is taken, or a file cannot be read or written.
    """
    options = Options(
        port=port,
        database=database,
        users=users,
        rbac_policy=rbac_policy,
        https=https,
        faults=faults,
        behaviour=behaviour,
        synthetic_users=synthetic_users,
        seed=seed,
    )
    if env_file is not None:
        check_replaceable(env_file)
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with running(options) as server:
            if env_file is not None:
                write_variables(env_file, server.environment)
            announce(f"The emulator listens on {server.url}")
            if env_file is not None:
                announce(f"Its credentials are in {env_file}. To use them: {sourcing(env_file)}")
            stopped.wait()
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def sourcing(path: Path) -> str:
    """Return the command that makes any POSIX shell read the file. Without a slash, ``.`` would search PATH."""
    text = str(path)
    return f". {shlex.quote(text if os.sep in text else f'./{text}')}"


def check_replaceable(path: Path) -> None:
    """Raise ``ValueError`` where a file is there that holds anything but such variables: it is somebody's."""
    lines = path.read_bytes().splitlines() if path.is_file() else ()
    if not all(VARIABLE.match(line) for line in lines if line.strip()):
        raise ValueError(f"{path} is there and holds more than the emulator's variables: name another file to write")


def write_variables(path: Path, variables: Mapping[str, str]) -> None:
    """Write the file that a shell sources: complete or not at all, and readable only by its owner."""
    path = path.resolve()
    if path.exists() and not path.is_file():  # a device would be replaced
        raise OSError(errno.EINVAL, "it is not a plain file", str(path))
    if not path.parent.is_dir():
        raise OSError(errno.ENOENT, "there is no such folder", str(path.parent))
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(lines)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
