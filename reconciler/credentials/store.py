"""The credential store of an environment: what it refuses goes to an emergency file, so that nothing is lost.

What people get to see is raised outside of every ``except``, so that no error, with what was read or written at hand,
hangs on it.
"""

import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

from msgspec import UNSET

from reconciler.credentials.emergency import Rescued, rescue, rescued
from reconciler.credentials.ledger import Ledger
from reconciler.credentials.refusal import NotUnderstood, Refusal, reason
from reconciler.credentials.settings import CredentialSettings, contradiction
from reconciler.errors import InvalidInput, Refused, StoreFailed, Unreadable
from reconciler.files import FOLDER
from reconciler.model.secret import Sealed
from reconciler.schema.traits import CREDENTIAL_NAME

NOW_IN: Final = ", which is now in "  # stands before the path of an emergency file, in what is said of it


class Store(Protocol):
    """The environment's credential store, as ``CredentialStore`` describes it."""

    def check(self) -> None: ...  # noqa: D102  # the name says it
    def fleeting(self) -> str: ...  # noqa: D102  # the name says it
    def place(self, name: str) -> str: ...  # noqa: D102  # the name says it
    def lost(self, name: str) -> bool: ...  # noqa: D102  # the name says it
    @property
    def ledger(self) -> str: ...  # noqa: D102  # the name says it
    def value(self, name: str) -> Sealed | None: ...  # noqa: D102  # the name says it
    def id_of(self, name: str) -> str | None: ...  # noqa: D102  # the name says it
    def keep(self, name: str, value: Sealed, id: str) -> Path | None: ...  # noqa: D102  # the name says it
    def refusal(self, name: str) -> str: ...  # noqa: D102  # the name says it
    def forget(self, name: str) -> None: ...  # noqa: D102  # the name says it
    def settle(self) -> Collection[str]: ...  # noqa: D102  # the name says it
    def waiting(self) -> Mapping[str, Path]: ...  # noqa: D102  # the name says it


T = TypeVar("T")

DEFAULT: Final = FOLDER + "/credentials-{}.env"
IDS: Final = "{}.credential-ids.json"
LASTING: Final = (
    'store them with a command, such as credentials: {command: [gh, secret, set, "{name}", --env, "{environment}"]}, '
    "see docs/credentials.md; or set credentials: {file: FILE, ephemeral: true} if they may be lost with the machine"
)


class Backend(Protocol):
    """Where values go; raises ``Refusal``, ``NotUnderstood`` or ``OSError``, none of which tells a value."""

    def value(self, name: str) -> Sealed | None: ...  # noqa: D102 # as of CredentialStore
    def id_of(self, name: str) -> str | None: ...  # noqa: D102 # as above
    def put(self, name: str, value: Sealed, id: str) -> None: ...  # noqa: D102 # takes the value, or raises
    def remove(self, name: str) -> None: ...  # noqa: D102 # a name that is not there is removed already
    def check(self) -> None: ...  # noqa: D102 # as of CredentialStore
    def place(self, name: str) -> str: ...  # noqa: D102 # as of CredentialStore


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
        return bool(self._settings.path) and self.id_of(name) is not None and self.value(name) is None

    def value(self, name: str) -> Sealed | None:
        """Return what ``{secret: NAME}`` stands for, None if nobody knows.

        What this run kept comes first; then the environment variable of that name, an emergency file (which is newer
        than what the store has), and the store. Raises ``Unreadable`` if it is unknown whether there is a value.
        """
        if (kept := self._kept.get(name)) is not None:
            return kept
        if given := self._environ.get(name):
            return Sealed(given)
        waiting = _told(lambda: self._waiting(name))
        return waiting[-1].value if waiting else _told(lambda: self._backend.value(name))

    def id_of(self, name: str) -> str | None:
        """Return Stytch's id of the resource whose credential has this name, None if there is none; as ``value``."""
        waiting = _told(lambda: self._waiting(name))
        return waiting[-1].id or None if waiting else _told(lambda: self._backend.id_of(name))

    def keep(self, name: str, value: Sealed, id: str) -> Path | None:
        """Hand a value and the id of its thing ("" where that is not known yet) to the store, in place of older ones.

        Gives None once the store has taken them; if it does not, the path of the emergency file that holds them, and
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
        """Remove a value and its id, when the thing is no more; raises ``StoreFailed`` if that cannot be done."""
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

    def settle(self) -> tuple[str, ...]:
        """Hand what is in emergency files to the store, and give the names of what it took."""
        names = dict.fromkeys(one.name for one in _told(lambda: rescued(self._root, self._environment)))
        return tuple(name for name in names if self._settled(name))

    def waiting(self) -> Mapping[str, Path]:
        """Return the emergency files that hold what the store has not taken, by the names of what is in them."""
        return {one.name: one.path for one in _told(lambda: rescued(self._root, self._environment))}

    def _settled(self, name: str) -> bool:
        with self._turn(name):
            waiting = _told(lambda: self._waiting(name))
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
        return tuple(one for one in rescued(self._root, self._environment) if one.name == name)

    def _drop(self, name: str) -> None:
        for one in self._waiting(name):
            one.path.unlink(missing_ok=True)


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


def _told(ask: Callable[[], T]) -> T:
    """Turn whatever keeps a store from being read into ``Unreadable``: absence is never inferred."""
    try:
        return ask()
    except (NotUnderstood, OSError) as error:
        problem = f"the credential store cannot be read: {reason(error)}"
    raise Unreadable(problem)
