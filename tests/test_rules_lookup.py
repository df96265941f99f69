"""email_domain looked up in what organizations declare."""

from reconciler.rules import Assigned, Rules, assign
from tests.rules_world import LISTED, given, held, rules, user

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
    memberships = {m.organization: m.addresses for m in assign(compiled, one).memberships}
    assert memberships == {
        "acme": ("ann@acme.example", "first@elsewhere.example", "ann@globex.example"),
        "globex": ("ann@globex.example", "first@elsewhere.example", "ann@acme.example"),
    }


def test_an_absent_organization_has_no_domains() -> None:
    assert assign(looked_up(), user("ann@gone.example")) == Assigned()


def test_a_shared_domain_gives_nothing_and_is_reported_with_both_lines() -> None:
    compiled = looked_up()
    (problem,) = compiled.problems
    assert (problem.code, problem.severity, problem.user) == ("shared-domain", "warning", "")
    assert problem.message.startswith("both.example is listed by acme and globex")
    assert [str(at) for at in problem.at] == ["manifests/o.yaml:1:1", "manifests/o.yaml:3:1"]
    assert problem.addresses == ("Organization/acme", "Organization/globex")
    assigned = assign(compiled, user("ann@both.example"))
    assert held(assigned) == (["shared-domain"], ["acme", "globex"])
    assert not assigned.memberships
    assert not assigned.matched
    assert assigned.problems[0].user == "user-1"


def test_a_shared_domain_does_not_touch_the_other_addresses() -> None:
    assigned = assign(looked_up(), user("ann@both.example", "ann@eu.acme.example"))
    assert [m.organization for m in assigned.memberships] == ["eu"]
    assert assigned.matched


def test_shared_all_gives_it_to_each() -> None:
    compiled = looked_up(more=", shared: all")
    assert not compiled.problems
    assert given(compiled, user("ann@both.example")) == {"acme": (), "globex": ()}


def test_the_found_organization_can_be_read() -> None:
    compiled = looked_up(rest="when: organization.mfa_policy == 'OPTIONAL'")
    assert given(compiled, user("ann@acme.example", "ann@eu.acme.example")) == {"eu": ()}
