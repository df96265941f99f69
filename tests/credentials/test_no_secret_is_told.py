"""The command line with secrets everywhere, against a Stytch that fails in every way and repeats them while it does.

What is asserted here is that everything goes as it should; that no secret stands anywhere afterwards, in what was
printed or in any file below the repository, HOME and TMPDIR, is what the net of canaries.py sees to.
"""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from rich.pretty import pretty_repr

from reconciler.clients.connect import open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.clients.wire import TIMEOUTS
from reconciler.commands import cli
from reconciler.diff.ownership import Owner
from reconciler.emulator.core.exchange import HTML, Lost, Request, Response
from reconciler.emulator.seed.running import Running, running
from reconciler.emulator.server.app import App
from reconciler.kinds import KINDS
from reconciler.kinds._context import ApplyContext
from reconciler.model.secret import Sealed
from reconciler.read.run import store_of
from tests.apply.test_cut_short import doubtful
from tests.canaries import Net, spellings
from tests.connected import VirtualClock
from tests.repositories import config_of, write
from tests.stages import is_read
from tests.whole_project import REPOSITORY, SECRETS

Run = Callable[..., int]
Way = Callable[[Response, list[str]], Response]

RATES: Final = {"requests_per_second": 10_000, "searches_per_minute": 100_000}
pytestmark = pytest.mark.slow

FORMATS: Final = tuple(("--format", form) for form in ("text", "json", "markdown"))


def refusal(status: int, sort: str) -> Way:
    """A refusal whose sentence repeats the secrets."""

    def way(_response: Response, secrets: list[str]) -> Response:
        said = {"error_type": sort, "error_message": f"It was {' and '.join(secrets)}."}
        return Response(status, json.dumps({"status_code": status, "request_id": "request-id-test-1", **said}).encode())

    return way


WAYS: Final[dict[str, Way]] = {
    "a 400": refusal(400, "bad_request"),
    "a 401": refusal(401, "unauthorized_credentials"),
    "a 500": refusal(500, "internal_server_error"),
    "an OAuth error": lambda _, secrets: Response(
        403, json.dumps({"error": "access_denied", "error_description": secrets[0]}).encode()
    ),
    "a proxy's page": lambda _, secrets: Response(502, f"<html>{secrets}</html>".encode(), HTML),
    "a redirect": lambda _, secrets: Response(302, b"", (("Location", f"http://127.0.0.1:9/?{secrets[0]}"),)),
    "an answer that is cut short": lambda response, _: replace(response, body=response.body[:-2]),
    "an answer of another shape": lambda _, secrets: Response(200, json.dumps({"secret": secrets}).encode()),
    "a list": lambda _, secrets: Response(200, json.dumps(secrets).encode()),
    "a lost answer": lambda response, _: replace(response, lost=Lost.DROPPED),
    "a timeout": lambda response, _: replace(response, lost=Lost.STALLED),
}


class Talkative:
    """An app's ``respond`` that goes wrong in one way, at what it is told to; ``times`` says how often."""

    def __init__(self, app: App, way: str, wrong: Callable[[Request, Net], bool]) -> None:
        self._respond, self._way, self._wrong = app.respond, WAYS[way], wrong
        self.times = 0

    def __call__(self, request: Request) -> Response:
        response = self._respond(request)
        exchange = Net()
        exchange.exchanged(request, response)
        if not self._wrong(request, exchange):
            return response
        self.times += 1
        return self._way(response, [form for each in exchange.secrets for form in sorted(spellings(each))])


def looked_at(root: Path, server: Running) -> None:
    """Somebody deletes what is held because nothing proves whose it is."""
    config = config_of(root)
    doubtful(config, server.app, store_of(config), delete=True)


def reads(request: Request, _exchange: Net) -> bool:
    return is_read(request.method, request.path)


def moves_a_secret(request: Request, exchange: Net) -> bool:
    """Whether it writes, and there is one in a body."""
    return not reads(request, exchange) and len(exchange.secrets) > 1


