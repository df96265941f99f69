"""A file that a command wrote or printed → the plan, what became of one, or the problems that it holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from reconciler.apply.execute import Applied
from reconciler.errors import InvalidInput
from reconciler.kinds import KINDS
from reconciler.model import Change, Counted, ManualStep, Outcome, Plan, Problem, StoredCredential, public
from reconciler.plan.plan_file import read_plan
from reconciler.report.findings import Finding, of_outcomes, of_plan
from reconciler.report.machines import of_outcomes as numbers_of_outcomes
from reconciler.report.machines import of_plan as numbers_of_plan

_HEAD = 1 << 16  # bytes; before them stands which lists a file of ours has


class Found(Struct, frozen=True, kw_only=True):
    """What a file holds: a plan; or (``applied``) what became of one; or else problems, as those of an empty plan."""

    plan: Plan
    is_plan: bool = False
    applied: Applied | None = None
    new: tuple[Change, ...] = ()

    @property
    def environment(self) -> str:
        """Return the environment that it is about, "" where nothing says so."""
        return self.plan.environment

    def findings(self) -> Iterator[Finding]:
        """Yield what machines show of it."""
        if self.applied:
            yield from of_outcomes(self.applied.outcomes)
        yield from of_plan(self.plan)

    def numbers(self) -> Mapping[str, str]:
        """Return the outputs of a step that made it."""
        outcomes = self.applied.outcomes if self.applied else ()
        found = numbers_of_outcomes(outcomes, self.plan.digest) if self.applied else numbers_of_plan(self.plan)
        return {**found, "environment": self.environment}


class _Problems(Struct, frozen=True, kw_only=True):
    problems: tuple[Problem, ...]


class _File(Struct, frozen=True, kw_only=True):
    format_version: str
    environment: str
    project_id: str
    digest: str = ""
    outcomes: tuple[public.Outcome, ...]
    new: tuple[public.Change, ...] = ()
    pins: Mapping[str, str] = {}
    credentials: tuple[StoredCredential, ...] = ()
    manual_steps: tuple[ManualStep, ...] = ()
    held: tuple[public.Listed, ...] = ()
    held_by: tuple[Counted, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_file(path: Path) -> Found:
    """Read a plan, the JSON of an apply, or problems as JSON; raises ``InvalidInput``."""
    try:
        with path.open("rb") as file:
            is_plan = b'"changes"' in file.read(_HEAD)
        if is_plan:
            return Found(plan=_of_known_kinds(read_plan(path), path), is_plan=True)
        data = path.read_bytes()
        if b'"outcomes"' in data:
            return _outcomes(msgspec.json.decode(data, type=_File))
        problems = msgspec.json.decode(data, type=_Problems).problems
        return Found(plan=Plan(environment="", project_id="", problems=problems))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = "make one with `reconciler plan -o FILE`, or `reconciler apply --format json > FILE`"
        raise InvalidInput(f"{path} holds neither a plan, nor outcomes, nor problems: {error}", hint=hint) from error


def _of_known_kinds(plan: Plan, path: Path) -> Plan:
    unknown = sorted({one.kind for one in plan.changes} - {*KINDS})
    if unknown:
        raise InvalidInput(f"{path} has changes of a kind that there is not: {unknown[0]!r}", hint="plan again")
    return plan


def _outcomes(found: _File) -> Found:
    applied = Applied(
        outcomes=tuple(map(_outcome, found.outcomes)),
        journal=None,
        pins=found.pins,
        manual_steps=found.manual_steps,
        held=tuple(map(public.in_memory, found.held)),
        stored=found.credentials,
        ledger=f"{found.environment}.credential-ids.json",
    )
    plan = Plan(
        environment=found.environment,
        project_id=found.project_id,
        digest=found.digest,
        held=applied.held,
        held_by=found.held_by,
        problems=found.problems,
    )
    return Found(plan=plan, applied=applied, new=tuple(map(public.in_memory, found.new)))


def _outcome(written: public.Outcome) -> Outcome:
    kind, _, name = written.address.partition("/")
    why, _, file = written.detail.partition(", which is now in ")
    blocked_by, _, reason = why.partition(": ") if written.result == "withheld" else ("", "", why)
    return Outcome(
        kind=kind,
        name=name,
        action=written.action,
        result=written.result,
        blocked_by=blocked_by,
        reason=reason,
        file=file,
        id=written.id,
        request_id=written.request_id,
        found=written.found,
    )
