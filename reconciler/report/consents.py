"""What people agreed to, and what they may agree to: approvals of what guards withhold, and accepted drift."""

from collections.abc import Iterator

from reconciler.documents.yaml_writer import scalar
from reconciler.model import Accepted, Approval, FieldChange, Plan
from reconciler.report.escaping import printable
from reconciler.report.grouping import FIRST
from reconciler.report.values import counted, drift_lines
from reconciler.report.view import Line, Part, few

_PLACE = "rules/approvals/"


def approvals(plan: Plan) -> Iterator[Part]:
    """Yield which approvals a plan uses, why others do not help, and what somebody may write for what is withheld."""
    used = [one for one in plan.approvals if one.state == "used"]
    if used:
        yield Part(f"Approved: {counted(len(used), 'guard')} may let more through, once", lines=tuple(map(_used, used)))
    failing = {result.setting for result in plan.guards if not result.ok}
    unfit = [one for one in plan.approvals if one.state == "unused" and one.guard in failing]
    if unfit:
        lines = [printable(f"{one.name}: {one.why} ({one.at})") for one in unfit]
        yield Part(f"Not approved by {counted(len(unfit), 'approval')}", lines=few(lines, len(unfit), FIRST))
    for one in plan.approvals:
        if one.state == "missing":
            yield _proposal(one, plan.environment)


def accepted(plan: Plan) -> Iterator[Part]:
    """Yield what differs and stays as it is, because somebody accepted that."""
    if plan.accepted:
        lines = [line for one in plan.accepted[:FIRST] for line in _accepted(one)]
        title = f"Accepted, left as it is: {counted(len(plan.accepted), 'field')}"
        yield Part(title, lines=(*lines, *few((), len(plan.accepted), FIRST)))


def _used(one: Approval) -> str:
    return printable(f"{one.guard} up to {one.up_to:,}, until {one.until}, by {one.name} ({one.at})")


def _proposal(one: Approval, environment: str) -> Part:
    """Return the document that lets through what a guard withholds, so that it can be copied as it stands."""
    digest = one.digest or "what `plan` with credentials says"
    lines = (
        "apiVersion: reconciler/v1",
        "kind: Approval",
        f"metadata: {{name: {one.name}}}",
        "spec:",
        f"  guard: {one.guard}",
        f"  environment: {scalar(environment)}",
        f"  up_to: {one.up_to}",
        f'  until: "{one.until}"',
        f'  digest: "{digest}"',
    )
    hint = f"if all of it is intended, commit this as {_PLACE}{one.name}.yaml: it approves these very changes, once"
    return Part(f"To approve what {one.guard} withholds", lines=tuple(map(printable, lines)), hints=(hint,))


def _accepted(one: Accepted) -> Iterator[Line | str]:
    first, *more = drift_lines(FieldChange(path=one.path, before=one.before, after=one.after))
    yield printable(f"{one.address} until {one.until}: {one.reason} ({one.at})")
    for line in (first, *more):
        yield line.below("    ") if isinstance(line, Line) else f"    {line}"
