"""In which order changes of several kinds are carried out: what is needed comes first, what takes away comes last."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Literal, get_args, get_origin

import pytest

from reconciler.kinds import KINDS
from reconciler.model import Change, Create, Delete, FieldChange, Update
from reconciler.plan.order import rank
from reconciler.schema.kind import Kind

FOUNDATION = [name for name, kind in KINDS.items() if kind.order.opens_environment]
ORDER = """
from reconciler.kinds import KINDS
from reconciler.plan.order import rank
from tests.plan.test_order import every_step
print([str(change) for change in sorted(every_step(), key=rank)])
"""


def named(kind: str) -> str:
    """The name of a thing of a kind, one that can be."""
    names = get_args(KINDS[kind].key.type) if get_origin(KINDS[kind].key.type) is Literal else ("a",)
    return str(names[0])


def create(kind: str, *fields: FieldChange) -> Create:
    return Create(kind=kind, name=named(kind), fields=fields)


def update(kind: str) -> Update:
    return Update(kind=kind, name=named(kind), id="1", fields=())


def delete(kind: str) -> Delete:
    return Delete(kind=kind, name=named(kind), id="1", fields=())


def every_step() -> list[Change]:
    return [make(kind) for kind in KINDS for make in (create, update, delete)]


def comes_before(first: Change, second: Change) -> bool:
    return rank(first)[0] < rank(second)[0]


def needed(kind: Kind) -> Iterator[str]:
    """The kinds of things that must be there before one of this kind can be made."""
    if not kind.order.opens_environment:
        yield from FOUNDATION
    yield from kind.order.after
    yield from (reference.kind for reference in kind.references.values() if not reference.late)


@pytest.mark.parametrize("name", KINDS)
def test_what_a_thing_needs_is_made_and_changed_before_it_and_goes_after_it(name: str) -> None:
    for other in {*needed(KINDS[name])} & KINDS.keys() - {name}:
        assert comes_before(create(other), create(name)), other
        assert comes_before(update(other), create(name)), other
        assert comes_before(delete(name), delete(other)), other


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.namespace])
def test_what_a_thing_lies_in_is_made_before_it_and_goes_after_it(name: str) -> None:
    inside = str(KINDS[name].namespace)
    assert comes_before(create(inside), create(name))
    assert comes_before(delete(name), delete(inside))


@pytest.mark.parametrize("name", KINDS)
def test_what_can_be_named_only_afterwards_is_there_before_the_update(name: str) -> None:
    for reference in KINDS[name].references.values():
        assert comes_before(create(reference.kind), update(name)), reference
    assert comes_before(create(name), update(name))


@pytest.mark.parametrize("name", KINDS)
def test_deletes_come_last_unless_there_can_be_only_one(name: str) -> None:
    if KINDS[name].identity.one_per_parent:
        assert comes_before(delete(name), create(name))
        return
    for other in KINDS:
        assert comes_before(create(other), delete(name)), other
        assert comes_before(update(other), delete(name)), other


def test_the_live_environment_is_made_before_test_ones() -> None:
    test = create("Environment", FieldChange(path=("type",), after="TEST"))
    live = create("Environment", FieldChange(path=("type",), after="LIVE"))
    assert rank(live) < rank(test) < rank(create("Secret"))


def test_every_step_has_one_place_whatever_the_order_it_is_asked_in() -> None:
    steps = every_step()
    places = [rank(step)[0] for step in steps]
    assert sorted(places) == list(range(len(steps)))
    shuffled = random.Random(0).sample(steps, len(steps))  # noqa: S311 # the same every time
    assert sorted(shuffled, key=rank) == sorted(steps, key=rank)


def test_the_order_is_the_same_in_every_process() -> None:
    orders = {
        subprocess.run(
            [sys.executable, "-c", ORDER], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(orders) == 1
    assert orders.pop().decode().strip() == str([str(change) for change in sorted(every_step(), key=rank)])
