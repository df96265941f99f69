"""A mark remembers what we wrote: the same value is known again, any other one is told from it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, json

from reconciler.diff.fields import NOTHING, same
from reconciler.diff.ownership import Owner, Whose, farewell, read_member
from reconciler.diff.written import is_as_written, remembering
from reconciler.model import FieldChange, LiveMember, Mark
from reconciler.schema.types import METADATA_BYTES

MARK: Final = Mark(owner="acme-identity", organization="o1", member="m1", user="u1", roles=("editor",))
NO_METADATA: Final[Mapping[str, Any]] = MappingProxyType({})
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
PATHS: Final = st.sampled_from((("name",), ("external_id",), ("trusted_metadata", "tier"), ("trusted_metadata", "a.b")))


def written(values: dict[Any, Any], before: Mark | None = None, beside: Mapping[str, Any] = NO_METADATA) -> Mark:
    fields = [FieldChange(path=path, after=value) for path, value in values.items()]
    return remembering(MARK, fields, before=before, metadata=beside)


@given(st.dictionaries(PATHS, VALUES), PATHS, VALUES)
def test_what_was_written_is_known_again(values: dict[Any, Any], path: Any, value: Any) -> None:
    mark = json.decode(json.encode(written(values).as_json()), type=Mark)
    known = is_as_written(mark.written, path, value)
    if path not in values:
        assert known is None
        return
    nothing = value in NOTHING and values[path] in NOTHING
    assert known == (nothing or same(value, values[path]))


@given(st.dictionaries(PATHS, VALUES), st.dictionaries(PATHS, VALUES))
def test_what_is_written_later_counts_and_the_rest_is_remembered(first: dict[Any, Any], later: dict[Any, Any]) -> None:
    assert written(later, written(first)).written == written({**first, **later}).written


@pytest.mark.parametrize("value", [UNSET, None, "", [], {}])
def test_what_is_cleared_is_nothing(value: Any) -> None:
    mark = remembering(MARK, [FieldChange(path=("name",), before="Ann", after=value)], metadata={})
    assert is_as_written(mark.written, ("name",), UNSET)
    assert not is_as_written(mark.written, ("name",), "Ann")


def test_roles_are_remembered_by_their_names_alone() -> None:
    assert written({("roles",): ["viewer"]}) == MARK


def test_an_older_mark_remembers_nothing_and_is_as_good() -> None:
    live = LiveMember(organization_id="o1", member_id="m1", email_address="ann@acme.example")
    for mark in (MARK, written({("name",): "Ann"})):
        owned = read_member(
            LiveMember(
                organization_id=live.organization_id,
                member_id=live.member_id,
                email_address=live.email_address,
                trusted_metadata={"reconciler": mark.as_json()},
            ),
            Owner("acme-identity"),
        )
        assert (owned.whose, owned.mark, owned.is_proven) == (Whose.OURS, mark, True)
        assert farewell(owned, Owner("acme-identity")).written == ""
    assert is_as_written(MARK.written, ("name",), "Ann") is None
    assert is_as_written("", ("name",), "Ann") is None


def test_where_there_is_no_room_nothing_is_remembered() -> None:
    values = {("trusted_metadata", f"key-{number}"): number for number in range(19)}
    beside = {f"key-{number}": number for number in range(19)}
    remembered = written(values, beside=beside)
    assert len(remembered.written) == 12 * 19
    room = METADATA_BYTES - len(json.encode({**beside, "reconciler": remembered.as_json()}))
    fits, too_long = ({**beside, "key-0": "x" * number} for number in (room - 1, room))
    assert written(values, beside=fits).written
    assert written(values, beside=too_long) == MARK
    assert written(values, beside={**too_long, "reconciler": {"much": "x" * 999}, "gone": None}) == MARK
    assert written({("untrusted_metadata", str(number)): number for number in range(41)}) == MARK
