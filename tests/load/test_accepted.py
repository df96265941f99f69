"""Drift that is accepted of what nothing is compared of: said, since the document does nothing."""

from pathlib import Path

import pytest

from reconciler.load.repository import load
from tests.repositories import ORGANIZATION, OWNED, config_of, write

ACME = ORGANIZATION.replace("{organization_name: Acme}", "{organization_name: Acme, trusted_metadata: {tier: {a: 1}}}")
DOCUMENT = """\
apiVersion: reconciler/v1
kind: AcceptedDrift
metadata: {name: pilot}
spec: {address: ADDRESS, fields: [FIELD], environment: test, reason: pilot, until: "2999-12-31"}
"""


@pytest.mark.parametrize(
    ("address", "field", "said"),
    [
        ("Organization/acme", "organization_name", ""),
        ("Organization/acme", "trusted_metadata", ""),
        ("Organization/acme", "trusted_metadata.tier", ""),
        ("Member/acme/ann@acme.example", "roles", ""),
        (
            "Organization/acme",
            "trusted_metadata.tier.a",
            (
                "Organization/acme does not declare trusted_metadata.tier.a, so nothing of it is compared: "
                "did you mean trusted_metadata.tier?"
            ),
        ),
        (
            "Organization/acme",
            "mfa_policy",
            (
                "Organization/acme does not declare mfa_policy, so nothing of it is compared: "
                "name what is declared: organization_name, trusted_metadata.tier"
            ),
        ),
        (
            "Organization/acne",
            "mfa_policy",
            "Organization/acne is not declared, so nothing of it is compared: did you mean Organization/acme?",
        ),
    ],
)
def test_what_is_accepted_and_never_compared_is_said(tmp_path: Path, address: str, field: str, said: str) -> None:
    document = DOCUMENT.replace("ADDRESS", address).replace("FIELD", field)
    files = {"reconciler.yaml": OWNED, "manifests/acme.yaml": ACME, "rules/accepted.yaml": document}
    found = load(config_of(write(tmp_path, files)))[0].problems
    assert [f"{one.message}: {one.hint}" for one in found if one.code == "matches-nobody"] == [said] * bool(said)
