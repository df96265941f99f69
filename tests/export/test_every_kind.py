"""A resource of every kind, with every field set, is exported completely, in any order of Stytch's answers."""

import random
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest
import yaml

from reconciler.diff.fields import NOTHING
from reconciler.emulator.seed.running import Options, make
from reconciler.kinds import KINDS
from reconciler.model import Json
from reconciler.schema.kind import Kind
from tests.export.law import upheld
from tests.kinds.test_kinds import FOLDER, LIVES, Repository, otherwise, served, stage_of, together
from tests.stages import Fields, read, resolved, texts


@pytest.mark.parametrize("life", LIVES)
def test_it_is_exported_whole(life: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, kind = read(FOLDER / f"{life}.yaml"), KINDS[life.partition(".")[0]]
    (tmp_path / "made").mkdir()
    repository = Repository(tmp_path / "made", told, kind.name, monkeypatch)
    secrets = dict(told.get("secrets", {}))
    app = make(Options(behaviour=told.get("behaviour", ())))
    with served(app) as variables:
        repository.environment(variables)
        stage_of(app, repository)
        for piece in told.get("fields", ()):
            repository.spec = together(kind, repository.spec, piece)
            secrets |= piece.get("secrets", {})
        repository.secrets(secrets)
        repository.declare(repository.spec)
        repository.apply()
        settings = {"target": told["target"]} if "target" in told else {}
        known = {name: resolved(text, texts()) for name, text in secrets.items()}
        other = otherwise(random.Random(life), told.get("behaviour", ()))  # noqa: S311 # the same every time
        exported = upheld(app, tmp_path, settings=settings, secrets=known, otherwise=other)
    assert [each for each in exported.left_out if each.address == repository.address] == []
    assert (
        fields(exported.files, kind.name, told)
        == {name: value for name, value in repository.spec.items() if is_shown(kind, name, value)}.keys()
    )


def fields(files: Mapping[str, str], kind: str, told: Fields) -> AbstractSet[str]:
    """Return the fields in its manifest. A resource without a name is found as the only one of its kind."""
    texts = [text for name, text in files.items() if name.startswith(f"manifests/{kind}")]
    documents = [document for text in texts for document in yaml.safe_load_all(text)]
    named = [each for each in documents if each["metadata"]["name"] == told["name"]]
    (document,) = named or documents[-1:]
    spec: Fields = document.get("spec", {})
    return spec.keys()


def is_shown(kind: Kind, name: str, value: Json) -> bool:
    """Return whether Stytch shows a field, and the field is set."""
    never = kind.secret_fields.get(name)
    at_create = kind.credential.field if kind.credential else ""
    kept = value not in NOTHING and (name not in kind.defaults or value != kind.defaults[name])
    return kept and name != at_create and (never is None or never.readable) and value != kind.create_values.get(name)
