"""A credential that only an emergency file holds is said aloud, run after run, until the store takes it."""

from pathlib import Path

import pytest

from reconciler.credentials.settings import CredentialSettings
from reconciler.credentials.store import CredentialStore, hand_over_waiting, open_store, waiting_warnings
from reconciler.model.secret import Sealed

VALUE = "a-canary-of-a-secret-0123456789"


@pytest.fixture
def store(tmp_path: Path) -> CredentialStore:
    takes = f'test -e "{tmp_path}/mended" && cat > "{tmp_path}/kept-secret"'
    refusing = CredentialSettings(command=["sh", "-c", takes])
    opened = open_store(refusing, tmp_path, "test", {"PATH": "/usr/bin:/bin"})
    assert opened.keep("STYTCH_SECRET", Sealed(VALUE), "secret-test-1")
    return opened


def test_it_is_a_failed_outcome_as_long_as_the_store_refuses(store: CredentialStore) -> None:
    for _ in range(2):
        taken, (outcome,) = hand_over_waiting(store)
        assert taken == ()
        assert (outcome.address, outcome.result) == ("credential/STYTCH_SECRET", "failed")
        assert "emergency-test" in outcome.detail
        assert VALUE not in outcome.detail


def test_a_plan_warns_of_it(store: CredentialStore) -> None:
    (warning,) = waiting_warnings(store)
    assert (warning.code, warning.severity) == ("emergency-file", "warning")
    assert VALUE not in warning.message


def test_it_is_handed_over_once_the_store_is_mended(store: CredentialStore, tmp_path: Path) -> None:
    (tmp_path / "mended").touch()
    (kept,), outcomes = hand_over_waiting(store)
    assert (kept.name, kept.place.startswith("sh -c"), outcomes) == ("STYTCH_SECRET", True, ())
    assert (tmp_path / "kept-secret").read_text() == VALUE
    assert waiting_warnings(store) == ()
