"""A program that is killed, as by ``kill -9``, at its nth step on files; to show what is left behind at each."""

import subprocess
import sys

COUNTED = """
import os, sys

kill_at, steps = int(sys.argv.pop(1)), 0
def counted(name):
    call = getattr(os, name)
    def counting(*args, **kwargs):
        global steps
        steps += 1
        if steps == kill_at:
            os._exit(9)
        return call(*args, **kwargs)
    setattr(os, name, counting)

def count_from_here():
    for name in ("open", "fsync", "replace", "unlink"):
        counted(name)
"""


def start(program: str, *arguments: object, kill_at: int = 0) -> "subprocess.Popen[bytes]":
    """Start a program that calls ``count_from_here()`` before it touches files; 0: it is not killed."""
    return subprocess.Popen([sys.executable, "-c", COUNTED + program, str(kill_at), *map(str, arguments)])
