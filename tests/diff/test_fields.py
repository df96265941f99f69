"""Specs, field by declared field."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.fields import created_fields, diff_fields, same
from reconciler.model import FieldChange

MERGED = ("trusted_metadata",)
values = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
specs = st.dictionaries(st.sampled_from(["name", "logo", "domains"]), values, max_size=3)


@given(specs)
def test_a_spec_does_not_differ_from_itself(spec: dict[str, Any]) -> None:
    assert list(diff_fields(spec, spec, merged=MERGED)) == []


@given(specs, specs)
def test_what_is_not_declared_is_never_compared(spec: dict[str, Any], more: dict[str, Any]) -> None:
    assert list(diff_fields(spec, {**more, **spec}, merged=MERGED)) == []


def test_metadata_is_compared_key_by_key_and_other_keys_are_left_alone() -> None:
    desired = {"trusted_metadata": {"tier": "gold", "old": None, "never": None}}
    live = {"trusted_metadata": {"tier": "silver", "old": 1, "other": True}}
    assert list(diff_fields(desired, live, merged=MERGED)) == [
        FieldChange(path=("trusted_metadata", "tier"), before="silver", after="gold"),
        FieldChange(path=("trusted_metadata", "old"), before=1),
    ]


def test_nested_metadata_is_replaced_whole() -> None:
    changes = diff_fields(
        {"trusted_metadata": {"a": {"x": 1}}}, {"trusted_metadata": {"a": {"x": 1, "y": 2}}}, merged=MERGED
    )
    assert [change.path for change in changes] == [("trusted_metadata", "a")]


def test_an_ignored_path_is_not_compared() -> None:
    desired = {"logo": "a", "trusted_metadata": {"tier": "gold", "x": 1}}
    ignore = [("logo",), ("trusted_metadata", "tier")]
    assert [change.path for change in diff_fields(desired, {}, merged=MERGED, ignore=ignore)] == [
        ("trusted_metadata", "x")
    ]


def test_true_is_not_one() -> None:
    assert not same(True, 1)  # noqa: FBT003 # the two values are the case
    assert same([1, {"a": 1.0}], [1, {"a": 1}])


def test_an_empty_list_declares_none_and_an_absent_value_is_already_none() -> None:
    assert list(diff_fields({"domains": []}, {"domains": None}, merged=MERGED)) == []
    assert list(diff_fields({"domains": []}, {"domains": ["a"]}, merged=MERGED)) == [
        FieldChange(path=("domains",), before=["a"], after=[])
    ]


def test_a_new_thing_has_nothing_to_clear_and_the_spec_wins_over_initial_values() -> None:
    fields = created_fields({"logo": None, "name": "A"}, {"name": "B", "mfa_policy": "OPTIONAL"}, merged=MERGED)
    assert fields == (FieldChange(path=("name",), after="A"), FieldChange(path=("mfa_policy",), after="OPTIONAL"))
