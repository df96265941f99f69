"""What can be known to be wrong before any user is read: every mistake, where it is, and what was meant."""

from typing import Any

import pytest

from reconciler.errors import InvalidInput
from reconciler.model import Position
from tests.rules_world import member, organization, rule, rules, table

WORLD: dict[str, Any] = {
    "organizations": [
        organization("acme", 1, organization_name="Acme", organization_external_id="t-1"),
        organization("globex", 2, organization_name="Twin", trusted_metadata={"email_domains": ["globex.example"]}),
        organization("initech", 3, organization_name="Twin"),
        organization("gone", 4, ensure="absent"),
    ],
    "tables": [table("tenants", {"user": "user-1", "tenant": "acme", "list": ["x"]})],
    "variables": {"partners": ["Globex"], "roles": {"owner": "admin"}, "number": 3},
}

USER_ID = "match: {user_id: u}"
TRUSTED = "trusted_metadata"
LOOKUP = "match: {email_domain: {organization: trusted_metadata.%s}}"
FOUND = LOOKUP % "email_domains"
TABLE = "table: {name: %s, join: {%s: %s}}"
JOINED = TABLE % ("tenants", "user", "user.user_id")


def wrong(text: str, **world: Any) -> list[tuple[str, str, str, str]]:
    """Code, message, hint and first place of every error."""
    with pytest.raises(InvalidInput) as caught:
        rules(text, **{**WORLD, **world})
    assert all(problem.severity == "error" for problem in caught.value.problems)
    return [(one.code, one.message, one.hint, str(one.at[0])) for one in caught.value.problems]


