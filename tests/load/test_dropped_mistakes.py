"""No mistake is dropped: every key of every object with fixed keys, whatever stands there, and expressions anywhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from reconciler.config.read import load_config
from reconciler.config.schema import Configuration
from reconciler.errors import InvalidInput
from reconciler.load.repository import load_documents
from reconciler.load.schemas import DOCUMENTS, computed_in, document_type
from reconciler.model import Path as Keys
from reconciler.model import Position
from reconciler.schema.validate import json_schema_of, nowhere, validation_errors
from tests.repositories import CONFIGURATION, ORGANIZATION, config_of, write

SHAPES: dict[str, type[Struct]] = {**{kind: document_type(kind) for kind in DOCUMENTS}, "Configuration": Configuration}
HEAD = "apiVersion: reconciler/v1\n"


def objects(schema: dict[str, Any], path: Keys = ()) -> Iterator[tuple[Keys, frozenset[str]]]:
    """Yield the path and the keys of every object with fixed keys; a list's item is "0", any key of a map "any"."""
    if "properties" in schema:
        assert schema["additionalProperties"] is False, path
        yield path, frozenset(schema["properties"])
    for name, inner in schema.get("properties", {}).items():
        yield from objects(inner, (*path, name))
    for key, name in (("items", "0"), ("additionalProperties", "any")):
        if isinstance(schema.get(key), dict):
            yield from objects(schema[key], (*path, name))
    for option in schema.get("anyOf", ()):
        yield from objects(option, path)


OBJECTS = [(kind, *found) for kind, shape in SHAPES.items() for found in objects(json_schema_of(shape))]
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        ["${{ user.user_id }}", "x ${{ vars.a }}", "${{ row.a }}", "${{", "", "x", None, True, 1, 1.5, [], {}]
    ),
    st.lists(st.sampled_from(["${{ item }}", {"a": "${{ vars.a }}"}]), max_size=2),
    st.dictionaries(st.sampled_from(["if", "a"]), st.sampled_from(["${{ vars.a }}", 1]), max_size=2),
)


def with_object(path: Keys, inside: dict[str, Any]) -> Any:
    value: Any = inside
    for key in reversed(path):
        value = [value] if key == "0" else {key: value}
    return value


@given(found=st.sampled_from(OBJECTS), data=st.data())
def test_a_key_that_is_not_one_of_an_object_is_an_error_whatever_its_value(
    found: tuple[str, Keys, frozenset[str]], data: st.DataObject
) -> None:
    kind, path, keys = found
    known = st.sampled_from(sorted(keys) or ["name"])
    misspelt = known.flatmap(lambda one: st.sampled_from([one[:-1], f"{one}s", one.upper(), f"{one} "]))
    key = data.draw(st.one_of(misspelt, st.text(max_size=5)).filter(lambda one: one not in keys))
    beside = data.draw(st.dictionaries(known, VALUES, max_size=2))
    document = with_object(path, {**beside, key: data.draw(VALUES)})
    places = {
        problem.at[0].file
        for problem in validation_errors(
            document,
            SHAPES[kind],
            lambda *_path: Position("", 1),
            lambda *path: Position("\n".join(path), 1),
            computed=nowhere if kind == "Configuration" else computed_in(kind),
        )
    }
    assert "\n".join((*path, key)) in places


def told(root: Path, files: dict[str, str]) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        load_documents(config_of(write(root, {"tenants.csv": "slug,env,old\nacme,,\n", **files})))
    return [f"{problem.at[0]} {problem.message}" for problem in raised.value.problems]


def rules(rule: str) -> dict[str, str]:
    head = f"{HEAD}kind: MappingRules\nmetadata: {{name: r}}\nspec:\n  rules:\n    - "
    return {"manifests/o.yaml": ORGANIZATION, "rules/r.yaml": f"{head}{rule}\n"}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('{name: a, if: "${{ user.trusted_metadata.a }}", assign: [{organization: acme}]}', "unknown key if"),
        ('{name: a, wehn: "${{ user.a }}", assign: [{organization: acme}]}', "unknown key wehn"),
        ('{name: a, match: {emial: "${{ user.a }}"}, assign: [{organization: acme}]}', "unknown key emial"),
        ('{name: a, assign: [{organization: {organization_id: "${{ user.a }}"}}]}', "unknown key organization_id"),
        ('{name: a, assign: [{organization: acme, initial: {rolse: "${{ user.a }}"}}]}', "unknown key rolse"),
        ('{name: a, assign: [{organization: acme, initial: "${{ user.a }}"}]}', "initial is the string"),
        ('{name: a, assign: "${{ user.a }}"}', "assign is the string"),
        ('{name: a, table: "${{ user.a }}", assign: [{organization: acme}]}', "table is the string"),
        ('{name: a, table: {name: t, join: "${{ user.a }}"}, assign: [{organization: acme}]}', "join is the string"),
        ('{name: a, untrusted: "${{ true }}", assign: [{organization: acme}]}', "untrusted is the string"),
        ('{name: a, fallback: "${{ user.a }}", assign: [{organization: acme}]}', "fallback is "),
        ('{name: a, match: {user_id: "${{ user.a }}"}, assign: [{organization: acme}]}', "no expression is computed"),
        (
            '{name: a, match: {email_regex: ["${{ vars.a }}"]}, assign: [{organization: acme}]}',
            "no expression is computed",
        ),
        (
            '{name: a, match: {metadata: {a: ["${{ vars.a }}"]}}, assign: [{organization: acme}]}',
            "no expression is comp",
        ),
        ('{name: a, match: {metadata: {"${{ a }}": x}}, assign: [{organization: acme}]}', "holds an expression"),
        ('{name: "${{ vars.a }}", assign: [{organization: acme}]}', "no expression is computed"),
        (
            '{name: a, assign: [{organization: acme, is_breakglass: "not ${{ user.a }}"}]}',
            "is_breakglass is the string",
        ),
        ('{name: a, assign: [{organization: acme, roles: ["${{ user.a }}", 1]}]}', "roles[1] is the number 1"),
        ('{name: a, assign: [{organization: acme, trusted_metadata: {"${{ user.a }}": 1}}]}', "holds an expression"),
    ],
)
def test_an_expression_excuses_no_mistake_in_rules(rule: str, message: str, tmp_path: Path) -> None:
    (only,) = told(tmp_path, rules(rule))
    assert message in only


