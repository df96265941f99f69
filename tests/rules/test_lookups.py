"""email_domain looked up in what organizations declare."""

import pytest

from reconciler.rules.evaluate import Decision, evaluate
from reconciler.rules.rule import Rules
from tests.rules_world import LISTED, given, held, organization, rule, rules, user

LOOKUP = """
    rules:
      - name: by-domain
        match: {email_domain: {organization: trusted_metadata.email_domains%s}%s}
        assign: [{organization: "${{ organization.name }}"}]
        %s
"""


def looked_up(*, more: str = "", match: str = "", rest: str = "") -> Rules:
    return rules(LOOKUP % (more, match, rest), organizations=LISTED)


def test_the_longest_listed_domain_wins() -> None:
    compiled = looked_up(more=", subdomains: true")
    assert given(compiled, user("ann@shop.eu.acme.example")) == {"eu": ()}
    assert given(compiled, user("ann@us.acme.example")) == {"acme": ()}
    assert not given(compiled, user("ann@notacme.example"))
    assert not given(compiled, user("ann@example"))


def test_without_subdomains_domains_are_exact() -> None:
    assert given(looked_up(), user("ann@eu.acme.example")) == {"eu": ()}
    assert not given(looked_up(), user("ann@us.acme.example"))


def test_every_address_is_looked_up_on_its_own() -> None:
    compiled = looked_up()
    one = user("first@elsewhere.example", "ann@globex.example", "ann@acme.example")
    memberships = {m.organization: m.addresses for m in evaluate(compiled, one).memberships}
    assert memberships == {
        "acme": ("ann@acme.example", "first@elsewhere.example", "ann@globex.example"),
        "globex": ("ann@globex.example", "first@elsewhere.example", "ann@acme.example"),
    }


def test_an_absent_organization_has_no_domains() -> None:
    assert evaluate(looked_up(), user("ann@gone.example")) == Decision()


def test_a_shared_domain_gives_nothing_and_is_reported_with_both_lines() -> None:
    compiled = looked_up()
    (problem,) = compiled.problems
    assert (problem.code, problem.severity, problem.users) == ("shared-domain", "warning", ())
    assert problem.message.startswith("both.example is listed by acme and globex")
    assert [str(at) for at in problem.at] == ["manifests/o.yaml:1:1", "manifests/o.yaml:3:1"]
    assert problem.addresses == ("Organization/acme", "Organization/globex")
    assigned = evaluate(compiled, user("ann@both.example"))
    assert held(assigned) == (["shared-domain"], ["acme", "globex"])
    assert not assigned.memberships
    assert not assigned.matched
    assert assigned.problems[0].users == ("user-1",)


def test_a_shared_domain_does_not_touch_the_other_addresses() -> None:
    assigned = evaluate(looked_up(), user("ann@both.example", "ann@eu.acme.example"))
    assert [m.organization for m in assigned.memberships] == ["eu"]
    assert assigned.matched


def test_shared_all_gives_it_to_each() -> None:
    compiled = looked_up(more=", shared: all")
    assert not compiled.problems
    assert given(compiled, user("ann@both.example")) == {"acme": (), "globex": ()}


def test_the_found_organization_can_be_read() -> None:
    compiled = looked_up(rest="when: organization.mfa_policy == 'OPTIONAL'")
    assert given(compiled, user("ann@acme.example", "ann@eu.acme.example")) == {"eu": ()}


NOBODYS = [
    "gmail.com",
    "Outlook.co.uk",
    "orange.es",
    "free.de",
    "co.uk",
    "github.io",
    "com",
    "att.com",
    "web.de",
    "yopmail.com",
]


@pytest.mark.parametrize("domain", NOBODYS)
def test_a_domain_of_nobody_in_particular_makes_nobody_a_member(domain: str) -> None:
    lists = (organization("acme", 1, trusted_metadata={"email_domains": ["acme.example", domain]}),)
    compiled = rules(lookup_rule(), organizations=lists)
    (problem,) = compiled.problems
    assert (problem.code, problem.severity, problem.users) == ("common-domain", "warning", ())
    assert domain.lower() in problem.message
    assigned = evaluate(compiled, user(f"ann@{domain}", "ann@acme.example"))
    nobody = (["common-domain"], ["acme"]) if "." in domain else ([], [])  # no address at all, and there is another
    assert held(assigned) == nobody
    assert not evaluate(compiled, user(f"ann@{domain}")).matched


@pytest.mark.parametrize("said", ["allow", "[att.com, ORANGE.com]"])
def test_a_rule_may_say_that_such_a_domain_is_somebodys_own(said: str) -> None:
    lists = (organization("acme", 1, trusted_metadata={"email_domains": ["att.com", "orange.com"]}),)
    compiled = rules(lookup_rule(said), organizations=lists)
    assert compiled.problems == ()
    assert given(compiled, user("ann@att.com")) == {"acme": ()}
    other = (organization("acme", 1, trusted_metadata={"email_domains": ["gmail.com"]}),)
    assert bool(given(rules(lookup_rule(said), organizations=other), user("ann@gmail.com"))) == (said == "allow")


def test_a_rule_that_names_such_a_domain_itself_says_so_and_is_warned_of() -> None:
    compiled = rules(rule("match: {email_domain: [gmail.com, acme.example]}"))
    assert given(compiled, user("ann@gmail.com")) == {"acme": ()}
    assert [one.code for one in compiled.warnings] == ["common-domain"]
    assert rules(rule("public_domains: [gmail.com], match: {email_domain: [gmail.com]}")).warnings == ()


def lookup_rule(public: str = "") -> str:
    said = f"public_domains: {public}, " if public else ""
    return rule(
        f"{said}match: {{email_domain: {{organization: trusted_metadata.email_domains}}}}", "'${{ organization.name }}'"
    )