@pytest.mark.parametrize(
    ("body", "organization", "code", "says", "hint", "there"),
    [
        (USER_ID, "acmee", "unknown-organization", "acmee", "did you mean acme?", "acmee"),
        (USER_ID, "gone", "absent-organization", "gone", "remove", "gone"),
        (USER_ID, "{name: acme}", "unknown-organization", "named acme", "did you mean Acme?", "acme"),
        (USER_ID, "{name: Twin}", "ambiguous-organization", "globex, initech", "slug", "Twin"),
        (USER_ID, "{external_id: t-2}", "unknown-organization", "t-2", "did you mean t-1?", "t-2"),
        (USER_ID, "{external_id: t-1, name: Acme}", "wrong-value", "by its slug", "keep one", "{external_id"),
        (USER_ID, "'${{ vars.partners }}'", "wrong-type", "list", "", "'${{ vars"),
        (USER_ID, "'${{ vars.partner }}'", "expression", "partner", "`partners`", "partner }}"),
        (USER_ID, "'${{ vars.partners[0] }}'", "unknown-organization", "Globex", "globex", "'${{ vars"),
        (USER_ID, "'${{ organization.name }}'", "expression", "organization", "", "organization.name"),
        (USER_ID, "'${{ item }}'", "expression", "`item`", "", "item }}"),
        (USER_ID, "'${{ row.tenant }}'", "expression", "`row`", "", "row.tenant"),
        (USER_ID, "'${{ usr.x }}'", "expression", "`usr`", "did you mean `user`?", "usr.x"),
        ("match: {email: acme.example}", "acme", "not-an-address", "", "email_domain", "acme.example"),
        ("match: {email_domain: '*.a.example'}", "acme", "not-a-domain", "*.a.example", "email_regex", "'*.a"),
        ("match: {email_domain: [a@a.example]}", "acme", "not-a-domain", "a@a.example", "acme.example", "a@a"),
        ("match: {email_regex: ['(', 'a']}", "acme", "regex", "RE2 refuses", "RE2", "'('"),
        ("match: {email_regex: '(?=a)b'}", "acme", "regex", "RE2 refuses", "RE2", "'(?=a)b'"),
        ("match: {metadata: {plan: a}}", "acme", "unknown-path", "plan", "did you mean trusted_metadata.plan?", "plan"),
        ("match: {metadata: {status: x}}", "acme", "unknown-path", "status", "`when`", "status"),
        (f"match: {{metadata: {{{TRUSTED}.x: {{a: 1}}}}}}", "acme", "wrong-type", "compared with", "`when`", "{a: 1}"),
        (
            f"match: {{metadata: {{un{TRUSTED}.x: 1}}}}",
            "acme",
            "untrusted",
            "users themselves",
            "untrusted: true",
            "un",
        ),
        (f"match: {{metadata: {{'{TRUSTED}.': 1}}}}", "acme", "expression", "", "", "'trusted"),
        (LOOKUP % "domains", "acme", "unknown-path", "domains", "did you mean email_domains?", "trusted_metadata.d"),
        ("when: 'user.status = 1'", "acme", "expression", "`=`", "`==`", "= 1"),
        (
            f"when: 'user.un{TRUSTED}.x == 1'",
            "acme",
            "untrusted",
            f"`user.un{TRUSTED}.x`",
            "untrusted: true",
            "user.un",
        ),
        ("when: 'user.name.x == 1'", "acme", "untrusted", "`user.name.x`", "trusted_metadata", "user.name"),
        ("when: 'user[user.user_id] == 1'", "acme", "untrusted", "`user`", "untrusted: true", "user[user"),
        ("when: 'matches(user.user_id, \"(\")'", "acme", "expression", "RE2", "", '"("'),
        ("when: 'row.tenant == 1'", "acme", "expression", "`row`", "", "row.tenant"),
        ("when: 'vars.partner == 1'", "acme", "expression", "partner", "`partners`", "partner =="),
        (f"each: user.un{TRUSTED}.x", "acme", "untrusted", "users themselves", "", "user.un"),
        ("each: 'split(item, \",\")'", "acme", "expression", "`item`", "", "item,"),
        (
            TABLE % ("tenant", "user", "user.user_id"),
            "acme",
            "unknown-table",
            "tenant",
            "did you mean tenants?",
            "tenant,",
        ),
        (TABLE % ("tenants", "usr", "user.user_id"), "acme", "unknown-column", "usr", "did you mean user?", "usr:"),
        (TABLE % ("tenants", "user", "user.name.x"), "acme", "untrusted", "users themselves", "", "user.name"),
        (TABLE % ("tenants", "user", "usr"), "acme", "expression", "`usr`", "`user`", "usr}"),
        (JOINED, "'${{ row.tenat }}'", "unknown-column", "tenat", "did you mean tenant?", "row.tenat"),
        (FOUND, "'${{ organization.nam }}'", "unknown-field", "nam", "did you mean name?", "organization.nam"),
        (FOUND, "{name: '${{ organization.name }}'}", "wrong-value", "slug", "${{ organization.name }}", "'${{ org"),
    ],
)
def test_a_mistake_is_named_where_it_is(
    body: str, organization: str, code: str, says: str, hint: str, there: str
) -> None:
    ((found, message, advice, at),) = wrong(rule(body, organization))
    assert found == code
    assert says in message
    assert hint in advice
    file, line, column = at.split(":")
    assert (file, line) == ("rules/r.yaml", "5")
    assert f"  {rule(body, organization)}"[int(column) - 1 :].startswith(there)


@pytest.mark.parametrize(
    ("entry", "code", "says"),
    [
        ("roles: ['${{ user.untrusted_metadata.role }}']", "untrusted", "users themselves"),
        ("initial: {roles: ['${{ user.name.role }}']}", "untrusted", "users themselves"),
        ("roles: ['${{ user.x. }}']", "expression", ""),
        ("roles: [stytch_member]", "role", "every member has"),
        ("roles: '${{ vars.number }}'", "wrong-type", "list of role ids"),
        ("roles: ['${{ vars.roles.ownr }}']", "expression", "ownr"),
        ("name: '${{ vars.number }}'", "wrong-type", "name"),
        ("name: 'x ${{ user.name.first }'", "expression", "no `}}`"),
        ("trusted_metadata: {reconciler: {v: 1}}", "reserved-key", "own mark"),
        ("trusted_metadata: {a: {b: ['${{ nope }}']}}", "expression", "`nope`"),
    ],
)
def test_a_mistake_in_what_is_given(entry: str, code: str, says: str) -> None:
    ((found, message, _hint, at),) = wrong(rule("match: {user_id: u}", roles=f", {entry}"))
    assert found == code
    assert says in message
    assert at.startswith("rules/r.yaml:5:")


