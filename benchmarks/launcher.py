"""Run a command and write its CPU, wall and peak memory to a file, from a process too small to be counted.

::

    python -I -S launcher.py REPORT COMMAND [ARGUMENTS]

A new process begins with the peak memory of the one that starts it.
"""

import json
import os
import sys
import time

report, *command = sys.argv[1:]
began = time.monotonic()
pid = os.posix_spawnp(command[0], command, os.environ)
_, status, used = os.wait4(pid, 0)
unit = 1024 if sys.platform != "darwin" else 1024 * 1024  # of ru_maxrss, in a MB
figures = {
    "wall": time.monotonic() - began,
    "cpu": used.ru_utime + used.ru_stime,
    "mb": used.ru_maxrss / unit,
}
with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 # pathlib is large
    json.dump(figures, file)
sys.exit(os.waitstatus_to_exitcode(status))
