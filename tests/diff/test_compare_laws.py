"""Laws of comparing and changing things of any kind, for whatever is declared and live."""

import random
from typing import Annotated, Any, Final

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Struct, UnsetType

from reconciler.diff.compare import compare
from reconciler.diff.pairs import KnownCredentials, Policy
from reconciler.kinds._writing import merged_into_live, request_body
from reconciler.model import Create, Delete, Diff, Live, Position, Resource, Spec, Update
from reconciler.schema.kind import Key, Kind
from reconciler.schema.traits import Clearable, HoldsSecret, Keyed, Merged, SecretName, Unordered


class Row(Struct, kw_only=True):
    """An item of a list that has a key."""

    name: str
    value: Any = None


class ThingSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A field of every sort."""

    title: Annotated[str | UnsetType | None, Clearable("an empty string", sends="")] = UNSET
    count: int | UnsetType = UNSET
    words: Annotated[list[str] | UnsetType, Unordered()] = UNSET
    settings: Annotated[dict[str, Any] | UnsetType, Merged()] = UNSET
    rows: Annotated[list[Row] | UnsetType, Keyed("name")] = UNSET
    key: Annotated[SecretName | UnsetType, HoldsSecret()] = UNSET


KIND: Final = Kind(name="Thing", spec=ThingSpec, key=Key("thing_name"))
SECRETS: Final = {"A_NAME": "0001", "B_NAME": "0002"}  # what is shown of each
POLICY: Final = Policy(known=KnownCredentials(last_four=SECRETS.get, at_hand=SECRETS.get))

names = st.sampled_from(["a", "b", "c"])
texts = st.sampled_from(["", "x", "y", "é"])
plain = texts | st.booleans() | st.integers(0, 2)
values = plain | st.lists(plain, max_size=2) | st.dictionaries(names, plain, max_size=2)
rows = st.dictionaries(names, values, max_size=3).map(
    lambda found: [{"name": name, "value": value} for name, value in found.items()]
)
shared = {
    "count": st.integers(0, 2),
    "words": st.lists(texts, max_size=3),
    "rows": rows,
}
declared = st.fixed_dictionaries(
    {},
    optional={
        **shared,
        "title": texts | st.none(),
        "settings": st.dictionaries(names, values | st.none(), max_size=3),
        "key": st.sampled_from(sorted(SECRETS)).map(lambda name: {"secret": name}),
    },
).map(KIND.normalize)
there = st.fixed_dictionaries(
    {},
    optional={
        **shared,
        "title": texts | st.none(),
        "settings": st.dictionaries(names, values, max_size=3) | st.none(),
        "key": st.sampled_from([*SECRETS.values(), "9999"]).map(lambda shown: {"last_four": shown}),
    },
).map(KIND.normalize)


def thing(name: str, spec: Spec, **more: Any) -> Resource:
    return Resource(kind="Thing", name=name, spec=spec, position=Position("a.yaml", 1), **more)


def live(name: str, spec: Spec, id: str = "") -> Live:
    return Live(kind="Thing", name=name, id=id or f"id-of-{name}", spec=spec)


def compared(spec: Spec, found: Spec) -> Diff:
    return compare(KIND, [thing("it", spec)], [live("it", found)], POLICY)


def shown(spec: Spec) -> Spec:
    """A spec as it would be live: with what Stytch shows of a secret."""
    name = spec.get("key", {}).get("secret")
    return {**spec, "key": {"last_four": SECRETS[name]}} if name else spec


@given(declared)
def test_what_is_as_declared_needs_no_change(spec: Spec) -> None:
    diff = compared(spec, shown(spec))
    assert (diff.changes, diff.settled, diff.managed.total()) == ((), ("Thing/it",), 1)


@given(there)
def test_who_declares_nothing_changes_nothing(found: Spec) -> None:
    assert compared({}, found).changes == ()


@given(declared, there)
def test_once_it_is_changed_as_planned_nothing_is_left_to_do(spec: Spec, found: Spec) -> None:
    for change in compared(spec, found).changes:
        assert isinstance(change, Update)
        changed = KIND.normalize(shown(merged_into_live(KIND, found, change)))
        assert compared(spec, changed).changes == ()
        assert compared(spec, KIND.normalize(shown(merged_into_live(KIND, changed, change)))).changes == ()  # and again


@given(declared, there)
def test_what_is_not_declared_is_left_as_it_is(spec: Spec, found: Spec) -> None:
    for change in compared(spec, found).changes:
        changed = merged_into_live(KIND, found, change)
        assert without(changed, spec) == without(found, spec)
        inner = spec.get("settings", {})
        assert without(changed.get("settings") or {}, inner) == without(found.get("settings") or {}, inner)


def without(spec: Spec, names: Spec) -> Spec:
    return {name: value for name, value in spec.items() if name not in names}


@given(declared, declared)
def test_a_thing_that_is_made_as_planned_is_as_declared(spec: Spec, initial: Spec) -> None:
    (change,) = compare(KIND, [thing("it", spec, initial=initial)], [], POLICY).changes
    assert isinstance(change, Create)
    made = KIND.normalize(shown(merged_into_live(KIND, {}, change)))
    assert compared(spec, made).changes == ()


@given(declared, there)
def test_of_a_secret_a_change_holds_its_name_and_its_end(spec: Spec, found: Spec) -> None:
    for change in compared(spec, found).changes:
        if planned := change.get("key"):
            assert planned.after == spec["key"]
            assert planned.before in (UNSET, found.get("key"))
            assert request_body([planned], cleared={}) == {"key": spec["key"]}


things = st.lists(
    st.builds(thing, names, declared, ensure=st.sampled_from(["present", "absent", "external"])),
    unique_by=lambda each: each.name,
)
lives = st.lists(st.builds(live, names, there, st.sampled_from("123456")), unique_by=lambda each: each.id)


@given(things, lives, st.randoms(use_true_random=False))
def test_nothing_hangs_on_an_order(desired: list[Resource], found: list[Live], rng: random.Random) -> None:
    diff = compare(KIND, desired, found, POLICY)
    rng.shuffle(desired)
    rng.shuffle(found)
    shuffled = compare(KIND, desired, found, POLICY)
    for part in ("changes", "held", "unmanaged", "settled", "problems"):
        assert sorted(map(repr, getattr(diff, part))) == sorted(map(repr, getattr(shuffled, part))), part
    assert diff.ids == shuffled.ids


@given(things, lives)
def test_every_thing_has_one_fate(desired: list[Resource], found: list[Live]) -> None:
    """What is declared is changed, held, or left as it is; what is live and not declared is only listed."""
    diff = compare(KIND, desired, found, POLICY)
    changed = [change.address for change in diff.changes]
    held = [each.address for each in diff.held]
    fates = [*changed, *held, *diff.settled]
    assert len(set(fates)) == len(fates)
    assert {*fates} <= {each.address for each in desired}
    for resource in desired:
        there_are = [each for each in found if each.name == resource.name]
        if len(there_are) > 1 or (resource.ensure == "external" and not there_are):
            assert resource.address in held
        elif resource.ensure == "present":
            assert resource.address in (changed if not there_are else [*changed, *diff.settled])
        else:
            assert (resource.address in changed) == (resource.ensure == "absent" and bool(there_are))
    declared_names = {each.name for each in desired}
    assert {each.id for each in diff.unmanaged} == {each.id for each in found if each.name not in declared_names}
    for change in diff.changes:
        assert change.id in (None, *(each.id for each in found))
        assert isinstance(change, Delete) == (
            next(x for x in desired if x.address == change.address).ensure == "absent"
        )