@contextmanager
def failing(
    server: Running, monkeypatch: pytest.MonkeyPatch, way: str, wrong: Callable[[Request, Net], bool]
) -> Iterator[Talkative]:
    """Let the server go wrong for a while; nobody waits long for what never comes."""
    with monkeypatch.context() as patched:
        if way == "a timeout":
            patched.setitem(TIMEOUTS, "read", 0.1)
        talkative = Talkative(server.app, way, wrong)
        patched.setattr(server.app, "respond", talkative)
        yield talkative
        assert talkative.times


KEEPS = {"file": ".reconciler/credentials-test.env", "ephemeral": True}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {path.relative_to(REPOSITORY).as_posix(): path.read_text() for path in REPOSITORY.rglob("*.*")}
    files["reconciler.yaml"] = settings(rates=RATES)
    return write(tmp_path / "repository", files)


def settings(**more: Any) -> str:
    """The repository's configuration, with more settings of its environment."""
    body = yaml.safe_load((REPOSITORY / "reconciler.yaml").read_text())
    body["environments"]["test"] |= {"credentials": KEEPS} | more
    return yaml.safe_dump(body)


def documents(bodies: list[dict[str, Any]]) -> str:
    return yaml.safe_dump_all({"apiVersion": "reconciler/v1", **body} for body in bodies)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Running]:
    """A Stytch, and the environment of a command that has a workspace key alone, and the secrets to send."""
    with running() as server:
        known = {name: text for name, text in server.environment.items() if "WORKSPACE" in name or "UR" in name}
        folders = {name: str(tmp_path / name) for name in ("HOME", "TMPDIR")}
        for name, text in {**known, **folders, **SECRETS}.items():
            monkeypatch.setenv(name, text)
        for folder in folders.values():
            Path(folder).mkdir()
        yield server


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Run:
    """The command line in this process, on time that passes at once, with everything logged."""
    caplog.set_level(logging.DEBUG)
    # What the program sets for its whole process is not for this one.
    monkeypatch.setattr("reconciler.commands.cli.signal.signal", lambda *_: None)
    monkeypatch.setattr("reconciler.commands.cli.gc.set_threshold", lambda *_: None)
    monkeypatch.setattr("reconciler.clients.connect.Clock", VirtualClock)

    def run(*arguments: str) -> int:
        agreed = ["--yes"] if arguments[0] == "apply" else []
        monkeypatch.setattr(sys, "argv", ["reconciler", "-C", str(root), *arguments, *agreed])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run


def test_everything_goes_well(run: Run, root: Path, tmp_path: Path, server: Running, net: Net) -> None:
    for form in FORMATS:
        assert run("validate", *form) == 0
        assert run("plan", *form) == 2
        assert run("doctor", *form) == 0
    assert run("plan", "-o", str(root / "plan.json")) == 2
    assert run("apply", str(root / "plan.json")) == 0
    assert run("schema") == 0
    for form in FORMATS:
        for command in ("plan", "apply", "drift", "doctor"):
            assert run(command, *form) == 0
        assert run("why", "ann@acme.example", *form) == 0
        assert run("export", str(tmp_path / "exported"), *form) == 0
    assert set(SECRETS.values()) <= net.secrets.keys()
    assert server.app.workspace.key_secret in net.secrets
    assert {"secret", "client_secret", "bearer_token"} <= set(net.secrets.values())


