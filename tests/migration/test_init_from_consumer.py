"""``init --from-consumer``: its files, its messages, and the files that it does not change."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from reconciler.emulator.seed.running import Running
from tests.migration.conftest import GIVEN, Run
from tests.migration.written import contents, section, subjects

# The SDKs use deprecated parts of aiohttp and pydantic.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

TEMPLATE = "idp_dynamic_client_registration_access_token_template_content"
LOST = [
    f"Environment/production: {TEMPLATE}: {{{{ user.webauthn_registrations }}}} (live)",
    "JWTTemplate/SESSION: template_content: {{ user.name.first_name }} (live)",
    "CountryCodeAllowlist/whatsapp: country_codes (live)",
    "SDKConfig/default: webauthn.enabled",
    "SDKConfig/default: webauthn.create_webauthns (live)",
    "SDKConfig/default: crypto_wallets.enabled (live)",
    "SDKConfig/default: crypto_wallets.siwe_required (live)",
    "SDKConfig/default: biometrics.enabled (live)",
    "SDKConfig/default: biometrics.create_biometrics_enabled (live)",
    "SDKConfig/default: otps.whatsapp_login_or_create_enabled (live)",
    "RBACPolicy/default: stytch_user: stytch.self update.info.delete.webauthn-registration (live)",
    "ConnectedApp/Calendar: client_id",
    "ConnectedApp/Calendar: id_token_template_content: {{ user.name.last_name }} (live)",
    "ConnectedApp/Command line: client_id (live)",
]
DIFFERENT = [
    "Environment/production: cross_org_passwords_enabled (live)",
    "Environment/production: zero_downtime_session_migration_url (live)",
    "Environment/production: idp_authorization_url (live)",
    "JWTTemplate/SESSION: template_content: {{ user.user_id }} (live)",
    "SDKConfig/default: otps.email_enabled (live)",
    "SDKConfig/default: otps.sms_enabled (live)",
    "Environment/test: cross_org_passwords_enabled (test)",
    "SDKConfig/default: magic_links.enabled (test)",
]


def test_every_loss_is_named_and_no_other(root: Path) -> None:
    assert sorted(subjects(section(root, "What is lost"))) == sorted(LOST)


def test_whatever_works_differently_is_named_and_nothing_else(root: Path) -> None:
    assert sorted(subjects(section(root, "What works differently"))) == sorted(DIFFERENT)


def test_a_reason_is_said_once_for_all_that_it_is_about(root: Path) -> None:
    assert section(root, "What is lost").count("- Stytch chooses the client_id of an app") == 1


def test_the_commands_that_are_to_be_typed_do_what_is_said(run: Run, root: Path) -> None:
    commands = re.findall(r"`reconciler (-e [^`]*)`", section(root, "What comes next"))
    assert commands == ["-e live validate", "-e test validate", "-e live plan", "-e live apply"]
    assert [run("-C", str(root), *command.split()) for command in commands[:2]] == [0, 0]


def test_secrets_are_named_and_no_file_contains_them(root: Path) -> None:
    named = set(re.findall(r"^- `(\w+)`", section(root, "Secrets"), re.MULTILINE))
    assert named == {
        "STYTCH_SECRET",
        "CONNECTED_APP_CALENDAR_SECRET",
        "M2M_CLIENT_M2M_CLIENT_LIVE_2D1F6C1E_0000_4000_8000_000000000001_SECRET",
        *GIVEN,
    }
    secrets = [*GIVEN.values(), "another-secret-7b9e20-xyz", "test-secret-of-billing-91ab3c"]
    files = {name: text for name, text in contents(root).items() if not name.startswith(".reconciler/")}
    assert [name for name, text in files.items() for secret in secrets if secret.encode() in text] == []


@pytest.mark.usefixtures("codes")
def test_again_nothing_changes(
    run: Run, root: Path, source: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(root)
    assert run("init", "--from-consumer", str(root), **source) == 0
    assert contents(root) == before
    assert capsys.readouterr().out.startswith("wrote nothing: every file already exists with this content\n")


def test_the_order_of_stytchs_answers_changes_nothing(
    run: Run, server: Running, root: Path, source: Mapping[str, str], tmp_path: Path
) -> None:
    behaviour = server.app.behaviour
    try:
        server.app.behaviour = replace(behaviour, set_order="reversed", search_order="random")
        assert run("init", "--from-consumer", str(tmp_path), **source) == 0
    finally:
        server.app.behaviour = behaviour
    written = {name: text for name, text in contents(root).items() if not name.startswith(".reconciler/")}
    assert contents(tmp_path) == written


def test_what_somebody_has_changed_is_not_overwritten(
    run: Run, root: Path, source: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(root, tmp_path / "b2b")
    (tmp_path / "b2b" / "MIGRATION.md").unlink()
    (tmp_path / "b2b" / "manifests" / "rbac-policy.yaml").write_text("mine\n")
    before = contents(tmp_path)
    assert run("init", "--from-consumer", str(tmp_path / "b2b"), **source) == 1
    assert contents(tmp_path) == before
    assert "manifests/rbac-policy.yaml exists with another content" in capsys.readouterr().err


def test_kinds_whose_secret_is_missing_are_listed_as_not_read(
    run: Run, source: Mapping[str, str], tmp_path: Path
) -> None:
    known = {name: value for name, value in source.items() if not name.endswith("_PRODUCTION")}
    assert run("init", "--from-consumer", str(tmp_path), **known) == 0
    _, line = section(tmp_path, "Not read").strip().split("\n\n")
    assert line == (
        "- `production`: M2MClient, ConnectedApp, DFPRule and VerdictReasonOverride. They need a secret of the "
        "environment, and none is set. To read them: set STYTCH_CONSUMER_SECRET_PRODUCTION to a secret of production "
        "and run the command again in another folder."
    )
    assert "ConnectedApp/Command line" not in section(tmp_path, "What is lost")
    assert (
        run("-C", str(tmp_path), "-e", "live", "validate"),
        section(tmp_path, "What is lost").count("that could be read"),
    ) == (0, 0)


def test_a_wrong_secret_is_an_error_unlike_a_missing_one(
    run: Run, source: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {**source, "STYTCH_CONSUMER_SECRET_PRODUCTION": "secret-live-guessed"}
    assert run("init", "--from-consumer", str(tmp_path / "b2b"), **wrong) == 4
    assert not (tmp_path / "b2b").exists()
    said = capsys.readouterr().err
    assert "guessed" not in said
    assert "M2MClient of production could not be read" in said
    assert "set STYTCH_CONSUMER_SECRET_PRODUCTION to a secret of production" in said


def test_a_wrong_workspace_key_is_reported(
    run: Run, source: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", "--from-consumer", str(tmp_path), **source, STYTCH_WORKSPACE_KEY_SECRET="wrong") == 4  # none
    assert "check that STYTCH_WORKSPACE_KEY_ID and STYTCH_WORKSPACE_KEY_SECRET are" in capsys.readouterr().err


def test_environments_may_be_chosen_and_the_live_one_is_there_before_any_other(
    run: Run, source: Mapping[str, str], tmp_path: Path
) -> None:
    asked = ("init", "--from-consumer", str(tmp_path), "--environments", "test", "--project", "acme")
    assert run(*asked, **source) == 0
    configuration = yaml.safe_load((tmp_path / "reconciler.yaml").read_text())
    (name, environment), *others = configuration["environments"].items()
    assert (name, others) == ("test", [])
    assert environment["target"] == {"type": "test", "project": "acme", "environment": "test"}
    assert environment["owns_project"] is True
    assert run("-C", str(tmp_path), "apply", **GIVEN) == 0
    assert run("-C", str(tmp_path), "plan", **GIVEN) == 0


def test_the_consumer_project_itself_is_not_written_to(run: Run, source: Mapping[str, str], tmp_path: Path) -> None:
    assert run("init", "--from-consumer", str(tmp_path), "--project", "consumer", **source) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_slug_that_no_project_can_have_is_refused(run: Run, source: Mapping[str, str], tmp_path: Path) -> None:
    assert run("init", "--from-consumer", str(tmp_path), "--project", "Acme B2B", **source) == 1
    assert list(tmp_path.iterdir()) == []
