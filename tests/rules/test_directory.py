"""Which organization an assignment names, and the proof that it is meant."""

from typing import Any

import pytest

from reconciler.rules.evaluate import Decision, evaluate
from tests.rules_world import BY_ID, LISTED, given, held, organization, rule, rules, user


def test_an_organization_is_named_by_slug_name_or_external_id() -> None:
    for text, slug in (("globex", "globex"), ("{name: 'Acme, Inc'}", "acme"), ("{external_id: t-2}", "globex")):
        assert given(rules(rule("match: {user_id: user-1}", text), organizations=BY_ID), user("a@a.example")) == {
            slug: ()
        }
    computed = rules(rule("each: user.trusted_metadata.names", "{name: '${{ item }}'}"), organizations=BY_ID)
    assert given(computed, user("a@a.example", trusted_metadata={"names": ["Globex"]})) == {"globex": ()}


def named(value: object, text: str = "'${{ user.trusted_metadata.tenant }}'", **world: Any) -> Decision:
    return evaluate(
        rules(rule("match: {user_id: user-1}", text), **world), user("a@a.example", trusted_metadata={"tenant": value})
    )


def test_a_computed_organization_that_is_declared_nowhere_is_that_users_problem() -> None:
    assigned = named("nowhere")
    assert held(assigned) == (["unknown-organization"], [None])
    assert assigned.problems[0].addresses == ("Organization/nowhere",)


@pytest.mark.parametrize("value", [None, ""])
def test_a_computed_organization_that_is_nothing_is_a_problem(value: object) -> None:
    assert held(named(value)) == (["null-organization"], [None])


@pytest.mark.parametrize("value", [["acme"], {"a": "acme"}])
def test_a_computed_organization_of_the_wrong_type_is_a_problem(value: object) -> None:
    assert held(named(value)) == (["mistyped"], [None])


def test_an_absent_organization_is_a_problem_where_it_is_computed() -> None:
    assert held(named("gone", organizations=LISTED)) == (["absent-organization"], ["gone"])


def test_an_external_organization_may_be_named() -> None:
    assert [m.organization for m in named("globex", organizations=LISTED).memberships] == ["globex"]


def test_a_name_that_two_organizations_have_is_a_problem() -> None:
    twins = (organization("a1", organization_name="Acme"), organization("a2", organization_name="Acme"))
    assert held(named("Acme", "{name: '${{ user.trusted_metadata.tenant }}'}", organizations=twins)) == (
        ["ambiguous-organization"],
        [None],
    )


@pytest.mark.parametrize("text", ["other", "'%s'", "{name: Other}", "{name: '%s'}", "{external_id: t-7}"])
def test_an_organization_of_another_environment_gives_nothing_and_is_no_problem(text: str) -> None:
    other = organization("other", organization_name="Other", organization_external_id="t-7")
    value = "Other" if "name" in text else "other"
    template = text.replace("%s", "${{ user.trusted_metadata.tenant }}")
    assert named(value, template, elsewhere=[other]) == Decision(matched=True)
    assert named("other", "'${{ user.trusted_metadata.tenant }}'", elsewhere=["other"]) == Decision(matched=True)


SLUGIFIED = "'${{ slugify(user.trusted_metadata.tenant) }}'"
NAMES = (
    organization("acme-inc", organization_name="Acme, Inc."),
    organization("initech", organization_name="Initech GmbH"),
)


@pytest.mark.parametrize("value", ["Acme, Inc.", " ACME, INC. ", "acme-inc", "Acme-Inc"])
def test_slugify_leads_to_an_organization_whose_name_or_slug_it_was(value: str) -> None:
    assert [m.organization for m in named(value, SLUGIFIED, organizations=NAMES).memberships] == ["acme-inc"]


@pytest.mark.parametrize("value", ["Acme Inc", "Initech!"])
def test_a_lucky_slug_gives_nothing(value: str) -> None:
    assigned = named(value, SLUGIFIED, organizations=NAMES)
    assert [problem.code for problem in assigned.problems] == ["unproven-slug"]
    assert set(assigned.undecided) <= {"acme-inc", "initech"}
    assert not assigned.memberships


def test_slugify_is_proven_wherever_it_stands_in_the_name() -> None:
    prefixed = (organization("t-acme", organization_name="Acme"),)
    text = "'t-${{ slugify(user.trusted_metadata.tenant) }}'"
    assert [m.organization for m in named("Acme", text, organizations=prefixed).memberships] == ["t-acme"]
    assert held(
        named(
            "Ac me",
            "'t-${{ default(slugify(user.trusted_metadata.tenant), \"x\") }}'",
            organizations=(organization("t-ac-me", organization_name="Acme"),),
        )
    ) == (["unproven-slug"], ["t-ac-me"])
