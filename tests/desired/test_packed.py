"""Packed memberships come out as they went in; which users a source has is known, and whom it has twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.packed import PackedMemberships, UserIds
from reconciler.model import Membership

memberships = st.builds(
    Membership,
    organization=st.sampled_from(["acme", "globex"]),
    addresses=st.tuples(st.text()),
    user=st.none() | st.sampled_from(["user-1", "user-2"]) | st.text(),
    verified=st.tuples(st.booleans()),
    rules=st.lists(st.integers(0, 99)).map(tuple),
    roles=st.lists(st.text()).map(tuple),
    fields=st.dictionaries(
        st.sampled_from(["external_id", "name"]) | st.text(),
        st.none() | st.sampled_from(["user-1", "user-2"]) | st.text() | st.lists(st.integers(-9, 9)),
    ),
    initial=st.dictionaries(st.text(), st.booleans()),
    declared=st.integers(-1, 5),
    unverified=st.booleans(),
    untrusted=st.booleans(),
)


@given(st.lists(memberships, max_size=50), st.sampled_from([1, 3, 512]))
def test_memberships_come_out_by_organization_in_their_order(some: list[Membership], chunk: int) -> None:
    packed = PackedMemberships()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reconciler.desired.packed._CHUNK", chunk)
        check(packed, some)


def check(packed: PackedMemberships, some: list[Membership]) -> None:
    for membership in some:
        packed.add(membership)
    assert len(packed) == len(some)
    for slug in ("acme", "globex", "none"):
        expected = [membership for membership in some if membership.organization == slug]
        found = list(packed.of(slug))
        assert (found, packed.count(slug)) == (expected, len(expected))
        assert [list(one.fields) for one in found] == [list(one.fields) for one in expected]


records = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2)))


def filled(some: list[tuple[str, int]]) -> UserIds:
    ids = UserIds()
    for user_id, record in some:
        ids.add(user_id, record)
    return ids


@given(records)
def test_it_knows_whom_it_has_and_counts_each_once(some: list[tuple[str, int]]) -> None:
    ids, known = filled(some), {user_id for user_id, _ in some}
    assert {user_id for user_id in "abcdefgh" if user_id in ids} == known
    assert len(ids) == len(known)


@given(records)
def test_records_of_one_user_that_differ_are_disputed(some: list[tuple[str, int]]) -> None:
    disputed = filled(some).disputed()
    expected = {user_id for user_id in "abcdef" if len({record for one, record in some if one == user_id}) > 1}
    assert {user_id for user_id in "abcdefgh" if user_id in disputed} == expected
    assert len(disputed) == len(expected)
