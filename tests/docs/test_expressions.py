"""docs/expressions.md: every example is run, and every function has one."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reconciler.expressions.expression import compile_expression
from reconciler.expressions.functions import FUNCTIONS
from reconciler.expressions.template import compile_template
from reconciler.expressions.values import UNKNOWN, ExpressionError, Mistyped

PAGE = (Path(__file__).parent.parent.parent / "docs" / "expressions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
DATA: dict[str, Any] = json.loads(next(body for language, body in BLOCKS if language == "json"))
ROOTS = frozenset({"user", "row"})
CONSTANTS = {name: DATA[name] for name in ("vars", "environment")}
EXAMPLES = [
    (language, *line.rsplit(" → ", 1))
    for language, body in BLOCKS
    if language in ("expression", "template")
    for line in body.splitlines()
]
WORDS = {"unknown", "problem", "error"}


def outcome(language: str, text: str) -> object:
    """Return the value of an example, or the word for its other results."""
    try:
        if language == "template":
            return compile_template(text.removeprefix('"').removesuffix('"'), ROOTS, CONSTANTS).render(DATA)
        value = compile_expression(text, ROOTS, CONSTANTS).evaluate(DATA)
    except ExpressionError:
        return "error"
    except Mistyped:
        return "problem"
    return "unknown" if value is UNKNOWN else value


@pytest.mark.parametrize(("language", "text", "expected"), EXAMPLES)
def test_example(language: str, text: str, expected: str) -> None:
    value = expected if expected in WORDS else json.loads(expected)
    assert json.dumps(outcome(language, text)) == json.dumps(value)  # as text, where true is not 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_an_example(name: str) -> None:
    assert any(f"{name}(" in text for _language, text, _expected in EXAMPLES)


def test_every_function_that_the_page_names_exists() -> None:
    assert set(re.findall(r"`([a-z_]+)\(", PAGE)) <= set(FUNCTIONS)
