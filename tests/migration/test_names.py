"""Things that share a name in Stytch: each gets one of its own, always the same, and that is said."""

from reconciler.migration.translate.names import distinct, renamed
from reconciler.model import Live


def live(name: str, id_: str = "") -> Live:
    return Live(kind="ConnectedApp", name=name, id=id_)


def named(*names: str) -> list[str]:
    return [name for name, _ in distinct([live(name) for name in names])]


def test_the_second_of_one_name_is_numbered() -> None:
    assert named("a", "b") == ["a", "b"]
    assert named("a", "a", "a") == ["a", "a (2)", "a (3)"]


def test_a_number_that_is_taken_is_not_given() -> None:
    assert named("a", "a (2)", "a") == ["a", "a (2)", "a (3)"]


def test_a_thing_without_a_name_gets_one() -> None:
    assert named("", "") == ["unnamed", "unnamed (2)"]


def test_another_name_is_said() -> None:
    assert renamed("a", live("a"), "client_name") == ()
    (remark,) = renamed("a (2)", live("a"), "client_name")
    assert (remark.at, remark.reason.why) == (
        "ConnectedApp/a (2): client_name",
        "several things have the name 'a', and here names tell them apart",
    )
    (remark,) = renamed("unnamed", live(""), "client_name")
    assert remark.reason.why == "it had no name"
