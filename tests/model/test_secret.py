"""A sealed value gives its secret to whoever asks for it, and shows it to nobody else."""

import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import inspect, pretty
from rich.console import Console

from reconciler.model.secret import Sealed, generate

CANARY = "canary-3f9c-not-to-be-seen"


def by_rich(value: object) -> str:
    shown = io.StringIO()
    inspect(value, console=Console(file=shown, width=200), all=True)
    return pretty.pretty_repr([value]) + shown.getvalue()


def by_a_log(value: object) -> str:
    record = logging.LogRecord("name", logging.INFO, "", 0, "%s %r %s", (value, value, [value]), None)
    return logging.Formatter().format(record)


def by_a_traceback(value: object) -> str:
    try:
        pickle.dumps([value])
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return ""


SHOWN: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda value: f"{value} {value!r} {value!s:>40}",
    "in a container": lambda value: f"{[value]} { ({'key': value}) }",
    "dir": lambda value: " ".join(f"{name}={getattr(value, name)}" for name in type(value).__slots__),
    "rich": by_rich,
    "a log": by_a_log,
    "a traceback with its variables": by_a_traceback,
}
REFUSED: dict[str, Callable[[Any], object]] = {
    "pickle": pickle.dumps,
    "json": json.dumps,
    "msgspec's JSON": msgspec.json.encode,
    "msgspec's MessagePack": msgspec.msgpack.encode,
    "builtins": msgspec.to_builtins,
    "hash": hash,
}


def test_it_gives_what_it_was_given() -> None:
    assert Sealed(CANARY).reveal() == CANARY


def test_it_tells_the_last_four_characters_as_stytch_does() -> None:
    assert Sealed(CANARY).last_four == "seen"


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_nothing_shows_it(shown: Callable[[Any], str]) -> None:
    text = shown(Sealed(CANARY))
    assert text
    assert CANARY not in text


@pytest.mark.parametrize("encode", REFUSED.values(), ids=REFUSED)
def test_nothing_encodes_it(encode: Callable[[Any], object]) -> None:
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as raised:
        encode(Sealed(CANARY))
    assert CANARY not in f"{raised.value!r} {raised.value.args}"


@given(st.text(), st.text())
def test_two_are_equal_if_their_secrets_are(one: str, other: str) -> None:
    assert (Sealed(one) == Sealed(other)) == (one == other)
    assert Sealed(one) == Sealed(one)
    assert copy.deepcopy(Sealed(one)) == Sealed(one)


def test_it_equals_no_text() -> None:
    assert (Sealed(CANARY) == CANARY) is False


def test_generated_secrets_are_long_and_never_the_same() -> None:
    made = [generate().reveal() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {len(text) for text in made} == {48}
    # Each of the 64 characters is as likely as any other: of 48,000 about 750 are of each, give or take 27.
    assert all(500 < sum(text.count(character) for text in made) < 1000 for character in "aZ09-_")
