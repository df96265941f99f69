"""The credential store of an environment: what it refuses goes to an emergency file, so that nothing is lost.

What people get to see is raised outside of every ``except``, so that no error, with what was read or written at hand,
hangs on it.
"""

import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Struct

from reconciler.credentials.backend import DEFAULT, IDS, Backend, Ledger, NotUnderstood, Refusal, reason
from reconciler.credentials.settings import CredentialSettings, contradiction
from reconciler.credentials.shared_file import Traces, are_old, traces_of
from reconciler.errors import InvalidInput, Refused, StoreFailed, Unreadable
from reconciler.files import existing_folder, own_folder, read_whole, write_whole
from reconciler.model import Outcome, Problem, StoredCredential, problem
from reconciler.model.secret import Sealed
from reconciler.schema.traits import CREDENTIAL_NAME

STAMP: Final = r"\d{20}-[0-9a-f]{8}"
LASTING: Final = (
    'store them with a command, such as credentials: {command: [gh, secret, set, "{name}", --env, "{environment}"]}, '
    "see docs/credentials.md; or set credentials: {file: FILE, ephemeral: true} if they may be lost with the machine"
)

T = TypeVar("T")


class Rescued(Struct, frozen=True):
    """A value in an emergency file."""

    path: Path
    name: str
    id: str
    value: Sealed


