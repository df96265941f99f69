"""Private files outside git: readable by their owner only, written atomically, by one process at a time."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

FOLDER: Final = ".reconciler"
OWNER_ONLY: Final = 0o600
OWNER_ALONE: Final = 0o700  # of a folder
IGNORED: Final = b"*\n"


def own_folder(root: Path) -> Path:
    """Return the folder below ``root`` for what must not be in git, made if it is not there: for its owner alone."""
    folder = root / FOLDER
    if folder.is_symlink():  # whoever can write to the repository would choose where secrets go
        raise OSError(errno.ELOOP, "is a symbolic link", str(folder))
    folder.mkdir(mode=OWNER_ALONE, exist_ok=True)
    _take_from_others(folder)
    ignore = folder / ".gitignore"
    if not ignore.is_file() or ignore.read_bytes() != IGNORED:
        ignore.write_bytes(IGNORED)
    return folder


def existing_folder(root: Path) -> Path:
    """Return the folder below ``root`` to be read, there or not: for its owner alone, as far as can be."""
    folder = root / FOLDER
    with suppress(OSError):  # who only reads can do no more; who writes is told
        if folder.is_dir() and not folder.is_symlink():
            _take_from_others(folder)
    return folder


def _take_from_others(folder: Path) -> None:
    if stat.S_IMODE(folder.stat().st_mode) & ~OWNER_ALONE:  # it was made by hand, or unpacked
        folder.chmod(OWNER_ALONE)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[int]:
    """Hold the lock at ``path`` alone, among threads and processes, and yield the descriptor of its file, which stays.

    Where somebody else holds it, wait, or raise ``BlockingIOError``. The lock ends with the process that holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield descriptor
    finally:
        os.close(descriptor)


def read_whole(path: Path, *, private: bool = True) -> bytes | None:
    """Return the content of a file, None if there is none; what others may read as well is first taken from them."""
    if path.is_symlink():
        raise OSError(errno.ELOOP, "is a symbolic link", str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe would wait for its writer
    except FileNotFoundError:
        return None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "is not a file", str(path))
        if private and stat.S_IMODE(mode) & ~OWNER_ONLY:
            os.fchmod(descriptor, OWNER_ONLY)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes | Iterable[bytes], mode: int = OWNER_ONLY) -> None:
    """Write a file such that a kill at any instant leaves the old one or the new one; who may be not alone, locks.

    ``content`` may come piece by piece.
    """
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)  # a writer that was killed left it
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_names(path.parent)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def sync_names(folder: Path) -> None:
    """Put the names in a folder on the disk, so that a power cut does not bring an old file back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