@pytest.mark.parametrize("way", WAYS)
def test_a_stytch_that_cannot_be_read(run: Run, server: Running, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    assert run("apply") == 0
    with failing(server, monkeypatch, way, reads):
        for command in ("plan", "apply", "drift"):
            assert run(command) == 4
        for form in FORMATS:
            assert run("plan", *form) == 4
            assert run("doctor", *form) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_stytch_that_fails_where_secrets_go(
    run: Run, root: Path, server: Running, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """First the secret of the environment cannot be had, then nothing that needs one is made, then all goes well.

    In between somebody looks at what may have been made, which is held, and deletes it.
    """
    with failing(server, monkeypatch, way, moves_a_secret):
        assert run("apply", *FORMATS[1]) == 1
    looked_at(root, server)
    assert run("apply", "--only", "Secret") in (0, 1)
    with failing(server, monkeypatch, way, moves_a_secret):
        assert run("apply") in (1, 3)
    looked_at(root, server)
    assert run("apply", *FORMATS[2]) == 0
    assert run("plan") == 0


@pytest.mark.usefixtures("server")
def test_a_store_that_refuses(run: Run, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it does not take waits in emergency files, until it takes it."""
    says = "read value; echo no room for $value >&2; echo $0 $@ >> arguments; exit 1"
    refusing = {"command": ["sh", "-c", says, "{name}", "{id}", "{environment}"]}
    (root / "reconciler.yaml").write_text(settings(rates=RATES, credentials=refusing))
    assert run("apply") == 1
    assert "emergency-" in capsys.readouterr().out
    assert len(list((root / ".reconciler").glob("emergency-*"))) > 1
    taking = {"command": ["cp", "/dev/stdin", "kept-{name}"], "read": ["cat", "kept-{name}"]}
    (root / "reconciler.yaml").write_text(settings(rates=RATES, credentials=taking))
    assert run("apply") == 0
    assert list((root / ".reconciler").glob("emergency-*")) == []
    assert run("plan") == 0


@pytest.mark.usefixtures("server")
def test_a_crash(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever goes wrong in the middle of a write, with a secret in its hands, is an outcome, and shows none."""

    def crash(*_: object) -> None:
        raise RuntimeError("that nobody thought of")

    with monkeypatch.context() as patched:
        patched.setattr("reconciler.kinds._context.ApplyContext.keep", crash)
        assert run("apply") == 1
    assert "RuntimeError: the write may have happened" in capsys.readouterr().out
    assert run("apply") == 0


def test_a_secret_in_the_place_of_its_name(run: Run, root: Path, net: Net) -> None:
    """Who writes a secret into a manifest is told so without it."""
    net.add("literal", literal := "hunter2 of nobody's")
    for kind in KINDS.values():
        for name in (*kind.secret_fields, *([kind.credential.field] if kind.credential else [])):
            for value in (
                literal,
                {"secret": literal},
                {"secret": [literal]},
                [literal],
                {"datadog": {"api_key": literal}},
            ):
                body = {"kind": kind.name, "metadata": {"namespace": "acme", "name": "a"}, "spec": {name: value}}
                (root / "manifests" / "literal.yaml").write_text(documents([body]))
                for form in FORMATS:
                    assert run("validate", *form) == 1
    (root / "manifests" / "literal.yaml").write_text(f'kind: M2MClient\nspec: {{client_secret: "{literal}')
    assert run("validate") == 1
    (root / "manifests" / "literal.yaml").unlink()


def test_what_holds_secrets_does_not_show_them(root: Path, server: Running, net: Net) -> None:
    known = Credentials.from_environment({**server.environment, "STYTCH_TELEMETRY_URL": server.url})
    with open_client(known, Rates()) as client:
        client.management.get("/pwa/v3/projects")
        client.rbac_policy()
        client.writer()
        config = config_of(root)
        store = store_of(config)
        store.keep("A_NAME", Sealed("a canary of a store"), "")
        context = ApplyContext(client=client, owner=Owner("acme"), organization_ids={}, store=store)
        body = context.revealed({"key": {"secret": "A_NAME"}, "list": [{"secret": "OKTA_SECRET"}]})
        holders = (known, client, client.management, client._opened, client.writer(), config, store, context, body)  # noqa: SLF001 # the inside is what this is about
        for holder in holders:
            for text in (repr(holder), str(holder), f"{holder}", pretty_repr(holder)):
                net.heard(f"a {type(holder).__name__}", text)


def reconciler(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The real command line, as one who looks for its mistakes runs it."""
    command = [sys.executable, "-X", "dev", "-m", "reconciler", "-C", str(root), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> int:
    _, said = process.communicate(timeout=60)
    assert b"Traceback" not in said
    return process.returncode


@pytest.mark.usefixtures("server")
def test_a_program_of_its_own(root: Path) -> None:
    assert ended(reconciler(root, "validate")) == 0
    assert ended(reconciler(root, "plan", "-o", str(root / "plan.json"))) == 2
    assert ended(reconciler(root, "apply", str(root / "plan.json"), "--format", "json")) == 0
    assert ended(reconciler(root, "drift", "--format", "markdown")) == 0
    assert ended(reconciler(root, "doctor")) == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda sent: sent.name)
def test_a_program_that_is_told_to_end(
    run: Run, root: Path, server: Running, monkeypatch: pytest.MonkeyPatch, sent: int
) -> None:
    """In the middle of the first write that gives a secret; then all goes well."""
    running: list[subprocess.Popen[bytes]] = []
    respond = server.app.respond

    def interrupting(request: Request) -> Response:
        response = respond(request)
        exchange = Net()
        exchange.exchanged(request, response)
        if running and moves_a_secret(request, exchange):
            running.pop().send_signal(sent)
        return response

    with monkeypatch.context() as patched:
        patched.setattr(server.app, "respond", interrupting)
        running.append(process := reconciler(root, "apply", "--yes"))
        assert ended(process) != 0
        assert not running
    looked_at(root, server)
    assert run("apply") == 0
    assert run("plan") == 0


def test_a_project_that_is_there_already(
    run: Run, root: Path, tmp_path: Path, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository is written from what another one made, with the secret that its store holds."""
    assert run("apply") == 0
    made = store_of(config_of(root)).value("STYTCH_SECRET")
    assert made
    there = [one for one in server.app.workspace.environments if one.project_slug == "acme-b2b"]
    monkeypatch.setenv("STYTCH_PROJECT_ID", next(one.project_id for one in there if one.slug == "production"))
    monkeypatch.setenv("STYTCH_SECRET", made.reveal())
    assert run("init", str(tmp_path / "taken-over"), "--from-live") == 0
    for form in FORMATS:
        assert run("-C", str(tmp_path / "taken-over"), "plan", *form) == 0
    with failing(server, monkeypatch, "a 401", reads):
        assert run("init", str(tmp_path / "not-taken-over"), "--from-live") == 4


def test_a_consumer_project_that_moves(
    run: Run, tmp_path: Path, server: Running, monkeypatch: pytest.MonkeyPatch, net: Net
) -> None:
    """Of its secrets only the names get into the repository that is written for it."""
    consumer = server.app.workspace.environment("CONSUMER")
    settings = f"/pwa/v3/projects/{consumer.project_slug}/environments/{consumer.slug}"
    workspace = (server.app.workspace.key_id, server.app.workspace.key_secret)
    streamed = {
        "destination_type": "DATADOG",
        "destination_config": {"datadog": {"api_key": SECRETS["DATADOG_KEY"], "site": "EU"}},
    }
    data = (consumer.project_id, consumer.secret)
    billing = {"client_id": "billing", "scopes": ["read:invoices"], "client_secret": "a-canary-of-billing-1"}
    app = {"client_name": "Acme", "client_type": "third_party", "redirect_urls": ["https://acme.example/"]}
    for path, key, body in (
        (f"{settings}/event_log_streaming", workspace, streamed),
        ("/v1/m2m/clients", data, billing),
        ("/v1/connected_apps/clients", data, app),
    ):
        httpx.post(server.url + path, auth=key, json=body).raise_for_status()
    monkeypatch.setenv("STYTCH_CONSUMER_PROJECT_ID", consumer.project_id)
    monkeypatch.setenv("STYTCH_CONSUMER_SECRET", consumer.secret)
    assert run("init", str(tmp_path / "moved"), "--from-consumer") == 0
    assert run("-C", str(tmp_path / "moved"), "-e", "test", "validate") == 0
    for way in ("a 401", "an answer of another shape"):
        with failing(server, monkeypatch, way, reads):
            assert run("init", str(tmp_path / way), "--from-consumer") == 4
    assert {"a-canary-of-billing-1", consumer.secret} <= net.secrets.keys()
