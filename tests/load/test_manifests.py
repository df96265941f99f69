"""A long text may stand in a file of its own."""

from pathlib import Path

import pytest

from reconciler.errors import InvalidInput
from reconciler.load.repository import load_documents
from tests.repositories import ORGANIZATION, config_of, declared, write


def logo(file: str) -> str:
    return ORGANIZATION.replace("Acme}", f"Acme, organization_logo_url: {{file: {file}}}}}")


def test_a_long_text_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    found = declared(tmp_path, {"manifests/a.yaml": logo("logos/acme.txt"), "logos/acme.txt": "data:x\ny\n"})
    assert found.organizations[0].spec["organization_logo_url"] == "data:x\ny"


@pytest.mark.parametrize("written", ["a\r\nb\r\n", "a\rb\r", "a\nb\n", "\ufeffa\r\nb"])
def test_the_text_of_a_file_does_not_depend_on_the_system_that_wrote_it(written: str, tmp_path: Path) -> None:
    write(tmp_path, {"manifests/a.yaml": logo("logo.txt")})
    (tmp_path / "logo.txt").write_bytes(written.encode())
    assert load_documents(config_of(tmp_path)).organizations[0].spec["organization_logo_url"] == "a\nb"


def test_an_expression_in_the_text_of_a_file_is_a_warning(tmp_path: Path) -> None:
    found = declared(tmp_path, {"manifests/a.yaml": logo("logo.txt"), "logo.txt": "a\nb ${{ vars.tier }} {{ c }}\n"})
    assert found.organizations[0].spec["organization_logo_url"] == "a\nb ${{ vars.tier }} {{ c }}"
    assert [(one.code, one.severity, [str(at) for at in one.at]) for one in found.problems] == [
        ("expression-not-computed", "warning", ["logo.txt:2:3", "manifests/a.yaml:4:63"])
    ]


CLOSED = {
    ".git/config": "[remote]",
    "sub/.git/HEAD": "ref",
    ".GIT/config": "[remote]",
    ".reconciler/credentials-test.env": "A=b",
    ".reconciler/journal-test-1.jsonl": "{}",
    ".env": "A=b",
    "prod.env": "A=b",
    "deploy/.env.local": "A=b",
    "deploy/prod.env.local": "A=b",
    "keys/store.txt": "A=b",
    "people.jsonl": "{}",
    "plan.json": '{"format_version": "1.0", "environment": "test", "digest": "sha256:0", "changes": []}',
    "plan.txt": '{\n "digest": "sha256:0",\n "format_version": "1.0", "changes": []\n}\n',
    "journal.txt": '{"at": "2026-01-01", "event": "intent", "address": "Member/acme/a"}\n{"at": 1}\n',
    "emergency.txt": '{"environment": "test", "name": "A", "id": "", "value": "x", "why": ""}',
    "exported.sh": "# emulator\nexport STYTCH_SECRET=secret-test-1\n",
    "one-line-end.txt": "emulator\rSTYTCH_WORKSPACE_KEY_SECRET = 'Q_3uRbq2J90RhIJ'\r",
    "marked.txt": "\ufeffSTYTCH_SECRET=secret-test-1\n",
    "page.html": f"<p>secret-live-{'x' * 40}=</p>",
    "saml.pem": "-----BEGIN RSA PRIVATE KEY-----\nMII\n",
    "link.txt": "",
}


@pytest.mark.parametrize("file", CLOSED)
def test_a_secret_is_never_read_as_a_text(file: str, tmp_path: Path) -> None:
    configuration = """\
apiVersion: reconciler/v1
kind: Configuration
environments:
  test: {credentials: {dotenv: keys/store.txt}}
  live: {users: {file: people.jsonl}}
"""
    write(tmp_path, {"reconciler.yaml": configuration, "manifests/a.yaml": logo(f'"{file}"'), **CLOSED})
    (tmp_path / "link.txt").unlink()
    (tmp_path / "link.txt").symlink_to(".git/config")
    with pytest.raises(InvalidInput) as raised:
        load_documents(config_of(tmp_path))
    (problem,) = raised.value.problems
    assert (problem.code, str(problem.at[0])) == ("not-a-text", "manifests/a.yaml:4:63")
    assert problem.message.startswith(f"{file} is not read as a text: ")
    assert all(line not in problem.message for line in CLOSED[file].splitlines() if line)


def test_a_text_may_be_about_the_environment_and_plans(tmp_path: Path) -> None:
    texts = {
        "env.html": "<p>STYTCH_SECRET</p>",
        "set-up.html": "<pre>\nexport STYTCH_SECRET=...\nSTYTCH_SECRET=your-secret\n</pre>",
    }
    texts |= {"a.js": 'STYTCH_PUBLIC_TOKEN = "public-token-test-1"', "secret.html": "<p>secret-live-…</p>"}
    texts |= {"a.json": '{"at": 1}', "b.json": '{"digest": "x"}\n'}
    manifests = {f"manifests/{n}.yaml": logo(file).replace("acme", f"acme-{n}") for n, file in enumerate(texts)}
    found = declared(tmp_path, {**manifests, **texts})
    assert [one.spec["organization_logo_url"] for one in found.organizations] == [
        text.removesuffix("\n") for text in texts.values()
    ]


def test_the_file_of_a_text_lies_in_the_repository(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "repository"
    outside = ["../secret.txt", str(tmp_path / "secret.txt"), "link.txt", "nowhere.txt", "manifests"]
    write(root, {f"manifests/{number}.yaml": logo(file) for number, file in enumerate(outside)})
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InvalidInput) as raised:
        load_documents(config_of(root))
    told = {str(one.at[0]): one.message for one in raised.value.problems if one.code != "duplicate"}
    assert told == {
        "manifests/0.yaml:4:63": "../secret.txt leads out of the repository",
        "manifests/1.yaml:4:63": f"{tmp_path}/secret.txt leads out of the repository",
        "manifests/2.yaml:4:63": "link.txt leads out of the repository",
        "manifests/3.yaml:4:63": "there is no file nowhere.txt",
        "manifests:1:1": "manifests is not a plain file",
    }
