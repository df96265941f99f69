"""Packed changes: any sequence of changes, in a tenth of the memory."""

import tracemalloc
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.model import Cause, Change, Changes, Create, Delete, FieldChange, Mark, Update, packed
from reconciler.model.packed import Gathering

JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=2)
FIELD = st.builds(FieldChange, path=st.tuples(st.text(max_size=3)), before=JSON, after=JSON)


def of_sort(sort: type[Change]) -> st.SearchStrategy[Change]:
    return st.builds(
        sort,
        kind=st.sampled_from(["Member", "Organization"]),
        namespace=st.sampled_from([None, "a", "a-b", "b"]),
        name=st.sampled_from("uvwxyz"),
        fields=st.lists(FIELD, max_size=2).map(tuple),
        withheld_by=st.sampled_from([None, "max_deletes"]),
    )


CHANGES = st.lists(of_sort(Create) | of_sort(Update) | of_sort(Delete), max_size=12)


@pytest.fixture(autouse=True, scope="module")
def tiny_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "CHUNK", 3)
        patch.setattr(packed, "FEW", 0)
        patch.setattr(packed, "MANY", 6)
        yield


def place(change: Change) -> tuple[str, str]:
    return change.address, change.action


def member(number: int, **more: object) -> Create:
    user = f"user-test-00000000-0000-0000-0000-{number:012}"
    return structs.replace(
        Create(
            kind="Member",
            namespace="acme",
            name=f"person{number}@acme.example",
            fields=(FieldChange(path=("external_id",), after=user),),
            mark=Mark(owner="us", organization="organization-test-1", user=user),
            causes=(Cause(file="rules/employees.yaml", line=6, rule="by-email-domain", user=user),),
        ),
        **more,
    )


@given(CHANGES)
def test_they_are_what_was_packed(some: list[Change]) -> None:
    changes = Changes.of(some)
    assert (list(changes), len(changes), bool(changes)) == (some, len(some), bool(some))
    others: list[object] = [some, tuple(some), Changes.of(iter(some)), [*some, member(1)], None]
    assert [changes == other for other in others] == [True, True, True, False, False]
    assert changes[1:-1] == tuple(some[1:-1])
    assert [changes[place] for place in range(-len(some), len(some))] == [*some, *some]
    with pytest.raises(IndexError):
        changes[len(some)]
    assert Changes.of(changes) is changes


@given(CHANGES, CHANGES)
def test_what_is_gathered_is_packed_where_it_is_many(one: list[Change], other: list[Change]) -> None:
    gathered = Gathering()
    for part in (one, Changes.of(other), tuple(one)):
        gathered.add(part)
    assert sorted(gathered.all(), key=repr) == sorted([*one, *other, *one], key=repr)
    few = Gathering()
    few.add(one[:2])
    few.add(other[:2])
    assert few.all() == (*one[:2], *other[:2])


@given(CHANGES)
def test_they_are_put_in_order_of_address(some: list[Change]) -> None:
    in_order = Changes.of(some).by_address()
    assert in_order == sorted(some, key=place)
    assert in_order.by_address() == in_order


@given(CHANGES)
def test_they_are_told_apart_by_a_key(some: list[Change]) -> None:
    found = Changes.of(some).sorted_into(lambda change: change.withheld_by)
    assert found == {key: [one for one in some if one.withheld_by == key] for key in {one.withheld_by for one in some}}
    assert Changes.of(some).chosen(lambda change: change.name < "w") == [one for one in some if one.name < "w"]


@given(CHANGES)
def test_they_are_altered_one_by_one(some: list[Change]) -> None:
    def alter(change: Change) -> Change:
        return change if change.name < "w" else structs.replace(change, withheld_by="moved")

    assert Changes.of(some).altered(alter) == list(map(alter, some))


@given(CHANGES, st.sampled_from([(), (Create,), (Update, Delete)]), st.sampled_from(["", "Member"]))
def test_those_of_an_action_and_a_kind_are_found(
    some: list[Change], actions: tuple[type[Change], ...], kind: str
) -> None:
    wanted = [one for one in some if (not actions or isinstance(one, actions)) and kind in ("", one.kind)]
    assert list(Changes.of(some).only(*actions, kind=kind)) == wanted


@given(CHANGES, CHANGES)
def test_those_between_two_addresses_are_found(some: list[Change], others: list[Change]) -> None:
    in_order = Changes.of(some).by_address()
    for chunk in Changes.of(others).chunks:
        found = list(in_order.between(chunk.first, chunk.last))
        wanted = [one for one in sorted(some, key=place) if chunk.first <= one.address <= chunk.last]
        assert [one for one in found if chunk.first <= one.address <= chunk.last] == wanted


def test_what_cannot_be_packed_stays_as_it_is() -> None:
    long_number = FieldChange(path=("trusted_metadata", "n"), after=10**30)
    unreadable = Cause(file="manifests/\udcff.yaml", line=1)
    some = [member(1, fields=(long_number,)), member(2, causes=(unreadable,)), member(3)]
    assert list(Changes.of(some)) == some


def test_a_change_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "CHUNK", 64)
    tracemalloc.start()
    changes = Changes.of(map(member, range(2_000)))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken / len(changes) < 150


def test_only_chunks_that_overlap_are_packed_again() -> None:
    some = [*map(member, range(100, 106)), *map(member, range(106, 109))]
    in_order = Changes.of(some)
    assert set(map(id, in_order.by_address().chunks)) == set(map(id, in_order.chunks))
    mixed = Changes.of([*some[::2], *some[1::2]])
    assert list(chain(mixed.by_address())) == some
