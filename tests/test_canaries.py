"""The net catches a leak wherever one can be: shown by a run of pytest over tests that leak, each somewhere else."""

import base64
import re
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from reconciler.emulator.core.exchange import Request, Response
from tests.canaries import Net, password, spellings
from tests.test_conftest import pytest_over

BEGINNING = """
import base64, contextlib, io, logging, subprocess, sys
import httpx, pytest
from reconciler.emulator.seed.running import running
from reconciler.errors import InvalidInput, Rejected

@pytest.fixture
def key():
    with running() as server:
        user, password = server.app.workspace.key_id, server.app.workspace.key_secret
        httpx.get(server.url + "/pwa/v3/projects", auth=(user, password)).raise_for_status()
        yield password

@pytest.mark.vcr  # which records the headers of requests, too
def test_cassette(key):
    pass

def test_harmless(key, tmp_path):
    print(key[-4:])
    (tmp_path / "credentials.env").write_text(f"KEY={key}")
"""
SHOUTS = (
    "subprocess.run([sys.executable, '-c', 'print(input())', 'reconciler'], input=key, text=True, capture_output=True)"
)
LEAKS = {
    "test_out": ("captured stdout call", "print(key)"),
    "test_err": ("captured stderr call", "print(key, file=sys.stderr)"),
    "test_log": ("captured log call", "logging.getLogger('reconciler').warning('with %s', key)"),
    "test_read": ("captured output", "print(key); capsys.readouterr()"),
    "test_redirected": ("redirected output", "with contextlib.redirect_stdout(io.StringIO()): print(key)"),
    "test_command": ("the output of a command", SHOUTS),
    "test_fault": ("a fault", "with pytest.raises(Rejected): raise Rejected(f'it was {key}')"),
    "test_error": ("an error", "with pytest.raises(InvalidInput): raise InvalidInput('no', hint=f'try {key}')"),
    "test_file": ("the file plan.json", "(tmp_path / 'plan.json').write_bytes(base64.b64encode(key.encode()))"),
}
SECRET = 'of "nobody" at all/+='


def test_a_leak_fails_its_test_wherever_it_is(tmp_path: Path) -> None:
    tests = [f"\ndef {name}(key, capsys, tmp_path):\n    {leak}\n" for name, (_, leak) in LEAKS.items()]
    code, output = pytest_over("".join((BEGINNING, *tests)), tmp_path, "-p", "no:xdist", "--record-mode=once")
    found = re.findall(r"ERROR at teardown of (\w+) _+\na secret \(password of a request\) stands in (.*)\n", output)
    wanted = {name: where for name, (where, _) in LEAKS.items()}
    assert dict(found) == {"test_cassette": "the file test_cassette.yaml", **wanted}
    assert f"{len(LEAKS) + 2} passed" in output
    assert code == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        *(quote(SECRET), quote(SECRET, safe=""), urlencode({"key": SECRET})),
        f"{{'secret': {SECRET!r}}}",
        '{"secret": "of \\"nobody\\" at all/+="}',
        SECRET.encode().hex(),
        *(
            base64.b64encode(f"{before}{SECRET}{after}".encode()).decode()
            for before in ("", "a", "ab", "abc")
            for after in ("", "x", "yz")
        ),
        base64.urlsafe_b64encode(f"id:{SECRET}".encode()).decode(),
    ],
)
def test_a_secret_is_known_in_every_spelling(text: str) -> None:
    assert any(form in text for form in spellings(SECRET))


def test_what_goes_over_the_wire_is_known() -> None:
    net = Net()
    header = f"Basic {base64.b64encode(b'project-test-1:the-password').decode()}"
    body = b'{"m2m_client": {"client_id": "a-client", "client_secret": "the-first-one"}, "password": "********last"}'
    answer = (
        b'{"rotated": [{"next_client_secret": "the-second-one", "client_secret_last_four": "-one"}], "secret": "short"}'
    )
    net.exchanged(Request("POST", "/v1/m2m/clients", {}, {"authorization": header}, body), Response(200, answer))
    net.exchanged(Request("POST", "/", {}, {"authorization": "Bearer ?"}, b'"secret" of no JSON'), Response(200, b""))
    assert net.secrets.keys() == {"the-password", "the-first-one", "the-second-one"}


def test_a_key_is_known_by_its_lines() -> None:
    line = "MIIEpAIBAAKCAQEA0123456789abcdef0123456789abcdef0123456789abcdef"
    net = Net()
    net.add("signing_private_key", f"-----BEGIN RSA PRIVATE KEY-----\n{line}\n-----END RSA PRIVATE KEY-----\n")
    net.heard("a log", f"-----BEGIN RSA PRIVATE KEY----- {line}")
    assert net.leaks(()) == ["a secret (signing_private_key) stands in a log"]


@pytest.mark.parametrize("header", ["", "Basic", "Basic ???", "Bearer abc", "Basic /w=="])
def test_a_header_without_a_password_has_none(header: str) -> None:
    assert password(header) == ""
