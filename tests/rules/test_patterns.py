"""All patterns at once find what each of them finds alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.rules import patterns
from reconciler.rules.patterns import Patterns, refusal

LOCALS = ["ann", "ann.lee", "a", "b+c", "\u017f", "ann@x.example,bob"]
DOMAINS = ["acme.example", "eu.acme.example", "acmexexample", "b.example"]
PATTERNS = [
    ".*@acme[.]example",
    r".*@acme\.example",
    r"ANN@ACME\.EXAMPLE",
    ".*@acme.example",
    r".*@(.*\.)?acme\.example",
    r"a@b\.example|ann@acme\.example",
    r"(?:a@b\.example|ann@acme\.example)",
    r"(a|ann)@acme\.example",
    r"(?-i)ann@acme\.example",
    r"(a@b\.example)?ann@acme\.example",
    r"[a-z@]+acme\.example",
    r"[^@acme.example]+@.*",
    r"ann\@acme\.example",
    r"\Qann@acme.example\E",
    r"ann@acme\.example\z",
    "s@.*",
    ".*",
    "ann",
]


@given(st.lists(st.sampled_from(PATTERNS), max_size=8), st.sampled_from(LOCALS), st.sampled_from(DOMAINS))
def test_together_as_alone(texts: list[str], local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    alone = [
        number
        for number, text in enumerate(texts)
        if re.fullmatch(
            text.replace(r"\Qann@acme.example\E", r"ann@acme\.example").replace(r"\z", "").replace("(?-i)", ""),
            address,
            re.IGNORECASE | re.ASCII,
        )
    ]
    assert sorted(Patterns(texts).matching(address, domain)) == alone


def test_patterns_that_do_not_fit_into_one_set_are_tried_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_BUDGET", 1)
    assert Patterns(PATTERNS[:2]).matching("ann@acme.example", "acme.example") == [0, 1]


@pytest.mark.parametrize("pattern", ["(", "a)", "(?=a)", "a{1001}", "x" * 5000])
def test_what_re2_refuses_is_refused(pattern: str) -> None:
    assert refusal(pattern)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_re2_takes_is_taken(pattern: str) -> None:
    assert not refusal(pattern)
