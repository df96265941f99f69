"""Resources that share a name in Stytch: each gets a unique name, always the same, and a remark."""

import random

from reconciler.migration.names import distinct, with_own_names
from reconciler.migration.values import Consumer, Source
from reconciler.model import Live


def live(name: str, id_: str = "", content: str = "") -> Live:
    return Live(kind="ConnectedApp", name=name, id=id_, spec={"client_description": content})


def named(*names: str) -> list[str]:
    return [name for name, _ in distinct({"live": [live(name) for name in names]})["live"]]


def ids(*environments: list[Live]) -> list[dict[str, str]]:
    """Return the id of each name, in each environment."""
    found = distinct({str(index): every for index, every in enumerate(environments)})
    return [{name: one.id for name, one in every} for every in found.values()]


def test_the_second_of_one_name_is_numbered() -> None:
    assert named("a", "b") == ["a", "b"]
    assert named("a", "a", "a") == ["a", "a (2)", "a (3)"]


def test_a_number_that_is_taken_is_not_given() -> None:
    assert named("a", "a (2)", "a") == ["a", "a (2)", "a (3)"]


def test_a_resource_without_a_name_gets_a_unique_one() -> None:
    assert named("", "") == ["unnamed", "unnamed (2)"]
    assert ids([live("", "1"), live("unnamed", "2")]) == [{"unnamed": "2", "unnamed (2)": "1"}]
    assert ids([live("", "1")], [live("unnamed", "2")]) == [{"unnamed (2)": "1"}, {"unnamed": "2"}]


def test_what_is_alike_in_several_environments_has_one_name() -> None:
    one = [live("a", "1", "x"), live("a", "2", "y")]
    other = [live("a", "3", "z"), live("a", "4", "y")]
    assert ids(one, other) == [{"a": "1", "a (2)": "2"}, {"a": "3", "a (2)": "4"}]
    assert ids(one, [live("a", "3", "y")]) == [{"a": "1", "a (2)": "2"}, {"a (2)": "3"}]


def test_no_name_depends_on_an_id() -> None:
    contents = ["x", "y", "z", "w"]
    found = set()
    for seed in range(5):
        numbers = random.Random(seed).sample(range(10, 99), 4)  # noqa: S311 # for order
        every = [live("a", str(number), content) for number, content in zip(numbers, contents, strict=True)]
        found.add(tuple((name, one.spec["client_description"]) for name, one in distinct({"live": every})["live"]))
    assert len(found) == 1


def test_the_old_id_of_each_renamed_resource_is_listed() -> None:
    resources = {"ConnectedApp": (live("a", "1"), live("a", "2"), live("b", "3"), live("", "4"))}
    source = Source(
        project_id="project-live-1", slug="production", name="live", type="LIVE", fields={}, resources=resources
    )
    _, remarks = with_own_names(Consumer(slug="c", name="C", environments=(source,), resources={}))
    assert [(remark.at, remark.reason.why) for remark in remarks["live"]] == [
        ("ConnectedApp/a: client_name of 1", "several resources have the name 'a', but names must be unique here"),
        ("ConnectedApp/a (2): client_name of 2", "several resources have the name 'a', but names must be unique here"),
        ("ConnectedApp/unnamed: client_name of 4", "it had no name"),
    ]
