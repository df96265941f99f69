"""Invalid expressions: refused before any data is read, with a position and a hint."""

import pytest

from reconciler.expressions.expression import compile_expression
from reconciler.expressions.values import ExpressionError

ROOTS = frozenset({"user", "row"})
CONSTANTS = {"vars": {"partners": ["Globex"], "n": 3}, "environment": "test"}


@pytest.mark.parametrize(
    ("text", "offset", "message", "suggestion"),
    [
        ("", 0, "empty", ""),
        (" \n ", 0, "empty", ""),
        ("usr.name", 0, "`usr` is not a known name here", "did you mean `user`?"),
        ('user.x == "é" and rwo.y', 18, "`rwo` is not a known name here", "did you mean `row`?"),
        ("\n  usr.name", 3, "`usr` is not a known name here", "did you mean `user`?"),
        ("item", 0, "`item` is not a known name here", "known names: `environment`, `row`, `user`, `vars`"),
        ("lower == 1", 0, "`lower` is a function", "write `lower(…)`"),
        ("true and lowr(user.x)", 9, "no function `lowr`", "did you mean `lower`?"),
        ("eval('1')", 0, "no function `eval`", "the functions are lower, upper"),
        ("vars.partnrs", 5, "`vars` has no key `partnrs`", "did you mean `partners`?"),
        ("vars.n.x", 7, "`vars.n` is a number", ""),
        ("vars.partners.x", 14, "`vars.partners` is a list", ""),
        ("lower()", 0, "lower() takes 1 argument, not 0", ""),
        ("split(user.a)", 0, "split() takes 2 arguments, not 1", ""),
        ("lower(1)", 6, "lower() takes a string; its argument is a number", ""),
        ('split(user.a, "")', 14, "the separator is an empty string", ""),
        ("starts_with(user.a, vars.n)", 20, "starts_with() takes a string; its second argument is a number", ""),
        ('matches(user.a, "(")', 16, "RE2 refuses the regular expression: missing )", ""),
        (r'matches(user.a, r"(a)\1")', 16, "invalid escape sequence", ""),
        (f'matches(user.a, "{"a" * 5000}")', 16, "longer than 4,096", ""),
        ('user.a in "abc"', 10, "`in` needs a list or a map on its right, not a string", "contains(text, piece)"),
        ("user.a in 5", 10, "`in` needs a list or a map on its right, not a number", ""),
        ('user.a and "x"', 11, "take conditions, not a string", "write a comparison"),
        ("not [1]", 4, "take conditions, not a list", "write a comparison"),
        ("user.a < vars.n < 5", 18, "comparisons cannot be chained", "`a < b and b < c`"),
        ("vars.n < 'x'", 0, "`<` compares two numbers or two strings", ""),
        ("user.a.lower()", 0, "no methods", "write lower(…)"),
        ("user.a()", 0, "no methods", ""),
        ("user.first-name", 0, "arithmetic is not supported", 'user["first-name"]'),
        ("user.a + 1", 7, "`+` is not part", "arithmetic is not supported"),
        ("-user.a", 0, "arithmetic is not supported", ""),
        ("user.a && user.b", 7, "`&` is not part", "write `and`"),
        ("user.a || user.b", 7, "`|` is not part", "write `or`"),
        ("!user.a", 0, "`!` is not part", "write `not`"),
        ("user.a = 1", 7, "`=` is not part", "write `==`"),
        ("lower(text=user.a)", 10, "`=` is not part", "arguments cannot be named"),
        ("lower(*user.a)", 6, "`*` is not part", ""),
        ("(user := 1)", 7, "`=` is not part", ""),
        ("user.a ? 1 : 2", 7, "`?` is not part", "default(value, fallback)"),
        ("user.a # plan", 7, "`#` is not part", "comments in YAML"),
        ("${{ user.a }}", 0, "`$` is not part", "without ${{ }}: `user.name`"),
        ("user.a == “x”", 10, "`“` is not part", "straight quotes"),
        ("user.naïve", 7, "`ï` is not part", 'user["…"]'),
        ("user.a\0", 6, "unprintable", ""),
        ("user.a == 'x", 10, "does not end", "with the same quote"),
        ("'a\nb'", 0, "does not end", ""),
        ('["a" "b"]', 5, "two strings side by side", "missing comma"),
        ('b"a"', 0, "begin with a quote", ""),
        ('f"{user}"', 0, "begin with a quote", ""),
        (r'"\d"', 0, "invalid escape sequence", 'write r"…"'),
        (r'"\ud800"', 0, "not valid Unicode", ""),
        ("None", 0, "`None` is not part", "did you mean `null`?"),
        ("user.a == True", 10, "`True` is not part", "did you mean `true`?"),
        ("user.a is null", 7, "`is` is not part", "write `==`"),
        ("1 if user.a else 2", 2, "`if` is not part", ""),
        ("lambda: 1", 0, "`lambda` is not part", ""),
        ("[x for x in user.a]", 3, "`for` is not part", ""),
        ("user.class == 1", 5, "`class` cannot follow a dot", 'write ["class"]'),
        ("0x10", 0, "as in JSON", ""),
        ("1_000", 0, "as in JSON", ""),
        ("1j", 0, "as in JSON", ""),
        (".5", 0, "as in JSON", ""),
        ("007", 0, "as in JSON", ""),
        ("1e999", 0, "too big", ""),
        ("9223372036854775808", 0, "too big", ""),
        ("9" * 5000, 0, "too big", ""),
        ("1, 2", 0, "a comma outside brackets", "[a, b]"),
        ("{1, 2}", 0, "sets are not supported", "[a, b]"),
        ("user.a[1:2]", 7, "slices are not supported", ""),
        ("user.a[1.5]", 0, "a key must be a string or a whole number, not a number", ""),
        ("user.a[true]", 0, "a key must be a string or a whole number, not a boolean", ""),
        ("...", 0, "ellipsis is not part", ""),
        ('{"a": 1, "a": 2}', 9, "`a` is given twice", ""),
        ("{1: 2}", 1, "strings in quotes", ""),
        ("user.a ==", 9, "does not parse", ""),
        ("(user.a", 0, "does not parse", ""),
        ("user.a)", 6, "does not parse", ""),
        ("user.a) or (user.b", 6, "does not parse", ""),
        ("user.a user.b", 7, "does not parse", ""),
        ("import os", 0, "`import` is not part", ""),
        ("user.a; user.b", 6, "`;` is not part", ""),
        ("default(lower(1), 2)", 14, "lower() takes a string", ""),
    ],
)
def test_refused(text: str, offset: int, message: str, suggestion: str) -> None:
    with pytest.raises(ExpressionError) as error:
        compile_expression(text, ROOTS, CONSTANTS)
    assert message.lower() in error.value.message.lower()
    assert suggestion in error.value.suggestion
    assert error.value.offset == offset
    assert error.value.message in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 30_000 + "1" + ")" * 30_000,
        "[" * 120 + "]" * 120,
        "not " * 15_000 + "true",
        "-" * 60_000 + "1",
        "user" + ".a" * 30_000,
        "user" + "[user.a" * 60 + "]" * 60,
        "user" + "[user.a]" * 200,
        "user" + "[0]" * 20_000,
        "lower(" * 90 + "user.a" + ")" * 90,
        '{"a": ' * 90 + "1" + "}" * 90,
        " and ".join(["user.a"] * 5_000),
        "user.a" + " < user.a" * 5_000,
        "user.a in [" + "1, " * 1_001 + "]",
        "a" * 65_536,
        "a" * 65_537,
        '"' + "a" * 65_536 + '"',
        '"' + "é" * 32_768 + '"',
        "9" * 60_000,
        "9" * 4_000,
        "1e" + "9" * 60_000,
        "user.a " * 9_000,
        '"' * 60_000,
        "\\" * 60_000,
        "r" * 60_000 + '"',
        f'matches(user.a, "{"(a{1,99})" * 400}")',
        'matches(user.a, "((((a{30}){30}){30}){30})")',
        'matches(user.a, "' + "(" * 2_000 + '")',
    ],
    ids=lambda text: f"{text[:12]}…{len(text)}",
)
def test_expressions_beyond_the_limits_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text, ROOTS, CONSTANTS)


def test_an_escape_that_python_does_not_know_is_refused() -> None:
    with pytest.raises(ExpressionError, match="does not parse") as error:
        compile_expression(r'"\N{nothing}"', ROOTS)
    assert 'write r"…"' in error.value.suggestion


def test_what_is_just_within_bounds_is_not_refused() -> None:
    compile_expression("user.a in [" + "1, " * 990 + "]", ROOTS)
    compile_expression("user" + ".a" * 900, ROOTS)
    compile_expression("[" * 50 + "]" * 50, ROOTS)
    compile_expression(" " * 60_000 + "user.a", ROOTS)
    compile_expression(" and ".join(["user.a"] * 400), ROOTS)
    assert compile_expression("-9223372036854775807", ROOTS).evaluate({}) == -9223372036854775807
