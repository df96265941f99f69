"""Count the functions that three values pass through a run, and how often they change the module on their way.

::

    python -m benchmarks.walks            (WALKS=list names the functions)

A value passes a function where an argument, or what the function returns, holds it. Comprehensions, the emulator and
the libraries are not counted, nor is the report that ``apply`` prints before it writes. A walk that leads to a request
ends where the request is sent.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec

ROOT = Path(__file__).parent.parent
SOURCE = f"{ROOT / 'reconciler'}{os.sep}"
NOT_COUNTED = ("emulator", "report")
SENT = "Transport.send"  # the function that hands a request to the network
DEEPEST = 7  # containers inside one another
LONGEST = 300  # items of a container that are looked at

ADDRESS = "zoe@walk.example"
POLICY = "REQUIRED_FOR_ALL"
NAME = "Name before the change"

CONFIGURATION = """apiVersion: reconciler/v1
kind: Configuration
name: walks
environments:
  test:
    target: {project_id: %s, type: test}
    users: {file: users.jsonl}
"""
ORGANIZATION = """apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}
spec: {organization_name: Acme}
"""
RULES = """apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: walks}
spec:
  rules:
    - name: acme
      match: {email_domain: walk.example}
      assign:
        - organization: acme
          name: ${{ user.name.first_name }}
"""


class Walk:
    """The functions that a value passed, in order."""

    def __init__(self, value: str, last: str = "") -> None:
        self.value, self.last = value, last
        self.functions: dict[CodeType, None] = {}
        self.moves = 0
        self._module = ""
        self._over = False

    def see(self, frame: FrameType, event: str, result: Any) -> None:
        """Note the function of a call, or of a return, that holds the value, up to the last one of the walk."""
        if self._over:
            return
        code = frame.f_code
        if event not in ("call", "return") or not code.co_filename.startswith(SOURCE) or code.co_name.startswith("<"):
            return
        file = code.co_filename.removeprefix(SOURCE)
        if Path(file).parts[0] in (NOT_COUNTED if self.last else NOT_COUNTED[:1]):
            return
        arguments = (frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        if holds(result if event == "return" else list(arguments), self.value):
            self.functions[code] = None
            self.moves += file != self._module
            self._module = file
            self._over = code.co_qualname == self.last

    @property
    def modules(self) -> int:
        """The modules of these functions."""
        return len({code.co_filename for code in self.functions})


def holds(value: object, wanted: str, depth: int = 0) -> bool:
    """Return whether a value is, or contains, a text."""
    if isinstance(value, str):
        return wanted in value
    if isinstance(value, bytes | bytearray):
        return wanted.encode() in value
    if depth == DEEPEST:
        return False
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    elif isinstance(value, msgspec.Struct):
        value = [getattr(value, name, None) for name in value.__struct_fields__]
    if isinstance(value, list | tuple | set | frozenset):
        return any(holds(inner, wanted, depth + 1) for inner in list(value)[:LONGEST])
    return False


@contextmanager
def traced(walk: Walk) -> Iterator[None]:
    """Follow a value while the block runs, in every thread."""
    sys.setprofile(walk.see)
    threading.setprofile(walk.see)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def run(*arguments: str) -> None:
    """Run a command in this process. Raises ``RuntimeError`` with what it printed where it fails."""
    from reconciler.commands.cli import main

    sys.argv = ["reconciler", *arguments]
    printed = StringIO()
    with redirect_stdout(printed):
        try:
            main()
        except SystemExit as ended:
            if ended.code not in (0, 2, None):
                raise RuntimeError(printed.getvalue()) from ended


@contextmanager
def emulator(folder: Path) -> Iterator[None]:
    """Run an emulator on the loopback interface, and point this process at it."""
    variables = folder / "emulator.env"
    command = [sys.executable, "-m", "reconciler.emulator", "--port", "0", "--env-file", str(variables)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        while not (variables.exists() and "STYTCH_SECRET" in variables.read_text()):
            time.sleep(0.1)
        for line in variables.read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            if name.startswith("STYTCH_"):
                os.environ[name] = value.strip("'\"")
        yield
    finally:
        process.terminate()
        process.wait()


def user(number: int, address: str, first_name: str) -> str:
    """Return the line of a user."""
    emails = [{"email": address, "verified": True}]
    row = {"user_id": f"user-test-{number}", "name": {"first_name": first_name}, "emails": emails}
    return msgspec.json.encode(row).decode() + "\n"


def walks(root: Path) -> Iterator[tuple[str, Walk]]:
    """Run what each value goes through; yield its name and its walk."""
    (root / "reconciler.yaml").write_text(CONFIGURATION % os.environ["STYTCH_PROJECT_ID"])
    for folder, text in (("manifests", ORGANIZATION), ("rules", RULES)):
        (root / folder).mkdir()
        (root / folder / "acme.yaml").write_text(text)
    somebody = user(1, "ann@elsewhere.example", "Ann")
    (root / "users.jsonl").write_text(somebody)
    here = ("-C", str(root))

    def follow(value: str, last: str, *command: str) -> Walk:
        walk = Walk(value, last)
        with traced(walk):
            run(*here, *command)
        return walk

    policy = root / "manifests" / "acme.yaml"
    policy.write_text(f"{ORGANIZATION.rstrip()[:-1]}, mfa_policy: {POLICY}}}\n")
    yield "mfa_policy: YAML to the create of an organization", follow(POLICY, SENT, "apply", "--yes")
    (root / "users.jsonl").write_text(somebody + user(2, ADDRESS, NAME))
    yield "an address: users.jsonl to the create of a member", follow(ADDRESS, SENT, "apply", "--yes")
    (root / "users.jsonl").write_text(somebody + user(2, ADDRESS, "Zoe"))
    yield "a live member: its row to a line of the plan", follow(NAME, "", "plan")


def main(show: Callable[[str], None] = print) -> None:
    """Print a line for each walk."""
    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder)):
        root = Path(folder) / "repository"
        root.mkdir()
        for name, walk in walks(root):
            show(f"{name}: {len(walk.functions)} functions, {walk.modules} modules, {walk.moves} moves")
            if os.environ.get("WALKS") == "list":
                for code in walk.functions:
                    show(f"    {code.co_filename.removeprefix(SOURCE)}:{code.co_qualname}")


if __name__ == "__main__":
    main()
