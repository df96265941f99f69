"""Which users a source has, and which of them it has twice."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.user_ids import UserIds

records = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2)))


def filled(some: list[tuple[str, int]]) -> UserIds:
    ids = UserIds()
    for user_id, record in some:
        ids.add(user_id, record)
    ids.sort()
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
