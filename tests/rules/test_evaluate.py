"""when, each and table: conditions, and the cases in which a rule is about a user."""

import pytest

from reconciler.rules.evaluate import Decision, evaluate
from reconciler.rules.rule import Rules
from tests.rules_world import BY_ID, given, held, only, rule, rules, table, user


def test_unknown_does_not_match() -> None:
    compiled = rules(rule("when: 'user.trusted_metadata.plan != \"gold\"'"))
    assert evaluate(compiled, user("a@a.example")) == Decision()
    assert given(compiled, user("a@a.example", trusted_metadata={"plan": "silver"})) == {"acme": ()}


def test_vars_and_environment_are_constants() -> None:
    compiled = rules(
        rule("when: 'user.trusted_metadata.employer in vars.partners and environment == \"test\"'"),
        variables={"partners": ["Globex"]},
    )
    assert given(compiled, user("a@a.example", trusted_metadata={"employer": "Globex"})) == {"acme": ()}
    assert not given(compiled, user("a@a.example", trusted_metadata={"employer": "Initech"}))


def test_a_wrong_type_is_a_problem_of_that_user_and_leaves_the_organization_open() -> None:
    compiled = rules(rule("when: 'user.trusted_metadata.seats > 2'"))
    assigned = evaluate(compiled, user("a@a.example", trusted_metadata={"seats": "many"}))
    assert held(assigned) == (["mistyped"], ["acme"])
    assert "many" not in assigned.problems[0].message
    assert [str(at) for at in assigned.problems[0].at] == ["rules/r.yaml:5:27"]


def test_a_wrong_type_leaves_everything_open_where_the_organization_is_computed() -> None:
    compiled = rules(rule("when: 'user.trusted_metadata.seats > 2'", "'${{ user.trusted_metadata.tenant }}'"))
    assert held(evaluate(compiled, user("a@a.example", trusted_metadata={"seats": "many"}))) == (["mistyped"], [None])


@pytest.mark.parametrize(
    "body",
    [
        "when: 'user.trusted_metadata.seats > 2 and user.trusted_metadata.plan == \"gold\"'",
        "when: 'user.trusted_metadata.plan == \"gold\" and user.trusted_metadata.seats > 2'",
        "when: 'user.trusted_metadata.seats > 2', match: {metadata: {trusted_metadata.plan: gold}}",
        "when: 'user.trusted_metadata.plan == \"gold\"', match: {metadata: {trusted_metadata.seats.x: 1}}",
        "when: 'user.trusted_metadata.seats > 2', match: {email: b@b.example}",
        "when: 'user.trusted_metadata.plan == \"gold\"', table: {name: t, join: {a: user.trusted_metadata}}",
    ],
)
def test_a_wrong_type_does_not_matter_where_something_else_says_no(body: str) -> None:
    compiled = rules(rule(body), tables=[table("t", {"a": "x"})])
    assert evaluate(compiled, user("a@a.example", trusted_metadata={"seats": "many", "plan": "silver"})) == Decision()


def test_a_problem_leaves_the_memberships_of_other_rules_standing() -> None:
    compiled = rules(
        """
        rules:
          - {name: a, when: 'user.trusted_metadata.seats > 2', assign: [{organization: acme}]}
          - {name: b, match: {user_id: user-1}, assign: [{organization: globex}]}
        """
    )
    assigned = evaluate(compiled, user("a@a.example", trusted_metadata={"seats": "many"}))
    assert [m.organization for m in assigned.memberships] == ["globex"]
    assert list(assigned.undecided) == ["acme"]


def test_each_gives_one_membership_an_item() -> None:
    compiled = rules(rule("each: user.trusted_metadata.tenants", "'${{ item }}'"))
    assert given(compiled, user("a@a.example", trusted_metadata={"tenants": ["acme", "globex"]})) == {
        "acme": (),
        "globex": (),
    }


@pytest.mark.parametrize("metadata", [None, {}, {"tenants": None}, {"tenants": []}])
def test_each_over_nothing_gives_nothing(metadata: object) -> None:
    compiled = rules(rule("each: user.trusted_metadata.tenants", "'${{ item }}'"))
    assert evaluate(compiled, user("a@a.example", trusted_metadata=metadata)) == Decision()


