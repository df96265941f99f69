"""Outcomes are noted in any order, by many threads, and packed."""

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import Create, Outcome, Outcomes, outcomes


@pytest.fixture(autouse=True, scope="module")
def tiny_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcomes, "BLOCK", 3)
        yield


def outcome(number: int, reason: str = "") -> Outcome:
    member = f"member-test-00000000-0000-0000-0000-{number:012}"
    change = Create(kind="Member", namespace="acme", name=f"person{number}@acme.example")
    return Outcome.of(change, "applied", reason, id=member, request_id=f"request-id-test-{number:032}")


@given(st.integers(0, 10).flatmap(lambda number: st.permutations(range(number))))
def test_they_come_in_the_order_of_places(places: list[int]) -> None:
    noted = Outcomes()
    for place in places:
        assert not noted.has(place)
        noted.note(place, outcome(place))
        assert noted.has(place)
    expected = [outcome(place) for place in sorted(places)]
    assert (list(noted), len(noted), noted[1:]) == (expected, len(places), tuple(expected[1:]))
    assert [noted == other for other in (expected, tuple(expected), Outcomes(expected))] == [True] * 3
    assert noted != [*expected, outcome(99)]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_place_is_noted_once(number: int) -> None:
    noted = Outcomes(map(outcome, range(number)))
    with pytest.raises(KeyError):
        noted.note(1, outcome(1))


def test_what_cannot_be_packed_stays_as_it_is() -> None:
    some = [outcome(number, reason="\udcff") for number in range(4)]
    assert list(Outcomes(some)) == some


def test_an_outcome_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "BLOCK", 64)
    tracemalloc.start()
    noted = Outcomes(map(outcome, range(2_000)))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken / len(noted) < 150