def test_an_exception_with_a_typo_beside_a_valid_key_is_an_error(tmp_path: Path) -> None:
    text = rules("{name: a, assign: [{organization: acme}]}")["rules/r.yaml"]
    text += '  except: [{email: a@acme.example, emial_domain: "${{ vars.a }}"}, {user_id: "${{ vars.a }}"}]\n'
    first, second = told(tmp_path, {"manifests/o.yaml": ORGANIZATION, "rules/r.yaml": text})
    assert "unknown key emial_domain" in first
    assert "no expression is computed in spec.except[1].user_id" in second


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ('metadata: {name: acme}\nspec: {organisation_name: "${{ vars.nothing }}"}', "unknown key organisation_name"),
        (
            'metadata: {name: acme, namespce: "${{ vars.nothing }}"}\nspec: {organization_name: A}',
            "unknown key namespce",
        ),
        (
            'metadata: {name: acme}\nspec: {organization_name: A}\nlifecylce: "${{ vars.nothing }}"',
            "unknown key lifecylce",
        ),
        (
            'metadata: {name: acme}\nspec: {organization_name: A}\nlifecycle: {ignroe: "${{ vars.no }}"}',
            "unknown key ignroe",
        ),
        ('metadata: {name: acme}\nspec: "${{ vars.nothing }}"', "spec is the string"),
        (
            'metadata: {name: acme, environments: ["${{ environment }}"]}\nspec: {organization_name: A}',
            "no expression is",
        ),
        (
            'metadata: {name: acme, environments: [tset]}\nspec: {organization_name: "${{ vars.tier }}"}',
            "no environment tset",
        ),
        (
            'metadata: {name: acme, environments: [live]}\nspec: {organisation_name: "${{ vars.tier }}"}',
            "unknown key org",
        ),
        (
            'metadata: {name: acme}\nensure: "${{ null }}"\nspec: {organization_name: A}',
            "ensure is computed as null",
        ),
        (
            'metadata: {name: acme}\nspec: {organization_name: A}\nlifecycle: {protect: "${{ null }}"}',
            "is computed as null",
        ),
        (
            'metadata: {name: acme}\nspec: {organization_name: A, trusted_metadata: {"${{ a }}": 1}}',
            "holds an expression",
        ),
        ('metadata: {name: acme}\nspec: {organization_name: "${{ 1 }}"}', "organization_name is the number 1"),
    ],
)
def test_an_expression_excuses_no_mistake_in_a_manifest(manifest: str, message: str, tmp_path: Path) -> None:
    (only,) = told(tmp_path, {"manifests/a.yaml": f"{HEAD}kind: Organization\n{manifest}\n"})
    assert message in only


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ('template: {metadata: {name: "${{ row.slug }}"}, spec: {organization_nmae: "${{ row.old }}"}}', "unknown key"),
        ('template: {metadata: {name: "${{ row.slug }}", renamedfrom: "${{ row.old }}"}}', "unknown key renamedfrom"),
        (
            'template: {metadata: {name: "${{ row.slug }}"}, lifecycle: {protct: "${{ row.old }}"}}',
            "unknown key protct",
        ),
        (
            'template: {metadata: {name: "${{ row.slug }}", environments: "${{ row.env }}"}}',
            "metadata.environments is computed as null",
        ),
        ('template: {metadata: {name: "${{ row.slug }}", environments: ["${{ row.slug }}"]}}', "no environment acme"),
        ('template: "${{ row.old }}"', "template is the string"),
        (
            (
                'template: {metadata: {name: "${{ row.slug }}"}}, '
                'overrides: {acme: {spec: {organization_name: "${{ row.a }}"}}}'
            ),
            "no expression is computed in spec.overrides.acme.spec.organization_name",
        ),
        (
            'template: {metadata: {name: "${{ row.slug }}"}}, overrides: {acme: {lifecycel: "${{ row.old }}"}}',
            "unknown key lifecycel",
        ),
        ('template: {metadata: {name: "${{ row.slug }}"}}, overides: "${{ row.old }}"', "unknown key overides"),
    ],
)
def test_an_expression_excuses_no_mistake_in_a_set(spec: str, message: str, tmp_path: Path) -> None:
    head = f"{HEAD}kind: OrganizationSet\nmetadata: {{name: s}}\n"
    (only,) = told(tmp_path, {"manifests/s.yaml": f"{head}spec: {{table: tenants, {spec}}}\n"})
    assert message in only


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("environmets: ${{ vars.a }}", "unknown key environmets"),
        ("name: ${{ vars.a }}", "name is "),
    ],
)
def test_nothing_is_computed_in_the_configuration(line: str, message: str, tmp_path: Path) -> None:
    write(tmp_path, {"reconciler.yaml": CONFIGURATION + line + "\n"})
    with pytest.raises(InvalidInput) as raised:
        load_config(tmp_path, "test")
    assert message in raised.value.problems[0].message