class CredentialStore:
    """What Stytch shows once, by name; several threads may use it at a time."""

    def __init__(
        self,
        backend: Backend,
        root: Path,
        environment: str,
        environ: Mapping[str, str],
        settings: CredentialSettings,
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._root = root
        self._environment = environment
        self._environ = environ
        self._kept: dict[str, Sealed] = {}
        self._refusals: dict[str, str] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._emergencies: tuple[Traces, tuple[Rescued, ...]] | None = None

    def check(self) -> None:
        """Raise ``Refused`` if the store would not take a value: to be asked before Stytch is asked for one."""
        try:
            self._backend.check()
        except (Refusal, NotUnderstood, OSError) as error:
            problem = f"the credential store cannot be written: {reason(error)}"
        else:
            return
        raise Refused(problem)

    def fleeting(self) -> str:
        """Return why the credentials would not outlast this machine; "" if they do, or if the settings allow it."""
        runs_in_ci = self._environ.get("CI", "").strip().lower() not in ("", "0", "false", "no")
        if not (runs_in_ci and self._settings.path and self._settings.ephemeral is UNSET):
            return ""
        return f"CI is set, and the credential store is a file, {self._settings.path}, which is lost with the runner"

    @property
    def ledger(self) -> str:
        """Return the file of ids, which is meant to be committed."""
        return self._settings.ids or IDS.format(quote(self._environment, safe=""))

    def place(self, name: str) -> str:
        """Return where the credential of a name is kept, and nothing of it."""
        return self._backend.place(name)

    def lost(self, name: str) -> bool:
        """Return whether a credential was given once and is nowhere now; a command, which took it, is not asked."""
        return bool(self._settings.path) and self.id_of(name) is not None and self.at_hand(name) is None

    def value(self, name: str) -> Sealed | None:
        """Return what ``{secret: NAME}`` stands for, None if nobody knows.

        What this run kept comes first; then the environment variable of that name, an emergency file (which is newer
        than what the store has), and the store. Raises ``Unreadable`` if it is unknown whether there is a value.
        """
        found = self.at_hand(name)
        return _or_unreadable(lambda: self._backend.value(name)) if found is None else found

    def at_hand(self, name: str) -> Sealed | None:
        """Return the same as far as no command has to be asked for it: one for each name, in each plan, is too many."""
        if (kept := self._kept.get(name)) is not None:
            return kept
        if given := self._environ.get(name):
            return Sealed(given)
        if waiting := _or_unreadable(lambda: self._waiting(name)):
            return waiting[-1].value
        return _or_unreadable(lambda: self._backend.value(name)) if self._settings.path else None

    def id_of(self, name: str) -> str | None:
        """Return Stytch's id of the resource whose credential has this name, None if there is none; as ``value``."""
        waiting = _or_unreadable(lambda: self._waiting(name))
        return waiting[-1].id or None if waiting else _or_unreadable(lambda: self._backend.id_of(name))

    def keep(self, name: str, value: Sealed, id: str) -> Path | None:
        """Hand a value and the id of its resource ("" while that is unknown) to the store, in place of older ones.

        Returns None once the store has taken them; if it does not, the path of the emergency file that holds them, and
        ``refusal`` says why. Raises ``StoreFailed`` if there is neither.
        """
        with self._turn(name):
            if self._handed_over(name, value, id):
                return None
            try:
                path = rescue(self._root, self._environment, name, id, value, self._refusals[name])
            except OSError as error:
                problem = f"the credential {name} is lost: {self._refusals[name]}; and no file for it: {reason(error)}"
            else:
                self._kept[name] = value
                return path
        raise StoreFailed(problem, hint="fix the credential store; the next apply replaces or rotates the credential")

    def refusal(self, name: str) -> str:
        """Return why the store refused the last value of a name; "" if it did not."""
        return self._refusals.get(name, "")

    def forget(self, name: str) -> None:
        """Remove a value and its id, when the resource is no more; raises ``StoreFailed`` if that cannot be done."""
        with self._turn(name):
            self._kept.pop(name, None)
            self._refusals.pop(name, None)
            try:
                self._backend.remove(name)
                self._drop(name)
            except (Refusal, NotUnderstood, OSError) as error:
                problem = f"the credential {name} cannot be removed from the credential store: {reason(error)}"
            else:
                return
        raise StoreFailed(problem)

    def take_back(self, name: str, value: Sealed) -> bool:
        """Forget a value that proved to be of no use, unless there is another one by now; return whether it is gone.

        Of what a command took only the id is forgotten.
        """
        if _or_unreadable(lambda: self._backend.value(name)) not in (None, value):
            return False
        self.forget(name)
        return bool(self._settings.path)

    def settle(self) -> tuple[str, ...]:
        """Hand what is in emergency files to the store, and return the names of what it took."""
        names = dict.fromkeys(value.name for value in _or_unreadable(self._rescued))
        return tuple(name for name in names if self._settled(name))

    def waiting(self) -> Mapping[str, Path]:
        """Return the emergency files that hold what the store has not taken, by the names of what is in them."""
        return {value.name: value.path for value in _or_unreadable(self._rescued)}

    def _settled(self, name: str) -> bool:
        with self._turn(name):
            waiting = _or_unreadable(lambda: self._waiting(name))
            return bool(waiting) and self._handed_over(name, waiting[-1].value, waiting[-1].id)

    def _handed_over(self, name: str, value: Sealed, id: str) -> bool:
        """Return whether the store took a value, which then is newer than any that waits in an emergency file."""
        if not re.fullmatch(CREDENTIAL_NAME, name):
            self._refusals[name] = f"{name!r} is not a valid name for a credential"
            return False
        try:
            self._backend.put(name, value, id)
            self._drop(name)
        except (Refusal, NotUnderstood, OSError) as error:
            self._refusals[name] = reason(error)
            return False
        self._refusals.pop(name, None)
        self._kept[name] = value
        return True

    def _turn(self, name: str) -> threading.Lock:
        """Return what a thread holds while it changes what is kept under a name."""
        return self._turns.setdefault(name, threading.Lock())

    def _waiting(self, name: str) -> tuple[Rescued, ...]:
        return tuple(value for value in self._rescued() if value.name == name)

    def _rescued(self) -> tuple[Rescued, ...]:
        """Return what is in the emergency files: read again only where files came or went."""
        now, traces = time.time_ns(), traces_of(existing_folder(self._root))
        if self._emergencies and self._emergencies[0] == traces:
            return self._emergencies[1]
        found = rescued(self._root, self._environment)
        self._emergencies = (traces, found) if are_old(traces, now) else None
        return found

    def _drop(self, name: str) -> None:
        for value in self._waiting(name):
            value.path.unlink(missing_ok=True)


def open_store(
    settings: CredentialSettings | None, root: Path, environment: str, environ: Mapping[str, str]
) -> CredentialStore:
    """Return the credential store of an environment of the repository at ``root``; nothing is read or written yet.

    ``settings`` are those of ``reconciler.yaml`` (None: a dotenv file outside git), ``environ`` the variables of the
    process. Raises ``InvalidInput`` for settings that contradict themselves, ``Refused`` for a file that may not be.
    """
    settings = settings or CredentialSettings(file=DEFAULT.format(quote(environment, safe="")))
    if problem := contradiction(settings):
        raise InvalidInput(problem)
    root = Path(os.path.abspath(root))  # noqa: PTH100 # a symbolic link to a repository is that repository, as named
    backend: Backend
    ledger = Ledger(root, settings.ids or IDS.format(quote(environment, safe="")))
    if not settings.path:
        from reconciler.credentials.command import CommandStore

        backend = CommandStore(settings, root, environment, environ, ledger)
    else:
        from reconciler.credentials.dotenv import DotenvFile

        backend = DotenvFile(root, settings.path, ledger)
    return CredentialStore(backend, root, environment, environ, settings)


def _or_unreadable(ask: Callable[[], T]) -> T:
    """Return what is asked; raise ``Unreadable`` where the store cannot be read: absence is never inferred."""
    try:
        return ask()
    except (NotUnderstood, OSError) as error:
        problem = f"the credential store cannot be read: {reason(error)}"
    raise Unreadable(problem)


# Emergency files: one for each value that the store refused


def rescue(root: Path, environment: str, name: str, id: str, value: Sealed, why: str) -> Path:
    """Write a value into a file of its own. Return its path once it is on the disk."""
    stamp = f"{time.time_ns():020}-{secrets.token_hex(4)}"
    path = own_folder(root) / f"{_begins(environment)}{stamp}.json"
    body = {"environment": environment, "name": name, "id": id, "value": value.reveal(), "why": why}
    write_whole(path, json.dumps(body, indent=2).encode() + b"\n")  # in ASCII, which takes whatever a text is
    return path


def rescued(root: Path, environment: str) -> tuple[Rescued, ...]:
    """Return what is in the emergency files of an environment, the newest last."""
    try:
        paths = sorted(existing_folder(root).iterdir())
    except FileNotFoundError:
        return ()
    begins = _begins(environment)
    ours = re.compile(re.escape(begins) + STAMP + r"\.json")
    found = (_read(path) for path in paths if path.name.startswith(begins) and ours.fullmatch(path.name))
    return tuple(value for value in found if value is not None)


def _begins(environment: str) -> str:
    return f"emergency-{quote(environment, safe='')}-"


def _read(path: Path) -> Rescued | None:
    text = read_whole(path)
    if text is None:  # settled by another process, a moment ago
        return None
    try:
        body = msgspec.convert(json.loads(text), dict[str, str])
        return Rescued(path, body["name"], body["id"], Sealed(body["value"]))
    except (ValueError, KeyError, msgspec.ValidationError):
        problem = f"{path} is not a valid emergency file"
    raise NotUnderstood(problem)  # out here, so that the text hangs on no error


def hand_over_waiting(store: CredentialStore) -> tuple[tuple[StoredCredential, ...], tuple[Outcome, ...]]:
    """Hand what waits in emergency files to the store: what it took, and a failed outcome for each it refuses again."""
    taken = store.settle()
    stored = (StoredCredential(address=f"credential/{name}", name=name, place=store.place(name)) for name in taken)
    return tuple(stored), tuple(
        Outcome(
            kind="credential",
            name=name,
            action="update",
            result="failed",
            reason=f"the credential store refused it again ({store.refusal(name)})",
            file=str(path),
        )
        for name, path in sorted(store.waiting().items())
    )


def waiting_warnings(store: CredentialStore) -> tuple[Problem, ...]:
    """Return a warning for each credential that exists only in an emergency file."""
    return tuple(
        problem(
            "emergency-file",
            f"the credential {name} is only in {path}, because the credential store refused it",
            "fix the credential store and apply again to move the credential there; keep the file until then",
            severity="warning",
        )
        for name, path in sorted(store.waiting().items())
    )
