"""docs/credentials.md: its recipes are run, with programs that write down what they are given; its words are true."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from reconciler.credentials.dotenv import assignments_of
from reconciler.credentials.settings import CredentialSettings, contradiction
from reconciler.credentials.store import open_store
from reconciler.model.secret import Sealed
from reconciler.schema.secret_names import MACHINE_NAMES, MACHINE_PREFIXES, OUR_PREFIXES

PAGE = (Path(__file__).parent.parent.parent / "docs" / "credentials.md").read_text(encoding="utf-8")
CANARY = "canary-3f9c-not-to-be-seen"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def settings_of(text: str) -> list[CredentialSettings]:
    body = yaml.safe_load(text)
    found = [environment["credentials"] for environment in body.get("environments", {}).values()]
    return [msgspec.convert(one, CredentialSettings) for one in found or [body["credentials"]]]


EXAMPLES = [one for text in blocks("yaml") for one in settings_of(text)]
RECIPES = {one.command[0]: one for one in EXAMPLES if one.command}
# Writes down its arguments and its variables, and what it reads, from wherever it is told to; `op` gives an item first.
PROGRAM = """#!/bin/sh
me="$(basename "$0")"
[ "$me $1 $2" = "op item get" ] && { echo '{"title": "NAME", "fields": [{"id": "password", "value": "old"}]}'; exit; }
printf '%s\\n' "$@" >> "$me.arguments"
env >> "$me.environ"
case "$*" in
    *file:///dev/stdin*) cat /dev/stdin > "$me.stdin" ;;
    *) cat > "$me.stdin" ;;
esac
"""


def run(root: Path, settings: CredentialSettings, program: str) -> Any:
    """Keep a value by a recipe, and give what the program got on standard input."""
    (root / "bin").mkdir()
    (root / "bin" / program).write_text(PROGRAM)
    (root / "bin" / program).chmod(0o755)
    for text in blocks("python"):
        (root / "to-1password.py").write_text(text)
    path = f"{root / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    store = open_store(settings, root, "live", {"PATH": path})
    store.check()
    assert store.keep("NAME", Sealed(CANARY), "id-1") is None, store.refusal("NAME")
    for kind in ("arguments", "environ"):
        assert CANARY not in (root / f"{program}.{kind}").read_text()
    return (root / f"{program}.stdin").read_text()


def test_every_store_that_is_promised_has_a_recipe() -> None:
    assert set(RECIPES) == {"gh", "vault", "aws", "gcloud", "python3"}
    assert [contradiction(one) for one in EXAMPLES] == [""] * len(EXAMPLES)


@pytest.mark.parametrize("program", ["gh", "vault", "aws", "gcloud"])
def test_a_recipe_hands_the_value_over_on_standard_input(tmp_path: Path, program: str) -> None:
    assert run(tmp_path, RECIPES[program], program) == CANARY
    assert "NAME" in (tmp_path / f"{program}.arguments").read_text()


def test_the_recipe_for_1password_puts_the_value_into_the_item(tmp_path: Path) -> None:
    item = json.loads(run(tmp_path, RECIPES["python3"], "op"))
    assert item == {"title": "NAME", "fields": [{"id": "password", "value": CANARY}]}
    assert (tmp_path / "op.arguments").read_text().splitlines() == ["item", "edit", "NAME"]


def test_the_dotenv_file_that_is_shown_reads_as_it_is_explained() -> None:
    (text,) = blocks("sh")
    assert assignments_of(text).values == {
        "API_SECRET": "an-example-of-a-value",
        "API_SECRET_ID": "secret-test-11111111-1111-4111-8111-111111111111",
    }


def test_every_setting_is_documented() -> None:
    assert [name for name in CredentialSettings.__struct_fields__ if f"| `{name}` |" not in PAGE] == []


def test_every_name_that_is_not_read_is_listed() -> None:
    shown = {text.rstrip("*") for text in re.findall(r"`([A-Z0-9_]+\*?)`", PAGE)}
    assert {*MACHINE_NAMES, *MACHINE_PREFIXES, *OUR_PREFIXES} - shown == set()
