"""What every figure is compared with, measured beside it: ``python floor.py [USERS.json]`` prints CPU seconds as JSON.

``loop`` is a fixed piece of work in Python alone. ``floor`` is, for each user, the least that a plan could do: decode
the bytes of the user with msgspec, and look one key up in a dictionary.
"""

import json
import sys
import time
from collections.abc import Callable
from itertools import islice

MOST = 100_000  # users that are decoded
ROUNDS = 3


def least(work: Callable[[], object]) -> float:
    """Return the CPU seconds of the fastest of some rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def loop() -> int:
    """Do a fixed piece of work: functions, dictionaries, texts and numbers."""
    found: dict[str, int] = {}
    for number in range(200_000):
        key = f"key-{number % 5_000}"
        found[key] = found.get(key, 0) + len(key)
    return sum(found.values())


def floor(path: str) -> float:
    """Return the CPU seconds of the least that a plan could do for one user of a file."""
    import msgspec

    with open(path, "rb") as file:  # noqa: PTH123 # as in the launcher
        lines = [line.strip(b"[,]\n") for line in islice(file, MOST)]
    decode = msgspec.json.Decoder().decode
    known = {decode(line)["emails"][0]["email"]: number for number, line in enumerate(lines)}

    def work() -> int:
        return sum(known[decode(line)["emails"][0]["email"]] for line in lines)

    return least(work) / len(lines)


if __name__ == "__main__":
    print(json.dumps({"loop": least(loop)} | ({"floor": floor(sys.argv[1])} if sys.argv[1:] else {})))
