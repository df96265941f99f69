"""Large plans stay short to read, and Markdown stays within what GitHub takes."""

import pytest
from msgspec import structs

from reconciler.model import Cause, Change, Cost, Create, Delete, FieldChange, Plan, Problem
from reconciler.plan.order import finish
from reconciler.report.formats import render
from reconciler.report.grouping import FIRST, groups
from reconciler.report.markdown import LIMIT, cut
from reconciler.report.plan import plan_report

RULE = (Cause(file="rules/employees.yaml", line=7, rule="by-email-domain"),)


def organization(slug: str, line: int = 1) -> Create:
    return Create(kind="Organization", name=slug, causes=(Cause(file="manifests/a.yaml", line=line),))


def member(slug: str, number: int, user: str = "") -> Create:
    causes = tuple(
        Cause(file=cause.file, line=cause.line, rule=cause.rule, user=user or f"u{number}") for cause in RULE
    )
    return Create(kind="Member", namespace=slug, name=f"m{number}@acme.example", causes=causes)


def plan(*changes: Change) -> Plan:
    return finish(Plan(environment="test", project_id="project-test-1", changes=changes), 1)


def test_a_run_of_alike_changes_is_shown_twenty_long() -> None:
    text = render(plan_report(plan(*(member("acme", number) for number in range(FIRST + 5)))))
    assert text.count("+ create Member/acme/") == FIRST
    assert "… and 5 more like these" in text
    assert text.count("rules/employees.yaml:7 by-email-domain") == 1


def test_a_run_of_exactly_twenty_is_shown_whole() -> None:
    text = render(plan_report(plan(*(member("acme", number) for number in range(FIRST)))))
    assert text.count("+ create Member/acme/") == FIRST
    assert "more like these" not in text


def test_alike_organizations_are_folded_and_counted() -> None:
    slugs = [f"o{number:03}" for number in range(FIRST + 7)]
    changes = [change for line, slug in enumerate(slugs) for change in (organization(slug, line), member(slug, line))]
    text = render(plan_report(plan(*changes)))
    assert text.count("create Organization/") == FIRST
    assert "… and 7 more organizations like these: create 7 Members, create 7 Organizations" in text


def test_an_organization_that_differs_is_never_folded() -> None:
    changes: list[Change] = [member(f"o{number:03}", number) for number in range(FIRST + 7)]
    odd = Create(
        kind="Member",
        namespace="zz",
        name="x@acme.example",
        causes=(Cause(file="rules/x.yaml", line=1, rule="admins"),),
    )
    shown, folded = groups([*changes, odd])
    assert shown[-1].name == "Organization/zz"
    assert folded.groups == 7


def test_the_order_of_changes_does_not_decide_which_organizations_are_shown() -> None:
    changes = [member(f"o{number:03}", number) for number in range(FIRST + 7)]
    assert groups(changes) == groups(changes[::-1])


def test_people_are_counted_once() -> None:
    text = render(plan_report(plan(member("acme", 1, "u1"), member("globex", 1, "u1"))))
    assert "1 person gains access, in 2 organizations" in text


def test_a_hundred_thousand_changes_make_a_short_report() -> None:
    changes = [member(f"o{number % 1000:03}", number) for number in range(100_000)]
    text = render(plan_report(plan(*changes)))
    assert len(text.splitlines()) < 1000
    assert "100,000 to create" in text


@pytest.mark.parametrize("number", [0, 10, 1_000, 100_000])
def test_who_loses_access_and_who_becomes_admin_is_seen_among_however_many(number: int) -> None:
    """The gravest comes before the changes, in few lines, so that nothing can push it out of a comment."""
    roles = FieldChange(path=("roles",), after=["stytch_admin"])
    admin = Create(kind="Member", namespace="zz", name="eve@acme.example", fields=(roles,), causes=RULE)
    gone = Delete(kind="Member", namespace="zy", name="bob@acme.example", id="m-1")
    changes: list[Change] = [*(member(f"o{each % 1000:03}", each) for each in range(number)), admin, gone]
    text = render(plan_report(plan(*changes)), "markdown")
    assert len(text) <= LIMIT
    before, _, _ = text.partition("@@ Organization/")
    assert len(before.splitlines()) < 50
    assert "! 1 new admin (stytch_admin): Member/zz/e***@acme.example" in before
    assert "- zy: 1 person loses access: b***@acme.example" in before


def test_markdown_is_cut_at_a_whole_line_with_its_fence_closed() -> None:
    problems = tuple(
        Problem(code="odd", severity="problem", message=f"problem {number} " + "x" * 3000) for number in range(50)
    )
    text = render(plan_report(Plan(environment="test", project_id="project-test-1", problems=problems)), "markdown")
    assert len(text) <= LIMIT
    assert sum(line.startswith("```") for line in text.splitlines()) % 2 == 0
    assert "more lines are left out here" in text.splitlines()[-1]


@pytest.mark.parametrize("limit", [300, 1000])
def test_what_is_cut_is_counted(limit: int) -> None:
    lines = [f"line {number}" for number in range(500)]
    text = cut("\n".join(lines) + "\n", limit)
    kept = [line for line in text.splitlines() if line.startswith("line ")]
    assert kept == lines[: len(kept)]
    assert f"{500 - len(kept)} more lines" in text
    assert len(text) <= limit


def test_a_field_of_a_fence_cannot_end_it() -> None:
    change = Create(
        kind="Organization",
        name="acme",
        fields=(FieldChange(path=("organization_name",), after="x"),),
        causes=RULE,
    )
    text = render(
        plan_report(Plan(environment="t", project_id="p", changes=(change,), unmatched=("```", "# heading"))),
        "markdown",
    )
    assert "\n```text\n· ```\n# heading\n```\n" in text


def test_however_long_a_row_of_backticks_is_the_fences_stay_short() -> None:
    odd = "`" * 10_000
    changes = [Create(kind="Organization", name=f"{odd}{number}", causes=RULE) for number in range(3)]
    text = render(plan_report(structs.replace(plan(*changes), unmatched=(odd,) * 9)), "markdown")
    assert len(text) <= LIMIT
    assert {line for line in text.splitlines() if line.startswith("`")} == {"```", "```diff", "```text"}


def test_what_to_type_next_repeats_what_the_plan_was_made_with() -> None:
    change = organization("acme")
    ready = Plan(environment="test", project_id="p", changes=(change,), cost=Cost(writes=1))
    assert render(plan_report(ready)).splitlines()[-1] == "Next: reconciler -e test apply"
    text = render(plan_report(ready, apply_with=("--users", "my users.jsonl", "plan.json")))
    assert text.splitlines()[-1] == "Next: reconciler -e test apply --users 'my users.jsonl' plan.json"
    assert "Next:" not in render(plan_report(ready, apply_with=None))
