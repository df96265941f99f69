"""Run the reconciler where every fsync takes so many seconds: ``python slow_fsync.py SECONDS [ARGUMENTS]``."""

import os
import runpy
import sys
import time
from collections.abc import Callable

seconds = float(sys.argv[1])


def slowed(sync: Callable[[int], None]) -> Callable[[int], None]:
    """Return a function that waits before it does what another one does."""

    def run(descriptor: int) -> None:
        time.sleep(seconds)
        sync(descriptor)

    return run


os.fsync = slowed(os.fsync)
if hasattr(os, "fdatasync"):
    os.fdatasync = slowed(os.fdatasync)
sys.argv = ["reconciler", *sys.argv[2:]]
runpy.run_module("reconciler", run_name="__main__")