def test_each_over_what_is_no_list_is_a_problem() -> None:
    compiled = rules(rule("each: user.trusted_metadata.tenants", "'${{ item }}'"))
    assigned = evaluate(compiled, user("a@a.example", trusted_metadata={"tenants": "acme"}))
    assert held(assigned) == (["mistyped"], [None])


TENANTS = table(
    "tenants",
    {"user": "user-1", "tenant": "t-1", "role": "owner", "active": "yes", "number": 7},
    {"user": "user-1", "tenant": "t-2", "role": "staff", "active": "no", "number": 8},
    {"user": None, "tenant": "t-1", "role": "owner", "active": "yes", "number": 9},
    {"user": "user-2", "tenant": "t-9", "role": "owner", "active": "yes", "number": True},
)


def joined(join: str = "user: user.user_id", rest: str = "", roles: str = '"${{ vars.roles[row.role] }}"') -> Rules:
    return rules(
        f"""
        rules:
          - name: app
            table: {{name: tenants, join: {{{join}}}}}
            {rest}
            assign: [{{organization: {{external_id: "${{{{ row.tenant }}}}"}}, roles: [{roles}]}}]
        """,
        organizations=BY_ID,
        tables=[TENANTS],
        variables={"roles": {"owner": "stytch_admin", "staff": "editor"}},
    )


def test_each_row_that_joins_gives_a_membership() -> None:
    assert given(joined(), user("a@a.example")) == {"acme": ("stytch_admin",), "globex": ("editor",)}


def test_a_null_cell_never_joins() -> None:
    compiled = joined("user: user.trusted_metadata.nothing")
    assert evaluate(compiled, user("a@a.example")) == Decision()


def test_a_table_joins_as_text() -> None:
    assert given(joined("number: user.trusted_metadata.n"), user("a@a.example", trusted_metadata={"n": "7"})) == {
        "acme": ("stytch_admin",)
    }
    assert given(joined("user: user.trusted_metadata.n"), user("a@a.example", trusted_metadata={"n": 7})) == {}


def test_several_columns_must_all_join() -> None:
    compiled = joined("user: user.user_id, role: user.trusted_metadata.role")
    assert given(compiled, user("a@a.example", trusted_metadata={"role": "staff"})) == {"globex": ("editor",)}


def test_a_list_joins_by_any_of_its_items() -> None:
    compiled = joined("tenant: user.trusted_metadata.tenants")
    assert given(compiled, user("a@a.example", trusted_metadata={"tenants": ["t-2", None, "t-0"]})) == {
        "globex": ("editor",)
    }


def test_a_map_is_nothing_to_join_by() -> None:
    assigned = evaluate(joined("tenant: user.trusted_metadata"), user("a@a.example", trusted_metadata={"a": "t-1"}))
    assert held(assigned) == (["mistyped"], [None])


def test_when_can_ask_each_row() -> None:
    assert given(joined(rest="when: 'row.active == \"yes\"'"), user("a@a.example")) == {"acme": ("stytch_admin",)}


def test_each_and_table_give_their_product() -> None:
    compiled = rules(
        rule(
            "table: {name: t, join: {user: user.user_id}}, each: 'split(row.slugs, \";\")'",
            "'${{ item }}'",
            ", roles: ['${{ row.role }}']",
        ),
        tables=[
            table(
                "t",
                {"user": "user-1", "slugs": "acme;globex", "role": "a"},
                {"user": "user-1", "slugs": "acme", "role": "b"},
            )
        ],
    )
    assert given(compiled, user("a@a.example")) == {"acme": ("a", "b"), "globex": ("a",)}


def test_a_row_of_an_unknown_organization_is_named_with_its_line() -> None:
    assigned = evaluate(joined(), user("a@a.example", user_id="user-2"))
    assert held(assigned) == (["unknown-organization"], [None])
    (problem,) = assigned.problems
    assert "external id t-9" in problem.message
    assert str(problem.at[1]) == "tenants.csv:5:1"


def test_the_address_that_joined_comes_first() -> None:
    rows = table("t", {"email": " Second@acme.example", "slug": "acme"})
    compiled = rules(rule("table: {name: t, join: {email: user.emails}}", "'${{ row.slug }}'"), tables=[rows])
    assert only(compiled, user("first@a.example", "second@acme.example")).addresses == (
        "second@acme.example",
        "first@a.example",
    )
