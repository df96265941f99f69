"""Plans, drift, outcomes and problems → text, Markdown, JSON.

Pure functions make every report as one string; the ``show_…`` functions print it. Errors go to standard
error as text, but to standard output where a machine or a page reads them.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import structs

from reconciler.errors import ReconcilerError
from reconciler.model import FORMAT_VERSION, Change, Outcome, Plan, Problem
from reconciler.report.escaping import on_a_line
from reconciler.report.json import outcomes_json, plan_json, problems_json, to_json
from reconciler.report.layout import View
from reconciler.report.markdown import report
from reconciler.report.outcomes import NO_CREDENTIALS, Credentials, outcomes_view
from reconciler.report.plan import drift_view, plan_view
from reconciler.report.problems import in_order, problem_lines, tally
from reconciler.report.terminal import write

if TYPE_CHECKING:
    from reconciler.apply.execute import Applied
    from reconciler.export.gather import Exported
    from reconciler.load.repository import Declared
    from reconciler.report.doctor import Finding
    from reconciler.rules.explain import Explanation
    from reconciler.rules.rule import Rules

__all__ = ["plan_json", "to_json"]

NO_PINS: Final[Mapping[str, str]] = MappingProxyType({})


def plan_report(plan: Plan, form: str = "text", *, apply_with: Sequence[str] | None = ()) -> str:
    """Write what a plan would do and why.

    ``apply_with`` is what to type after ``apply`` so that this plan is carried out: a file, the options that it was
    made with. None where that comes next anyway.
    """
    return to_json(plan) if form == "json" else _laid_out(plan_view(plan, apply_with=apply_with), form)


def drift_report(plan: Plan, form: str = "text") -> str:
    """Write what is live and not as declared; its JSON is the plan that would repair it."""
    return to_json(plan) if form == "json" else _laid_out(drift_view(plan), form)


def apply_report(
    plan: Plan,
    outcomes: Sequence[Outcome],
    new: Sequence[Change] = (),
    form: str = "text",
    *,
    journal: str | None = None,
    pins: Mapping[str, str] = NO_PINS,
    credentials: Credentials = NO_CREDENTIALS,
) -> str:
    """Write what became of a plan's changes: those that were not applied line by line, the others counted.

    ``new`` are changes that planning again gave and the reviewed plan does not hold; ``pins`` the project ids of
    environments that were made, by slug.
    """
    if form == "json":
        return outcomes_json(plan, outcomes, new, pins, credentials[0])
    return _laid_out(outcomes_view(plan, outcomes, new, journal, pins, credentials), form)


def problems_report(problems: Sequence[Problem], form: str = "text", *, title: str = "") -> str:
    """Write every problem at once: what ``validate`` found, or what stopped a command; ``title`` says what was read."""
    if form == "json":
        return problems_json(problems)
    ordered = in_order(problems)
    lines = [line for problem in ordered for line in problem_lines(problem)]
    summary = ": ".join(part for part in (title, tally(ordered) or "no problems") if part)
    return _filled("problems", form, lines=lines, summary=summary)


def show_plan(plan: Plan, form: str, *, apply_with: Sequence[str] | None = ()) -> None:
    """Print a plan: for itself, or (``apply_with`` None) before it is carried out."""
    write(plan_report(plan, form, apply_with=apply_with) + ("\n" if apply_with is None else ""), sys.stdout, form)


def show_drift(plan: Plan, form: str) -> None:
    """Print what drifted."""
    write(drift_report(plan, form), sys.stdout, form)


def show_outcomes(plan: Plan, applied: "Applied", new: Sequence[Change], form: str) -> None:
    """Print what an apply did, and what is left for a person to do."""
    plan = structs.replace(plan, manual_steps=applied.manual_steps, held=applied.held)
    journal = str(applied.journal) if applied.journal else None
    kept = (applied.kept, applied.ledger)
    told = apply_report(plan, applied.outcomes, new, form, journal=journal, pins=applied.pins, credentials=kept)
    write(told, sys.stdout, form)


def show_validated(declared: "Declared", rules: "Rules", form: str) -> None:
    """Print what ``validate`` read, and its warnings."""
    from reconciler.report.validated import summary
    from reconciler.rules.problems import fold_problems

    found = (*declared.problems, *declared.doubts, *rules.warnings, *fold_problems(rules.problems))
    write(problems_report(found, form, title=summary(declared)), sys.stdout, form)


def why_report(explanations: Sequence["Explanation"], wanted: str, form: str = "text") -> str:
    """Write why the users that ``wanted`` names are members of what; there may be several of one address, or none."""
    from reconciler.report.why import nobody_view, why_view

    if form == "json":
        return to_json({"format_version": FORMAT_VERSION, "users": explanations})
    views = [why_view(explanation) for explanation in explanations] or [nobody_view(wanted)]
    return "\n".join(_laid_out(view, form) for view in views)


def show_why(explanations: Sequence["Explanation"], wanted: str, form: str) -> None:
    """Print why."""
    write(why_report(explanations, wanted, form), sys.stdout, form)


def show_findings(findings: Iterable["Finding"], form: str) -> bool:
    """Print what ``doctor`` finds, as it finds it, and tell whether all of it is as it should be."""
    from reconciler.report.doctor import finding_lines

    found = []
    for finding in findings:
        found.append(finding)
        if form == "text":
            write("".join(f"{line}\n" for line in finding_lines(finding)), sys.stdout)
    all_right = all(finding.ok for finding in found)
    if form == "json":
        write(to_json({"format_version": FORMAT_VERSION, "findings": found}), sys.stdout, form)
    elif form == "markdown":
        summary = "Everything is in order" if all_right else "Something is not in order"
        lines = [line for finding in found for line in finding_lines(finding)]
        write(_filled("problems", form, lines=lines, summary=summary), sys.stdout, form)
    return all_right


def export_report(exported: "Exported", written: Sequence[str], folder: str, form: str = "text") -> str:
    """Write what an export wrote, and what it did not; ``written`` are the files that were not there before."""
    from reconciler.report.export import export_summary, exported_lines

    if form == "json":
        secrets = [{"name": each.name, "address": each.address} for each in exported.secrets]
        told = {"files": sorted(exported.files), "written": written, "left_out": exported.left_out, "secrets": secrets}
        return to_json({"format_version": FORMAT_VERSION, **told})
    summary = export_summary(exported, written, folder)
    return _filled("problems", form, lines=exported_lines(exported, written), summary=summary)


def show_exported(exported: "Exported", written: Sequence[str], folder: str, form: str) -> None:
    """Print what an export did."""
    write(export_report(exported, written, folder, form), sys.stdout, form)


def show_error(error: ReconcilerError, form: str) -> None:
    """Print what stopped a command: every problem, not only the first."""
    write(problems_report(error.problems, form), sys.stderr if form == "text" else sys.stdout, form)


def show_json(value: object) -> None:
    """Print any value of ours as JSON."""
    write(to_json(value), sys.stdout, "json")


def show_lines(lines: Iterable[str]) -> None:
    """Print lines of text, whatever is in them."""
    write("".join(f"{on_a_line(line)}\n" for line in lines), sys.stdout)


def _laid_out(view: View, form: str) -> str:
    return _filled("view", form, view=view)


def _filled(template: str, form: str, **values: object) -> str:
    if form == "text":
        return report(f"{template}.txt.j2", **values)
    from reconciler.report.markdown import markdown

    return markdown(f"{template}.md.j2", **values)
