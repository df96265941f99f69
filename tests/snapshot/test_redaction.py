"""A hash in the place of a person: the same for the same address, another one for any other."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.expressions.expression import compile_expression
from reconciler.expressions.functions import FUNCTIONS
from reconciler.expressions.redaction import Redacted, Redaction, is_hashed, pruned
from reconciler.expressions.text import address_domain, mailbox

REDACTION = Redaction(salt="salt", users=frozenset({("user", "emails"), ("user", "trusted_metadata", "boss")}))
OTHER = Redaction(salt="another")
LOCALS = st.from_regex(r"[A-Za-z0-9._+'-]{1,20}", fullmatch=True)
CASED = st.tuples(LOCALS, st.sampled_from(["acme.example", "ACME.example", "xn--bcher-kva.example"])).map("@".join)
USER = {
    "emails": [{"email": REDACTION.address("ann@acme.example"), "verified": True}],
    "trusted_metadata": {"boss": REDACTION.address("eve@acme.example")},
}


@given(CASED)
def test_an_address_keeps_its_domain_and_how_it_compares(address: str) -> None:
    hashed = REDACTION.address(address)
    assert (mailbox(hashed) is None) == (mailbox(address) is None)
    assert address_domain(hashed) == address_domain(address)
    assert mailbox(hashed) == (mailbox(address) and REDACTION.address(str(mailbox(address))))
    assert REDACTION.address(hashed) == hashed == REDACTION.text(hashed)
    assert OTHER.address(address) != hashed


@given(CASED)
@example("'@acme.example")
@example("'ann@acme.example")
@example("m@acme.example")
def test_a_text_gives_nobody_away(address: str) -> None:
    local = address.partition("@")[0]
    said, named = REDACTION.text(f"Write to <{address}>, please"), REDACTION.text(f"Member/acme/{address}")
    assert f"<{local}@" not in said  # with what stands before it: a hash may end with the same letter
    assert f"/{local}@" not in named
    if not address.startswith("'"):  # within a text, that opens a literal: what follows it is hashed all the same
        assert said == f"Write to <{REDACTION.address(address)}>, please"
        assert named == f"Member/acme/{REDACTION.address(address)}"


@given(CASED)
def test_a_hash_in_lower_case_is_that_of_the_address_in_lower_case(address: str) -> None:
    lower = FUNCTIONS["lower"].call
    assert REDACTION.address(lower(address)) == lower(REDACTION.address(address))


def test_spellings_differ_and_compare_the_same() -> None:
    spellings = ["ann.lee@acme.example", "Ann.Lee@acme.example", "ANN.lee@acme.example", "ANN.LEE@acme.example"]
    hashed = [REDACTION.address(one) for one in spellings]
    assert len(set(hashed)) == len(spellings)
    assert len({mailbox(one) for one in hashed}) == 1


@pytest.mark.parametrize("text", ["ann smith@acme.example", "ann", "Ann <ann@acme.example>", "ann@acme.example."])
def test_what_is_no_address_is_none_afterwards(text: str) -> None:
    assert mailbox(REDACTION.address(text)) is None
    assert "ann" not in REDACTION.address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user.emails[0].email == 'Ann@acme.example'", False),
        ("lower(user.emails[0].email) == 'ann@acme.example'", True),
        ("domain(user.emails[0].email) == 'acme.example'", True),
        ("len(user.emails) == 1", True),
        ("user.trusted_metadata.boss == 'eve@acme.example'", True),
        ("user.trusted_metadata.boss in ['bob@acme.example', 'eve@acme.example']", True),
        ("default(user.trusted_metadata.boss, 'x') == 'eve@acme.example'", True),
    ],
)
def test_what_asks_for_no_more_than_an_address_is_decided(text: str, expected: object) -> None:
    compiled = compile_expression(text, frozenset({"user"}), {}, REDACTION.adapting(None))
    assert compiled.evaluate({"user": USER}) is expected


@pytest.mark.parametrize(
    "text",
    [
        "starts_with(user.emails[0].email, 'ann')",
        "ends_with(user.emails[0].email, 'n@acme.example')",
        "contains(user.trusted_metadata.boss, 'eve')",
        "matches(user.trusted_metadata.boss, 'eve.*')",
        "split(user.emails[0].email, '@')[0] == 'ann'",
        "len(user.trusted_metadata.boss) == 16",
        "slugify(user.trusted_metadata.boss) == 'eve'",
        "join([user.trusted_metadata.boss], ',') == 'eve@acme.example'",
        "upper(user.trusted_metadata.boss) == 'EVE@ACME.EXAMPLE'",
        "user.trusted_metadata.boss > 'a'",
        "user.trusted_metadata.team == 'blue'",
        "user.name.first_name == 'Ann'",
    ],
)
def test_what_asks_for_more_is_refused(text: str) -> None:
    compiled = compile_expression(text, frozenset({"user"}), {}, REDACTION.adapting(None))
    with pytest.raises(Redacted):
        compiled.evaluate({"user": USER})


def test_only_what_is_named_is_kept() -> None:
    paths = frozenset({("a",), ("b", "c"), ("b", "d", "e")})
    assert pruned({"a": 1, "b": {"c": {"x": 1}, "d": {"e": 2, "f": 3}, "z": 4}, "y": 5}, paths) == {
        "a": 1,
        "b": {"c": {"x": 1}, "d": {"e": 2}},
    }


def test_a_hash_is_told_from_a_text() -> None:
    assert is_hashed(REDACTION.address("ann@acme.example"))
    assert not is_hashed("~home@acme.example")


@pytest.mark.parametrize(
    "text",
    [
        '"ann smith"@acme.example',
        "(ann)@acme.example",
        "<ann>@acme.example and ann",
        "https://acme.example/?who=ann%40acme.example",
        "mailto:ann@acme.example?cc=ann%40acme.example",
        "['ann@acme.example','ann@globex.example']",
        "ann@localhost",
    ],
)
def test_nothing_before_an_at_sign_is_left(text: str) -> None:
    hashed = REDACTION.text(text)
    assert not re.search(r"ann\W*(@|%40)", hashed)
    assert REDACTION.text(hashed) == hashed
    assert OTHER.text(text) != hashed
