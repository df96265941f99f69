"""Reports as files: each folder of tests/reports holds what is reported and how that reads.

``NNN-COMMAND-what-it-shows/`` holds ``plan.json`` (for apply also ``outcomes.json`` and ``new.json``; for problems
``problems.json`` alone), ``expected.txt`` and ``expected.md``. Run with REWRITE_REPORTS=1 to write them anew.
"""

import os
import re
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from msgspec import structs

from reconciler.apply.execute import Applied
from reconciler.model import Count, Outcome, Plan, Problem, Share, public
from reconciler.plan.access_diff import access_of, with_loosened
from reconciler.report.formats import render
from reconciler.report.outcomes import apply_report
from reconciler.report.plan import drift_report, plan_report
from reconciler.report.problems import problems_report

CASES = sorted(path for path in (Path(__file__).parent.parent / "reports").iterdir() if path.is_dir())
FORMS = {"text": "expected.txt", "markdown": "expected.md"}
Value = TypeVar("Value")


def with_numbers(plan: Plan) -> Plan:
    """Return a plan whose guards know the numbers that a file has in sentences, and what its changes do to people."""
    guards = tuple(structs.replace(one, seen=seen(one.detail)) for one in plan.guards)
    loosened = plan.access.loosened if plan.access else ()
    return with_loosened(structs.replace(plan, guards=guards, access=access_of(plan.changes)), loosened)


def seen(detail: str) -> Count | Share | str:
    if found := re.fullmatch(r"(\d+) of (\d+)", detail):
        return Count(int(found[1]), int(found[2]))
    found = re.fullmatch(r"(\d+) of (\d+) \(.* %\), limit (\d+) % from (\d+) up", detail)
    if not found:
        return detail
    part, whole, limit, least = map(int, found.groups())
    return Share(part, whole, limit, least)


def outcome(written: public.Outcome) -> Outcome:
    kind, _, name = written.address.partition("/")
    why, _, file = written.detail.partition(", which is now in ")
    blocked_by, _, reason = why.partition(": ") if written.result == "withheld" else ("", "", why)
    fields = {field: getattr(written, field) for field in ("action", "result", "id", "request_id", "found")}
    return Outcome(kind=kind, name=name, **fields, blocked_by=blocked_by, reason=reason, file=file)


def report(case: Path, form: str) -> str:
    def read(name: str, of: type[Value]) -> Value:
        return msgspec.json.decode((case / name).read_bytes(), type=of)

    def plan() -> Plan:
        return with_numbers(public.read_plan((case / "plan.json").read_bytes()))

    match case.name.split("-")[1]:
        case "plan":
            return render(plan_report(plan()), form)
        case "drift":
            return render(drift_report(plan()), form)
        case "apply":
            new = read("new.json", tuple[public.Change, ...]) if (case / "new.json").exists() else ()
            outcomes = tuple(map(outcome, read("outcomes.json", tuple[public.Outcome, ...])))
            planned = plan()
            applied = Applied(outcomes=outcomes, journal=None, manual_steps=planned.manual_steps, held=planned.held)
            return render(apply_report(planned, applied, tuple(map(public.in_memory, new))), form)
        case "problems":
            return render(problems_report(read("problems.json", tuple[Problem, ...])), form)
        case other:
            raise AssertionError(f"no report is called {other}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_reads_as_expected(case: Path, form: str) -> None:
    expected = case / FORMS[form]
    text = report(case, form)
    if os.environ.get("REWRITE_REPORTS"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_markdown_shows_no_address(case: Path) -> None:
    text = report(case, "markdown")
    for name in ("ann@", "bob@", "eve@", "kim@", "guest@"):
        assert name not in text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_line_is_printable(case: Path) -> None:
    for form in FORMS:
        assert all(line.isprintable() for line in report(case, form).splitlines())


def test_the_slug_of_an_environment_that_was_made_is_pinned_as_a_text() -> None:
    plan = Plan(environment="test", project_id="", target="acme/null")
    made = Outcome(kind="Environment", name="null", action="create", result="applied")
    text = render(apply_report(plan, Applied(outcomes=(made,), journal=None, pins={"null": "project-test-1"})))
    assert (
        '\nCreated null: pin it in reconciler.yaml, target: {type: test, project: acme, environment: "null", ' in text
    )
