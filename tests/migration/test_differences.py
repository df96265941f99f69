"""Differences between environments: variables, a list of environments, or a manifest for each."""

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.expressions.template import compile_tree
from reconciler.migration.unite import United, expression, unite


def united(kind: str = "SDKConfig", name: str = "default", **specs: Mapping[str, Any] | None) -> United:
    """Return the manifests of one resource, given its spec in each environment that has it."""
    there = {environment: spec for environment, spec in specs.items() if spec is not None}
    return unite({(kind, name): there}, list(specs))


def test_what_is_alike_is_written_once() -> None:
    found = united(live={"a": 1, "b": {"c": [1]}}, test={"a": 1, "b": {"c": [1]}})
    (resource,) = found.resources
    assert (resource.spec, resource.environments) == ({"a": 1, "b": {"c": [1]}}, ())
    assert found.vars == {"live": {}, "test": {}}


def test_what_differs_is_a_variable_as_deep_as_it_differs() -> None:
    found = united(live={"a": 1, "b": {"c": [1], "d": 0}}, test={"a": 1, "b": {"c": [2], "d": 0}})
    (resource,) = found.resources
    assert resource.spec == {"a": 1, "b": {"c": "${{ vars.SDKConfig.default.b.c }}", "d": 0}}
    assert found.vars == {
        "live": {"SDKConfig": {"default": {"b": {"c": [1]}}}},
        "test": {"SDKConfig": {"default": {"b": {"c": [2]}}}},
    }


def test_a_field_that_one_environment_lacks_is_not_managed_there() -> None:
    found = united(live={"a": 1}, test={})
    assert found.resources[0].spec == {"a": "${{ vars.SDKConfig.default.a }}"}
    assert found.vars["test"] == {"SDKConfig": {"default": {"a": None}}}


def test_a_field_that_cannot_be_null_gets_a_manifest_for_each_environment() -> None:
    found = united(kind="ConnectedApp", name="a", live={"client_description": "x"}, test={})
    assert [(resource.environments, resource.spec) for resource in found.resources] == [
        (("live",), {"client_description": "x"}),
        (("test",), {}),
    ]


def test_a_thing_that_one_environment_lacks_names_the_others() -> None:
    found = united(live={"a": 1}, test=None, stage={"a": 2})
    (resource,) = found.resources
    assert resource.environments == ("live", "stage")
    assert found.vars == {
        "live": {"SDKConfig": {"default": {"a": 1}}},
        "test": {},
        "stage": {"SDKConfig": {"default": {"a": 2}}},
    }


def test_where_lists_of_objects_differ_every_environment_has_its_own() -> None:
    found = united(live={"a": 1, "roles": [{"x": 1}]}, test={"a": 2, "roles": []})
    assert [(resource.environments, resource.spec) for resource in found.resources] == [
        (("live",), {"a": 1, "roles": [{"x": 1}]}),
        (("test",), {"a": 2, "roles": []}),
    ]
    assert found.vars == {"live": {}, "test": {}}


def test_environments_in_which_it_is_the_same_share_a_manifest() -> None:
    found = united(live={"roles": [{"x": 1}]}, stage={"roles": []}, test={"roles": []})
    assert [(resource.environments, resource.spec) for resource in found.resources] == [
        (("live",), {"roles": [{"x": 1}]}),
        (("stage", "test"), {"roles": []}),
    ]


def test_where_more_differs_than_is_alike_every_environment_has_its_own() -> None:
    one, other = {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}, {"a": 2, "b": 2, "c": 2, "d": "", "e": 1}
    found = united(live=one, test=other)
    assert [resource.spec for resource in found.resources] == [one, {"a": 2, "b": 2, "c": 2, "e": 1}]
    assert len(united(live=one, test={**other, "a": 1}).resources) == 1


def test_a_text_that_looks_like_an_expression_is_read_as_the_text_that_it_is() -> None:
    price = "costs ${{ member.price }}"
    (resource,) = united(live={"a": price, "b": {"${{": 1}}).resources
    assert compile_tree(dict(resource.spec), frozenset(), {}).render({}) == {"a": price, "b": {"${{": 1}}


def test_a_key_that_looks_like_an_expression_makes_the_whole_a_variable() -> None:
    found = united(live={"a": {"${{": 1}}, test={"a": {"${{": 2}})
    assert found.resources[0].spec == {"a": "${{ vars.SDKConfig.default.a }}"}


def test_maps_of_other_keys_are_a_variable_as_a_whole() -> None:
    found = united(live={"a": {"x": 1, "y": 2}}, test={"a": {"x": 1}})
    assert found.resources[0].spec == {"a": "${{ vars.SDKConfig.default.a }}"}
    assert found.vars["test"] == {"SDKConfig": {"default": {"a": {"x": 1}}}}


def test_the_name_of_a_file_may_hold_an_expression() -> None:
    file = {"file": "files/${{ environment }}.json"}
    found = united(kind="JWTTemplate", name="SESSION", live={"template_content": file}, test={"template_content": file})
    assert found.resources[0].spec == {"template_content": file}


@pytest.mark.parametrize(
    "path",
    [("a", "b"), ("a", "b-c", "d e"), ("class", 'quo"te', "back\\slash"), ("ümlaut", "1"), ("😀", "日本")],
    ids=".".join,
)
def test_every_path_can_be_written(path: tuple[str, ...]) -> None:
    value: Any = [{"x": 1}]
    for key in reversed(path):
        value = {key: value}
    scope = {"vars": value}
    assert compile_tree({"it": expression(path)}, frozenset({"vars"}), scope).render(scope) == {"it": [{"x": 1}]}