def test_untrusted_true_permits_what_users_write_everywhere_in_the_rule() -> None:
    text = """
    rules:
      - name: r
        untrusted: true
        match: {metadata: {untrusted_metadata.x: 1}}
        table: {name: tenants, join: {user: user.name.x}}
        each: user.untrusted_metadata.tenants
        when: user.untrusted_metadata.y == 1
        assign: [{organization: "${{ user.name.org }}", roles: ["${{ user.untrusted_metadata.role }}"]}]
    """
    (compiled,) = rules(text, **WORLD).rules
    assert compiled.untrusted


def test_every_problem_of_every_document_comes_at_once_in_order() -> None:
    found = wrong(
        """
        except: [{}, {email: nobody}]
        rules:
          - {name: r, match: {email_regex: '('}, when: 'x', assign: [{organization: nope}, {organization: nope2}]}
          - {name: r, match: {user_id: u}, assign: [{organization: acme}]}
        """
    )
    assert [(code, at.removeprefix("rules/r.yaml:")) for code, _message, _hint, at in found] == [
        ("no-condition", "5:12"),
        ("not-an-address", "5:24"),
        ("regex", "7:38"),
        ("expression", "7:51"),
        ("unknown-organization", "7:79"),
        ("unknown-organization", "7:101"),
        ("duplicate", "8:14"),
    ]


def test_a_bad_domain_that_an_organization_lists_is_named_where_it_stands() -> None:
    lookup = "match: {email_domain: {organization: trusted_metadata.email_domains}}"
    for value, says in (("@acme.example", "'@acme.example'"), (3, "a number"), (None, "null")):
        listed = [organization("acme", 9, trusted_metadata={"email_domains": ["acme.example", value]})]
        ((code, message, _hint, at),) = wrong(rule(lookup), organizations=listed)
        assert (code, at) == ("not-a-domain", "manifests/o.yaml:9:1")
        assert says in message


def test_a_cell_that_is_no_text_cannot_be_joined_by() -> None:
    ((code, _message, _hint, at),) = wrong(rule("table: {name: tenants, join: {list: user.user_id}}"))
    assert (code, at) == ("wrong-type", "tenants.csv:2:1")


def test_the_configured_external_id_is_checked() -> None:
    ((code, message, _hint, at),) = wrong(rule("match: {user_id: u}"), external_id="user.")
    assert code == "expression"
    assert message.startswith("members.external_id")
    assert at == str(Position("reconciler.yaml", 1))


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("match: {verified: any}", "no-condition", "matches every user"),
        ("fallback: user", "no-condition", "matches every user"),
        ("match: {email: []}", "matches-nobody", "email lists nothing"),
        ("match: {metadata: {trusted_metadata.plan: []}}", "matches-nobody", "trusted_metadata.plan lists nothing"),
        ("when: 'user.trusted_metdata.x == 1'", "unknown-field", "no field trusted_metdata"),
    ],
)
def test_what_is_odd_but_possible_is_a_warning(body: str, code: str, says: str) -> None:
    (warning,) = rules(rule(body), **WORLD).warnings
    assert (warning.code, warning.severity) == (code, "warning")
    assert says in warning.message


def test_a_rule_about_everybody_that_says_so_is_no_warning() -> None:
    assert rules(rule("when: 'true'"), **WORLD).warnings == ()


def test_members_by_hand_and_other_environments_need_no_rules() -> None:
    assert rules(members=[member("acme", "a@a.example")], elsewhere=["x"]).causes == ()
