"""What is live, put into the files that declare it: only what drifted changes in them."""

from pathlib import Path

import pytest

from reconciler.config.read import load_config
from reconciler.export.live_wins import edited
from reconciler.load.repository import load_documents
from reconciler.model import Change, Create, Delete, FieldChange, Update
from tests.repositories import OWNED, write

BLOCK = """\
# What we sell to.
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}       # the slug
spec:
  organization_name: Acme    # as on the invoice
  mfa_policy: "REQUIRED_FOR_ALL"
  email_allowed_domains:
    - acme.example
    - acme.test
  trusted_metadata:
    tier: gold
  # the last line
---
apiVersion: reconciler/v1
kind: Organization
metadata: {name: globex}
spec: {organization_name: Globex, trusted_metadata: {tier: gold}}
"""


def update(name: str, **fields: object) -> Update:
    changes = tuple(FieldChange(path=tuple(path.split("__")), before=value) for path, value in fields.items())
    return Update(kind="Organization", name=name, id="organization-test-1", fields=changes)


def taken_over(root: Path, text: str, *changes: Change) -> tuple[str | None, dict[str, str]]:
    write(root, {"reconciler.yaml": OWNED, "manifests/all.yaml": text})
    found = edited(root, changes, load_documents(load_config(root)))
    assert len(found.taken) + len(found.by_hand) == len(changes)
    return found.files.get("manifests/all.yaml", text), dict(found.by_hand)


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (update("acme", organization_name="Acme: Inc."), "Acme    # as", '"Acme: Inc."    # as'),
        (update("acme", mfa_policy="OPTIONAL"), '"REQUIRED_FOR_ALL"', "OPTIONAL"),
        (
            update("acme", email_allowed_domains=["b.example"]),
            "domains:\n    - acme.example\n    - acme.test\n",
            "domains: [b.example]\n",
        ),
        (update("acme", trusted_metadata__tier="silver"), "    tier: gold\n", "    tier: silver\n"),
        (update("acme", trusted_metadata__seats=5), "    tier: gold\n", "    tier: gold\n    seats: 5\n"),
        (update("globex", trusted_metadata__tier="no"), "{tier: gold}}", '{tier: "no"}}'),
        (update("globex", mfa_policy="OPTIONAL"), "{tier: gold}}", "{tier: gold}, mfa_policy: OPTIONAL}"),
        (update("globex", organization_slug="globex-inc"), "{name: globex}", "{name: globex-inc}"),
        (
            Create(kind="Organization", name="globex"),
            BLOCK[BLOCK.index("---") :],
            "",
        ),
        (Create(kind="Organization", name="acme"), BLOCK[: BLOCK.index("---") + 4], ""),
    ],
)
def test_only_what_drifted_changes(tmp_path: Path, change: Change, before: str, after: str) -> None:
    assert before in BLOCK
    assert taken_over(tmp_path, BLOCK, change) == (BLOCK.replace(before, after), {})


def test_several_changes_of_one_file(tmp_path: Path) -> None:
    changes = (update("acme", organization_name="A", mfa_policy="OPTIONAL"), update("globex", organization_name="G"))
    text, _ = taken_over(tmp_path, BLOCK, *changes)
    wanted = BLOCK.replace("Acme    #", "A    #").replace('"REQUIRED_FOR_ALL"', "OPTIONAL").replace("Globex,", "G,")
    assert text == wanted


def test_a_file_of_which_nothing_is_left_goes(tmp_path: Path) -> None:
    only = BLOCK[BLOCK.index("---") + 4 :]
    assert taken_over(tmp_path, only, Create(kind="Organization", name="globex")) == (None, {})


def test_what_cannot_be_put_in_its_place_is_left_to_people(tmp_path: Path) -> None:
    computed = BLOCK.replace("organization_name: Acme ", 'organization_name: "${{ environment }}" ')
    for text, change, why in (
        (computed, update("acme", organization_name="A"), "its value is computed"),
        (BLOCK, update("acme", organization_name="two\nlines"), "its live value needs several lines"),
        (BLOCK, Delete(kind="Organization", name="acme"), "`ensure: absent`"),
        (BLOCK, Update(kind="Member", namespace="acme", name="ann@acme.example"), "rules give it"),
        (BLOCK, update("initech", organization_name="I"), "nothing declares it"),
    ):
        after, by_hand = taken_over(tmp_path, text, change)
        assert after == text
        assert why in by_hand[change.address]
