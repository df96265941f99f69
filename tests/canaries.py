"""A net under every test: no secret that a test put to use stands anywhere when it has ended.

A secret is what an emulator is sent or gives as one, and whatever the program seals. None may stand, in any usual
spelling, in what the test printed or logged, in what commands that it ran printed, in the text of an error of ours, in
a file of the test's folder or in its cassette: only in the files that are there to hold it. Warnings are errors here.
"""

import base64
import contextlib
import io
import json
import subprocess
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest

from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.server.app import App
from reconciler.errors import Fault, ReconcilerError
from reconciler.model.secret import Sealed

# What holds a secret wherever it stands in a body of Stytch's.
FIELDS: Final = (
    *("secret", "client_secret", "next_client_secret", "bearer_token", "next_bearer_token", "api_key", "password"),
    *("signing_private_key", "saml_encryption_private_key", "access_token"),
)
QUOTED: Final = tuple(f'"{name}"'.encode() for name in FIELDS)
SHORTEST: Final = 8  # characters; anything shorter stands in a text by chance
MASKED: Final = "****"
PUBLIC: Final = "public-token-"  # the credential store keeps those, too
# The credential store's own files, what a store's command makes of a value, an emulator's --env-file and --database.
WHERE_THEY_BELONG: Final = ("*.env", ".*.env.*", "emergency-*.json", "kept-*", "*.stdin", "*.db", "*.db-*")


class Net:
    """What one test put to use, with a name for it, and what came of the test."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.streams: list[Any] = []
        self._texts: set[tuple[str, str]] = set()
        self._headers: set[str] = set()

    def add(self, name: str, value: object) -> None:
        """Remember a secret."""
        if isinstance(value, str) and len(value) >= SHORTEST and not value.startswith((MASKED, PUBLIC)):
            self.secrets.setdefault(value, name)

    def exchanged(self, request: Request, response: Response) -> None:
        """Remember the secrets of an exchange: the password of the request, and what stands in either body."""
        header = request.headers.get("authorization", "")
        if header not in self._headers:
            self._headers.add(header)
            self.add("password of a request", password(header))
        for body in (request.body, response.body):
            if any(name in body for name in QUOTED):
                with contextlib.suppress(ValueError):
                    self._within(json.loads(body))

    def heard(self, where: str, *texts: str | bytes | None) -> None:
        """Remember texts."""
        for text in texts:
            self._texts.add((where, text.decode(errors="replace") if isinstance(text, bytes) else text or ""))

    def leaks(self, files: Iterable[Path]) -> list[str]:
        """Say which secrets stand where, without saying them."""
        if not self.secrets:
            return []
        texts = [
            *self._texts,
            *(("redirected output", stream.getvalue()) for stream in self.streams if isinstance(stream, io.StringIO)),
            *((f"the file {path.name}", path.read_text(errors="replace")) for path in files),
        ]
        forms = {form: name for secret, name in self.secrets.items() for form in spellings(secret)}
        found = {
            f"a secret ({forms[form]}) stands in {where}" for where, text in texts for form in forms if form in text
        }
        return sorted(found)

    def _within(self, value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name in FIELDS:
                    self.add(name, inner)
                self._within(inner)
        elif isinstance(value, list):
            for inner in value:
                self._within(inner)


def password(header: str) -> str:
    """The password in the value of an ``Authorization`` header; "" where there is none."""
    try:
        return base64.b64decode(header.removeprefix("Basic "), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def spellings(secret: str) -> set[str]:
    """A secret as it stands, and as URLs, JSON, hexadecimal digits and base64 (perhaps of a longer text) spell it."""
    raw = secret.encode(errors="surrogatepass")
    found = {secret, quote(raw), quote(raw, safe=""), quote_plus(raw), json.dumps(secret)[1:-1], raw.hex()}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        # Without the characters at either end that hang on what stands beside it.
        inner = encoded[(0, 2, 3)[before] : len(encoded) - (0, 3, 2)[(before + len(raw)) % 3]]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    lines = [line for line in secret.splitlines() if not line.startswith("-----")]
    return found | {line for line in lines if len(line) >= 2 * SHORTEST}


def files_of(item: pytest.Item) -> Iterator[Path]:
    """The files that came of a test, but for those in which secrets belong."""
    folders = [getattr(item, "funcargs", {}).get("tmp_path")]
    if item.get_closest_marker("vcr"):
        folders.append(item.path.parent / "cassettes" / item.path.stem)
    for path in (path for folder in folders if folder for path in folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(map(path.match, WHERE_THEY_BELONG)):
            yield path


SPREAD: Final = pytest.StashKey[Net]()


@pytest.fixture(autouse=True)
def net(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Net:
    """Spread the net, and tell what it holds already."""
    net = request.node.stash[SPREAD] = Net()

    def listen(owner: type, name: str, tell: Callable[..., object]) -> None:
        """After each call of a method, tell what it gave and what it was given."""
        method = getattr(owner, name)

        @wraps(method)
        def told(*arguments: Any, **named: Any) -> Any:
            result = method(*arguments, **named)
            tell(result, *arguments)
            return result

        monkeypatch.setattr(owner, name, told)

    def printed(
        streams: tuple[str | bytes | None, str | bytes | None], process: subprocess.Popen[Any], *_: Any
    ) -> None:
        if "reconciler" in str(process.args):  # not what keeps or reads a secret
            net.heard("the output of a command", *streams)

    listen(App, "respond", lambda response, _, request: net.exchanged(request, response))
    listen(Sealed, "__init__", lambda _, sealed, *__: net.add("credential", sealed.reveal()))
    listen(Fault, "__init__", lambda _, error, *__: net.heard("a fault", str(error)))
    listen(ReconcilerError, "__init__", lambda _, error, *__: net.heard("an error", repr(error.problems)))
    listen(subprocess.Popen, "communicate", printed)
    listen(pytest.CaptureFixture, "readouterr", lambda read, _: net.heard("captured output", *read))
    listen(contextlib.redirect_stdout, "__init__", lambda _, __, stream: net.streams.append(stream))
    return net


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Haul it in once everything of the test has ended: what is in it fails the test."""
    report = yield
    net = item.stash.get(SPREAD, None)
    if net is not None and report.when == "teardown":
        for title, text in report.sections:
            net.heard(title.lower(), text)
        if leaks := net.leaks(files_of(item)):
            report.outcome, report.longrepr = "failed", "\n".join(leaks)
    return report
