"""What matched nobody, once every user went through."""

from typing import Any

import pytest

from reconciler.rules.evaluate import evaluate
from reconciler.rules.rule import Rules
from tests.rules_world import organization, rules, table, user

ANN = user("ann@acme.example", user_id="u-1", external_id="e-1", trusted_metadata={"plan": "gold"})
BOB = user("bob@globex.example", user_id="u-2", external_id="E-2", trusted_metadata={"plan": "free"})


def unused(compiled: Rules, *people: dict[str, Any]) -> list[tuple[str, list[int]]]:
    """The messages of all warnings, and the lines they name."""
    for one in people:
        evaluate(compiled, one)
    return [(one.message, [place.line for place in one.at]) for one in compiled.unused()]


def test_rules_and_values_that_match_nobody() -> None:
    text = """
    rules:
      - {name: nobody, match: {email: [gone@acme.example]}, assign: [{organization: acme}]}
      - name: some
        match:
          email:
            - Ann@ACME.example
            - left@acme.example
            - gone@acme.example
        assign: [{organization: acme}]
      - name: all
        match: {email_domain: [acme.example, globex.example], metadata: {trusted_metadata.plan: [gold, free]}}
        assign: [{organization: acme}]
      - name: keys
        match:
          user_id: [u-1, u-2, u-9]
          external_id: [e-1, E-2, e-9]
          email_regex: ['.*@acme\\.example', '.*@globex\\.example', 'x.*']
          metadata: {trusted_metadata.plan: [gold, free, silver]}
        assign: [{organization: acme}]
    """
    assert unused(rules(text), ANN, BOB) == [
        ("the rule nobody matches nobody", [6]),
        ("2 of 3 values of email in the rule some match nobody", [11, 12]),
        ("1 of 3 values of email_regex in the rule keys match nobody", [21]),
        ("1 of 3 values of external_id in the rule keys match nobody", [20]),
        ("1 of 3 values of user.trusted_metadata.plan in the rule keys match nobody", [22]),
        ("1 of 3 values of user_id in the rule keys match nobody", [19]),
    ]


def test_exceptions_that_except_nobody() -> None:
    text = """
    except:
      - {email_domain: [acme.example]}
      - {user_id: [u-1, u-9]}
      - {metadata: {trusted_metadata.plan: silver}}
    rules: [{name: r, when: "true", assign: [{organization: acme}]}]
    """
    assert unused(rules(text), ANN, BOB) == [
        ("1 of 2 values of user_id in this exception match nobody", [7]),
        ("this exception matches nobody", [8]),
    ]


@pytest.mark.parametrize(
    "exception",
    [
        "email: [bob@globex.example]",
        "email_domain: globex.example",
        "email_regex: 'b.*'",
        "user_id: u-2",
        "external_id: E-2",
        "metadata: {trusted_metadata.plan: free}",
        "user_id: [u-1, u-2]",
        "email: two@globex.example",
    ],
)
def test_an_exception_is_about_somebody_to_whom_no_rule_gives_anything(exception: str) -> None:
    text = f"""
    except: [{{{exception}}}]
    rules: [{{name: r, match: {{email_domain: [acme.example]}}, assign: [{{organization: acme}}]}}]
    """
    two = user("?two@globex.example", user_id="u-3")
    assert unused(rules(text), ANN, BOB, two) == []


def test_rows_about_people_whom_a_rule_does_not_ask_join_them_all_the_same() -> None:
    text = """
    rules:
      - name: gold
        match: {metadata: {trusted_metadata.plan: gold}}
        table: {name: t, join: {id: user.external_id}}
        assign: [{organization: acme}]
      - name: rest
        fallback: user
        table: {name: u, join: {id: user.external_id}}
        assign: [{organization: acme}]
      - name: never
        when: user.trusted_metadata.plan == "gold"
        table: {name: v, join: {id: user.external_id}}
        assign: [{organization: acme}]
    """
    tables = [table(name, {"id": "e-1"}, {"id": "E-2"}) for name in ("t", "u", "v")]
    assert unused(rules(text, tables=tables), ANN, BOB) == []


def test_a_fallback_that_was_never_needed_is_none_of_them() -> None:
    text = """
    except: [{user_id: u-1}]
    rules:
      - {name: first, match: {email_domain: [acme.example]}, assign: [{organization: acme}]}
      - {name: rest, fallback: user, when: "true", assign: [{organization: globex}]}
    """
    assert unused(rules(text), ANN) == []


@pytest.mark.parametrize(
    ("cell", "how"),
    [
        ("E-1", "case"),
        ("00e-1", "leading zeros"),
        ("e -1", "spaces inside"),
        ("e\u200b-1", "characters that look alike or are invisible"),
        ("\uff45-1", "characters that look alike or are invisible"),
    ],
)
def test_a_row_that_almost_joins(cell: str, how: str) -> None:
    compiled = rules(
        "rules: [{name: r, table: {name: t, join: {id: user.external_id}}, assign: [{organization: acme}]}]",
        tables=[table("t", {"id": "e-7"}, {"id": cell}, {"id": "E-2"})],
    )
    for one in (ANN, BOB):
        evaluate(compiled, one)
    rows, users = list(compiled.unused())[:2]
    assert (rows.code, rows.message) == ("unjoined-rows", "2 of 3 rows of the table t join no user")
    assert rows.hint == f"t.csv:3:1 differs only by {how} from a user's value"
    assert ([place.line for place in rows.at], rows.users) == ([3, 2], ("u-1",))
    assert (users.code, users.users, users.hint) == ("unnamed-users", ("u-1",), rows.hint)


def test_a_row_that_almost_joins_in_one_of_its_columns() -> None:
    text = """
    rules: [{name: r, table: {name: t, join: {id: user.external_id, plan: user.trusted_metadata.plan}},
             assign: [{organization: acme}]}]
    """
    compiled = rules(text, tables=[table("t", {"id": "e-1", "plan": "blue"}, {"id": "E-1", "plan": "gold"})])
    evaluate(compiled, ANN)
    rows = next(compiled.unused())
    assert rows.message == "2 of 2 rows of the table t join no user"
    assert rows.hint == "t.csv:3:1 differs only by case from a user's value"


def test_a_row_that_names_an_address_that_nobody_verified() -> None:
    text = "rules: [{name: r, table: {name: t, join: {to: user.emails}}, assign: [{organization: acme}]}]"
    compiled = rules(text, tables=[table("t", {"to": "Two@ACME.example"})])
    evaluate(compiled, user("?two@acme.example", user_id="u-3"))
    rows = next(compiled.unused())
    assert rows.hint == "t.csv:2:1 names a user's address that is not verified"


def test_a_row_joins_somebody_if_any_rule_joins_it() -> None:
    text = """
    rules:
      - {name: a, table: {name: t, join: {id: user.external_id}}, assign: [{organization: acme}]}
      - {name: b, table: {name: t, join: {email: user.emails}}, assign: [{organization: acme}]}
    """
    rows = {"id": "e-1", "email": None}, {"id": None, "email": "BOB@globex.example"}
    assert unused(rules(text, tables=[table("t", *rows)]), ANN, BOB) == []


def test_every_organization_and_lookup_is_left_alone() -> None:
    text = """
    rules:
      - name: r
        match: {email_domain: {organization: trusted_metadata.domains}}
        assign: [{organization: "${{ organization.name }}"}]
    """
    lists = (organization("acme", trusted_metadata={"domains": ["acme.example"]}), organization("globex"))
    assert unused(rules(text, organizations=lists), ANN, BOB) == []
