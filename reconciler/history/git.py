"""Git as a child process: without prompts, without hooks, without anything that a user must have configured.

A token for the remote is given to the children that talk to it, and to nobody else: in their environment, never on a
command line, and only for the server that the remote names.
"""

import base64
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from reconciler.clients.redact import redacted
from reconciler.errors import Unreadable

TOKEN: Final = "RECONCILER_GIT_TOKEN"  # noqa: S105 # the name of a variable
NAME: Final = "stytch-reconciler"
MAIL: Final = "stytch-reconciler@localhost"
PATIENCE: Final = 120.0  # seconds for one child
CONFIGURATION: Final = (  # of every child, over all that people configured
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.quotePath", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("credential.interactive", "never"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "30"),
)
# Of git's own variables these configure how a server is reached; the others would point it at another repository.
_HANDED_ON: Final = ("GIT_CONFIG", "GIT_SSH", "GIT_SSL", "GIT_PROXY", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_HTTP_")
_IDENTITY: Final = (("NAME", NAME), ("EMAIL", MAIL))
_OURS: Final = ("STYTCH_", "RECONCILER_")
_USERINFO: Final = re.compile(r"://[^/@\s]*@")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Done(Struct, frozen=True):
    """How a child ended; ``said`` is what it wrote to standard error, without secrets."""

    code: int
    out: bytes
    said: str

    @property
    def text(self) -> str:
        """Return its output without the last newline."""
        return self.out.decode("utf-8", "surrogateescape").removesuffix("\n")

    @property
    def why(self) -> str:
        """Return in one line why it failed."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:", "!"))]
        return "; ".join(dict.fromkeys(telling[:3] or lines[-1:])) or f"git ended with {self.code}"


class Repository(Struct, frozen=True, kw_only=True):
    """A repository of git with a folder of ours in it.

    ``top`` is the top of its work tree, ``prefix`` leads from there to the folder ("", or with a slash at its end), and
    ``shared`` is what all work trees share. ``remote`` is where everybody applies from, "" if there is none.
    """

    top: Path
    prefix: str
    shared: Path
    remote: str = ""

    @property
    def root(self) -> Path:
        """Return the folder of ours."""
        return self.top / self.prefix

    def git(
        self,
        *arguments: str,
        data: bytes = b"",
        network: bool = False,
        variables: Mapping[str, str] | None = None,
        allowed: Sequence[int] = (0,),
    ) -> Done:
        """Run git at the top; raises ``Unreadable`` unless it ends with one of ``allowed``, if that is not empty."""
        given = dict(variables or {})
        token = os.environ.get(TOKEN, "").strip() if network else ""
        alone = ((f"remote.{self.remote}.mirror", "false"),) if network else ()  # one ref moves, and no other
        configured = [*CONFIGURATION, *alone, *(self._header(token) if token else ())]
        done = run(self.top, arguments, data=data, variables=given, configuration=configured, hidden=token)
        if allowed and done.code not in allowed:
            raise Unreadable(f"git {arguments[0]} failed: {done.why}", hint=hint_for(done))
        return done

    def _header(self, token: str) -> Iterator[tuple[str, str]]:
        """Yield the configuration that gives a token to the server of the remote, and to no other."""
        yield "http.followRedirects", "false"
        urls = {self.git("remote", "get-url", *push, self.remote).text for push in ((), ("--push",))}
        for server in sorted(filter(None, map(server_of, urls))):
            yield f"http.{server}.extraHeader", ""  # in place of what is persisted for it
            yield f"http.{server}.extraHeader", f"Authorization: Basic {_basic(token)}"


def find(root: Path, file: str) -> Repository | None:
    """Return the repository whose HEAD holds ``file`` of the folder ``root``; None where there is no such repository.

    Raises ``Unreadable`` where git cannot tell.
    """
    root = root.resolve()
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return None
    if shutil.which("git") is None:
        raise Unreadable("there is a git repository here, but no git", hint="install git 2.31 or newer")
    here = Repository(top=root, prefix="", shared=root)
    top = here.git("rev-parse", "--show-toplevel", allowed=())
    if top.code:
        if "not a git repository" in top.said or "must be run in a work tree" in top.said:
            return None
        raise Unreadable(f"git does not tell about this folder: {top.why}", hint=hint_for(top))
    prefix = here.git("rev-parse", "--show-prefix").text
    shared = here.git("rev-parse", "--path-format=absolute", "--git-common-dir").text
    found = Repository(top=Path(top.text), prefix=prefix, shared=Path(shared))
    if found.git("cat-file", "-e", f"HEAD:{prefix}{file}", allowed=()).code:
        return None
    return Repository(top=found.top, prefix=prefix, shared=found.shared, remote=_remote(found))


def _remote(repository: Repository) -> str:
    names = repository.git("remote").text.split("\n")
    if "origin" in names or len(names) == 1:
        return "origin" if "origin" in names else names[0]
    raise Unreadable(
        f"nobody knows which remote has the state of environments: {', '.join(names)}",
        hint="name the one that everybody applies from `origin`",
    )


def server_of(url: str) -> str:
    """Return the server of a URL to which a token may go: over TLS, or in this machine; "" for any other."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}/"


def hint_for(done: Done) -> str:
    """Return what to do about a child that failed."""
    if "dubious ownership" in done.said:
        return "git config --global --add safe.directory with the path of the repository"
    if any(word in done.said for word in ("could not read Username", "Authentication failed", "Permission denied")):
        return f"give a token that may read and write the repository's contents in {TOKEN}"
    return "run git there by hand to see what it says"


def run(
    folder: Path,
    arguments: Sequence[str],
    *,
    data: bytes,
    variables: Mapping[str, str],
    configuration: Sequence[tuple[str, str]],
    hidden: str,
) -> Done:
    """Run git in ``folder``, in a session of its own, so that it can ask nobody and signals are ours to handle."""
    environ = _environ(configuration) | dict(variables)
    command = [shutil.which("git") or "git", "--no-optional-locks", *arguments]
    with subprocess.Popen(  # noqa: S603 # the names in it are ours, or follow what ends options
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            out, error = child.communicate(data, timeout=PATIENCE)
        except BaseException as exception:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            if isinstance(exception, subprocess.TimeoutExpired):
                return Done(-signal.SIGKILL, b"", f"fatal: git {arguments[0]} did not end within {PATIENCE:g} s")
            raise
    return Done(child.returncode, out, _harmless(error.decode("utf-8", "replace"), hidden))


def _environ(configuration: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the variables of a child: those of this process, without ours and without what misleads git."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OURS) and (not name.startswith("GIT_") or name.startswith(_HANDED_ON))
    }
    given = kept.get("GIT_CONFIG_COUNT", "")
    first = int(given) if given.isdecimal() else 0
    for number, (key, value) in enumerate(configuration, first):
        kept |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _IDENTITY}
    return (
        kept
        | who
        | {
            "GIT_CONFIG_COUNT": str(first + len(configuration)),
            "GIT_NO_REPLACE_OBJECTS": "1",  # what was applied is what its name says
            "GIT_TERMINAL_PROMPT": "0",
            "SSH_ASKPASS_REQUIRE": "never",
            "GCM_INTERACTIVE": "never",
            "LC_ALL": "C",
            "LANGUAGE": "C",
        }
    )


def _harmless(said: str, hidden: str) -> str:
    """Return what a child said without the token, without credentials in URLs, and without addresses."""
    secrets = (hidden, _basic(hidden)) if hidden else ()
    return "\n".join(redacted(_USERINFO.sub("://", line), secrets) for line in said.splitlines())


def _basic(token: str) -> str:
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()
