"""What an apply leaves in git: what was applied, and what of it is still to be done."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import click
from msgspec import structs

from reconciler.apply.execute import Applied
from reconciler.config.read import Config
from reconciler.history.look import History
from reconciler.history.state import State
from reconciler.history.turn import Turn
from reconciler.load.policies import GUARD
from reconciler.model import Change, Plan, Problem
from reconciler.report.escaping import harmless

LIFTED: Final = ("policy", "suppression")  # what is loosened where a policy says less than before


def record(
    config: Config, turn: Turn, plan: Plan, applied: Applied, new: Sequence[Change], judged_by: Sequence[str]
) -> Problem | None:
    """Move the state to what was applied, or return why that was not done.

    ``new`` is what no reviewed plan holds, ``judged_by`` what ``binding`` gives.
    """
    made = applied.pins.get(plan.target.rpartition("/")[2])
    pending = tuple(_pending(applied, new))
    state = State(
        commit="",
        digest=plan.digest,
        project=plan.project_id or made or "",
        pending=pending,
        judged_by=tuple(judged_by),
    )
    return turn.record(state, dict(_files(config)))


def binding(history: History, plan: Plan) -> Sequence[str]:
    """Return the states whose policies bind also after the plan was applied.

    A commit that lifts a policy and asks for what it denies must not have it the second time that it is applied.
    """
    state = history.of_project(plan.project_id).state
    if state is None or not (plan.access and any(one.what in LIFTED for one in plan.access.loosened)):
        return ()
    if not any((change.withheld_by or "").startswith(GUARD) for change in plan.changes):
        return ()
    own = (state.commit,) if state.revision != history.planned else ()
    return (*state.judged_by, *own)


def noting(plan: Plan, note: Problem | None) -> Plan:
    """Return a plan with what is to be said of recording it, which is said here, too: not every report has it."""
    if note is None:
        return plan
    with suppress(OSError):
        click.echo(harmless(f"{note.severity}: {note.message}; {note.hint}"), err=True)
    return structs.replace(plan, problems=(*plan.problems, note))


def _pending(applied: Applied, new: Sequence[Change]) -> Iterator[str]:
    """Yield the address of all that was not applied."""
    yield from (outcome.address for outcome in applied.outcomes if outcome.result != "applied")
    yield from (item.address for item in applied.held)
    yield from (change.address for change in new)


def _files(config: Config) -> Iterator[tuple[str, Path]]:
    """Yield the files of users and tables that a run reads."""
    if config.users and config.users.file:
        yield "users", config.users.file
    yield from ((f"tables.{name}", rows.file) for name, rows in config.tables.items())
