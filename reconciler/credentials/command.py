"""Credentials stored with a command: the value goes to its standard input only, without a shell."""

import os
import re
import shlex
import shutil
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import UNSET

from reconciler.clients.redact import redacted
from reconciler.credentials.backend import Ledger, NotUnderstood, Refusal, reason
from reconciler.credentials.settings import OURS, CredentialSettings
from reconciler.errors import Refused
from reconciler.model.secret import Sealed

TIMEOUT: Final = 60.0
PLACEHOLDER: Final = re.compile(r"\{(name|id|environment)\}")
# What is put into an argument must not turn into an option, or into a piece of a program that the argument holds.
PLAIN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/+=-]*")


ALWAYS: Final = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ"})  # with every LC_…: what any program needs


class CommandStore:
    """What one command puts values into, and another (if there is one) prints them from; a ledger remembers the ids."""

    def __init__(
        self,
        settings: CredentialSettings,
        root: Path,
        environment: str,
        environ: Mapping[str, str],
        ledger: Ledger,
    ) -> None:
        self._put = settings.command or []
        self._read = settings.read or []
        self._ledger = ledger
        self._root = root
        self._environment = environment
        self._environ = _handed_on(environ, settings)
        self._turn = threading.Lock()  # nobody knows whether the command may be run twice at once

    def value(self, name: str) -> Sealed | None:
        """Return what the reading command prints, without its last newline; None where it says no or prints nothing."""
        id = self._ledger.id_of(name) or ""
        if not self._read or ("{id}" in "".join(self._read) and not id):
            return None
        try:
            code, printed, _ = self._run(self._read, name, id)
        except Refusal as refusal:
            problem = str(refusal)
        else:
            text = printed.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
            return Sealed(text) if code == 0 and text else None
        raise NotUnderstood(problem)  # out here, so that what was printed hangs on no error

    def id_of(self, name: str) -> str | None:
        """Return the id that the ledger remembers."""
        return self._ledger.id_of(name)

    def put(self, name: str, value: Sealed, id: str) -> None:
        """Hand a value to the command, and write its id down once that succeeded."""
        with self._turn:
            code, _, errors = self._run(self._put, name, id, value.reveal().encode("utf-8", "surrogatepass"))
        if code:
            line = first_line(errors, value)
            raise Refusal(f"{self._put[0]} ended with exit code {code}{': ' if line else ''}{line}")
        self._ledger.record(name, id)

    def remove(self, name: str) -> None:
        """Forget the id; what the command put somewhere stays there."""
        self._ledger.record(name, "")

    def check(self) -> None:
        """Raise what would keep a value from being handed over and its id from being written down."""
        path = self._environ.get("PATH")
        for program in (command[0] for command in (self._put, self._read) if command):
            if shutil.which(self._root / program if os.sep in program else program, path=path) is None:
                hint = "install it, or correct credentials in reconciler.yaml"
                raise Refused(
                    f"{program}, which keeps the credentials, does not exist or cannot be executed", hint=hint
                )
        self._ledger.check()

    def place(self, name: str) -> str:
        """Return where a value is: by the command that took it."""
        return shlex.join(self._filled(self._put, name, self._ledger.id_of(name) or ""))

    def _filled(self, command: Sequence[str], name: str, id: str) -> list[str]:
        values = {"name": name, "id": id, "environment": self._environment}
        return [PLACEHOLDER.sub(lambda found: values[found[1]], argument) for argument in command]

    def _run(self, command: Sequence[str], name: str, id: str, given: bytes = b"") -> tuple[int, bytes, bytes]:
        """Return a command's exit code and what it printed and said; ``Refusal`` if it was cut short or never began."""
        import subprocess

        if id and "{id}" in "".join(command) and not PLAIN_ID.fullmatch(id):
            raise Refusal(f"the id of {name} has characters that cannot be used in an argument of {command[0]}")
        try:
            with subprocess.Popen(  # noqa: S603 # the command that reconciler.yaml names, without a shell
                self._filled(command, name, id),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._root,
                env=self._environ,
                start_new_session=True,  # to end what it starts as well, and it cannot ask on our terminal
            ) as process:
                try:
                    printed, errors = process.communicate(given, TIMEOUT)
                except BaseException:
                    with suppress(OSError):
                        os.killpg(process.pid, signal.SIGKILL)
                    raise
        except subprocess.TimeoutExpired:
            problem = f"{command[0]} did not end within {TIMEOUT:g} s"
        except (OSError, ValueError) as error:
            problem = f"{command[0]} cannot be started: {reason(error)}"
        else:
            if process.returncode >= 0:
                return process.returncode, printed, errors
            problem = f"{command[0]} was ended by signal {-process.returncode}"
        raise Refusal(problem)  # out here, so that neither input nor output hangs on it


def _handed_on(environ: Mapping[str, str], settings: CredentialSettings) -> Mapping[str, str]:
    """Return the variables that a command gets: none of our own credentials, and of the others those that are named."""
    names = {name for name in environ if not name.upper().startswith(OURS)}
    if settings.environment is not UNSET:
        names &= {*ALWAYS, *settings.environment, *(name for name in names if name.startswith("LC_"))}
    return {name: environ[name] for name in names}


def first_line(output: bytes, secret: Sealed) -> str:
    """Return the first line of what a command said, masked; "" if it holds a piece of the secret, in whatever form."""
    lines = output.decode("utf-8", "replace").splitlines()
    return redacted(next((line.strip() for line in lines if line.strip()), ""), (secret.reveal(),))
