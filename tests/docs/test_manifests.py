"""The YAML in docs/manifests.md and docs/configuration.md is right, and everything that can be said is in them."""

import re
from pathlib import Path

import pytest
from msgspec import Struct

from reconciler.clients.credentials import Rates
from reconciler.config import schema as settings
from reconciler.config.read import load_config
from reconciler.config.schema import Limits
from reconciler.load.repository import load_documents
from tests.repositories import write

DOCS = Path(__file__).parent.parent.parent / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_manifests_in_the_docs_load_together(tmp_path: Path) -> None:
    files = {f"manifests/{number}.yaml": text for number, text in enumerate(blocks("manifests.md"))}
    write(tmp_path, {**files, "tenants.csv": "id,slug,name,domains\nt-2,birch,Birch,birch.example\n"})
    found = load_documents(load_config(tmp_path, "test"))
    assert [one.address for one in found.resources] == [
        "Organization/acme",
        "Organization/defunct",
        "Member/acme/ann@acme.example",
        "Organization/birch",
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_the_configurations_in_the_docs_are_right(tmp_path: Path, number: int) -> None:
    write(tmp_path, {"reconciler.yaml": blocks("configuration.md")[number]})
    config = load_config(tmp_path, "test")
    assert config.environment == "test"
    # What the page shows as the whole configuration are the defaults, wherever there is one.
    assert (config.guards, config.rates) == (Limits(), Rates())
    assert config.members == settings.MembersPolicy()


@pytest.mark.parametrize("part", [settings.Environment, settings.MembersPolicy, Limits, Rates])
def test_every_setting_is_documented(part: type[Struct]) -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in part.__struct_fields__ if name not in page] == []
