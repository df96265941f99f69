"""``python -m reconciler.emulator``: the emulator without the rest of the command line."""

import argparse
import sys
from pathlib import Path

from reconciler.emulator.seed.command import run


def main() -> int:
    """Read the options and serve. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m reconciler.emulator", description="A local Stytch on 127.0.0.1.")
    parser.add_argument(
        "--port", type=int, default=0, help="the port on 127.0.0.1; 0, the default, takes any free port"
    )
    parser.add_argument("--database", type=Path, help="keep the data in this SQLite file")
    parser.add_argument("--users", type=Path, help="load a Consumer export: JSON array, JSON lines or CSV")
    parser.add_argument("--rbac-policy", type=Path, help="load the B2B project's RBAC policy, JSON or YAML")
    parser.add_argument("--env-file", type=Path, help="write the credentials to this file once it listens")
    parser.add_argument("--https", action="store_true", help="serve https with a certificate made for this run")
    parser.add_argument(
        "--faults", action="append", default=[], metavar="SPEC", help="produce these faults; repeatable"
    )
    parser.add_argument("--behaviour", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--synthetic-users", type=int, help="create this many made-up Consumer users")
    parser.add_argument("--seed", type=int, default=0, help="the seed of made-up users and faults")
    try:
        run(**vars(parser.parse_args()))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201 # a command line's error
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
