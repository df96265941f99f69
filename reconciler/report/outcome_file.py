"""The JSON that ``apply`` printed → what became of each change, as the report of an apply needs it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from reconciler.apply.execute import Applied
from reconciler.errors import InvalidInput
from reconciler.model import Change, Counted, ManualStep, Outcome, Plan, Problem, StoredCredential, public

_HEAD = 1 << 16  # bytes; before them stands which lists a file of ours has


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


def is_plan(path: Path) -> bool:
    """Return whether a file is rather a plan; raises ``InvalidInput`` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return b'"changes"' in file.read(_HEAD)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error


def read_outcomes(path: Path) -> tuple[Plan, Applied, tuple[Change, ...]]:
    """Return a plan without changes, what became of them, and what was new; raises ``InvalidInput``."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = "make one with `reconciler plan -o FILE`, or `reconciler apply --format json > FILE`"
        raise InvalidInput(f"{path} holds neither a plan nor what became of one: {error}", hint=hint) from error
    held = tuple(map(public.in_memory, found.held))
    applied = Applied(
        outcomes=tuple(map(_outcome, found.outcomes)),
        journal=None,
        pins=found.pins,
        manual_steps=found.manual_steps,
        held=held,
        stored=found.credentials,
        ledger=f"{found.environment}.credential-ids.json",
    )
    plan = Plan(
        environment=found.environment,
        project_id=found.project_id,
        digest=found.digest,
        held_by=found.held_by,
        problems=found.problems,
    )
    return plan, applied, tuple(map(public.in_memory, found.new))


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
