"""What is known of a whole set of rules before the first user."""

import pytest

from tests.rules_world import ROUNDS, THREE, rule, rules, table


def test_causes_name_file_line_and_rule() -> None:
    compiled = rules(ROUNDS, organizations=THREE)
    assert [(cause.rule, cause.file, cause.line) for cause in compiled.causes] == [
        ("first", "rules/r.yaml", 11),
        ("odd", "rules/r.yaml", 12),
        ("odd-acme", "rules/r.yaml", 15),
        ("wide", "rules/r.yaml", 7),
        ("lobby", "rules/r.yaml", 6),
    ]


def test_the_fields_that_are_read_are_known() -> None:
    compiled = rules(
        rule(
            "match: {external_id: x, metadata: {trusted_metadata.a: 1}}, when: 'user.status == \"active\"', "
            "table: {name: t, join: {a: 'user.roles[0]'}}",
            roles=", name: '${{ user.name.first_name }}'",
        ),
        tables=[table("t", {"a": "x"})],
        external_id="default(user.created_at, user.user_id)",
    )
    assert compiled.user_fields == {
        *("user_id", "emails", "external_id", "trusted_metadata", "status", "roles", "name", "created_at"),
    }
    assert [str(at) for at in compiled.reads["status"]] == ["rules/r.yaml:5:88"]


def test_the_fields_are_all_where_a_user_is_read_whole() -> None:
    compiled = rules(rule("untrusted: true, when: 'user[user.trusted_metadata.field] == 1'"))
    assert {"status", "phone_numbers", "untrusted_metadata"} <= compiled.user_fields


@pytest.mark.parametrize(
    ("entry", "gives"),
    [
        ("", False),
        (", roles: [a]", True),
        (", roles: '${{ user.trusted_metadata.r }}'", True),
        (", initial: {roles: [a]}", True),
    ],
)
def test_it_is_known_whether_any_rule_gives_a_role(entry: str, *, gives: bool) -> None:
    assert rules(rule("match: {user_id: user-1}", roles=entry)).gives_roles is gives
