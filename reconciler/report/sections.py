"""The parts below a plan's changes, each with a heading: adopted, withheld, unmanaged, problems."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from reconciler.load.policies import GUARD
from reconciler.model import Change, GuardResult, Listed, ManualStep, Plan
from reconciler.report.consents import accepted, approvals
from reconciler.report.escaping import printable
from reconciler.report.grouping import DRIFTED, FIRST, PLANNED, blocks, runs, runs_by
from reconciler.report.held import held, listed_line, number_held, shown_with_held
from reconciler.report.problems import in_order, problem_lines, tally
from reconciler.report.values import counted
from reconciler.report.view import Lines, Part, few

_BY_NAME = "allow it in a Member manifest: ensure: absent, or lifecycle: {allow_loss: true}"
_NOT_SETTINGS = {
    "accepted_drift": "it cannot be changed without what is accepted: wait, or remove the AcceptedDrift",
    "moved": "Stytch, the users or the files changed since the plan was made: "
    "plan again and have the new plan reviewed",
    "dependency": "is applied as soon as the resource it belongs to exists",
    "written from live": "an environment of `type: live` writes it: apply it there",
    "held": "fix the cause: the next plan lists it under its problems",
    "protect": "remove lifecycle.protect first, if the resource may be deleted",
    "allow_delete": "the delete cannot be undone: if it is intended, repeat the name as lifecycle.allow_delete",
    "unmanaged_members": "remove those members in Stytch first, or adopt them (members: {adopt: true})",
    "last_admin": f"make another member admin first, or {_BY_NAME}",
    "breakglass": _BY_NAME,
    "users": "plan again with a complete source of users: a JSON or JSON lines export, or a Consumer project",
}
_OF_A_POLICY = (
    "change what is declared; or suppress the address in the policy, with a reason, in a commit that is applied before "
    "this one: a policy binds until an apply finds nothing that it denies"
)
_CHECK_FIRST = {
    "max_missing_users_percent": "check that no users are missing; ",
    "max_shrink_percent": "check that no users, table rows or rules are missing; ",
    "max_problems": "fix the problems below; ",
}
_NAMED = 5  # unmatched users and unmanaged resources that are named
_PROBLEMS = 50  # that are written out


def below(plan: Plan, *others: Iterable[Part], required_only: bool = False) -> tuple[Part, ...]:
    """Return what stands below the changes: what stays, ``others``, what is only observed, steps and problems."""
    steps = by_hand(plan, required_only=required_only)
    return tuple(chain(_stays(plan), *others, _observed(plan), _written_from_live(plan), steps, _problems(plan)))


def adoptions(going: Iterable[Change]) -> Iterator[Part]:
    """Yield what somebody else created and we are about to manage."""
    adopted = runs(change for change in going if change.adopts)
    if adopted:
        number = counted(sum(run.number for run in adopted), "resource")
        yield Part(f"Adopted: {number} that somebody else created, managed from now on", blocks(adopted, PLANNED))


def withheld(plan: Plan) -> Iterator[Part]:
    """Yield what will not be done, by guard: what the guard saw, and what would let it through."""
    by_guard = runs_by((change for change in plan.changes if change.withheld_by), lambda one: str(one.withheld_by))
    for guard, found in sorted(by_guard.items()):
        results = [result for result in plan.guards if result.name == guard and not result.ok]
        yield Part(
            f"Withheld by {guard}: {counted(sum(run.number for run in found), 'change')}",
            blocks(found, PLANNED),
            tuple(map(_result, results)),
            tuple(dict.fromkeys(next_step(guard, result, plan.environment) for result in results or (None,))),
        )
    yield from approvals(plan)


def name(plan: Plan) -> str:
    """Return the names of the environment and the project that a plan is for."""
    where = [plan.target] if plan.target else []
    return f"{plan.environment} ({', '.join([*where, plan.project_id or 'not created yet'])})"


def as_declared(plan: Plan) -> str:
    """Return the sentence that nothing is to be written, with what it leaves out."""
    unchanged = f", {counted(plan.summary.unchanged, 'resource')} unchanged" if plan.summary.unchanged else ""
    left = [
        *([f"{number:,} held"] if (number := number_held(plan)) else []),
        *([f"{plan.summary.removed:,} removed in Stytch"] if plan.removed else []),
        *([f"{plan.summary.kept:,} managed but no longer wanted"] if plan.kept else []),
        *([f"{len(plan.observed):,} only observed"] if plan.observed else []),
        *([f"{len(plan.written_from_live):,} written from live"] if plan.written_from_live else []),
        *([f"{counted(len(plan.accepted), 'field')} accepted"] if plan.accepted else []),
    ]
    but = f", except for {', '.join(left)}" if left else ""
    return f"{name(plan)} is as declared{but}{unchanged}."


def _kept(plan: Plan) -> Iterator[Part]:
    """Yield what is ours and no longer wanted, and stays because its kind is not authoritative."""
    reasons: dict[str, list[Listed]] = {}
    for item in plan.kept:
        reasons.setdefault(item.reason, []).append(item)
    for reason, items in reasons.items():
        lines = few([printable(item.address) for item in items[:FIRST]], len(items), FIRST)
        yield Part(f"Managed, {reason}: {_kinds(items)}", lines=lines)


def _stays(plan: Plan) -> Iterator[Part]:
    """Yield what is not changed although something asks for a change."""
    yield from accepted(plan)
    yield from held(plan)
    if plan.removed:
        yield Part(
            f"Removed in Stytch by somebody else, not recreated: {counted(len(plan.removed), 'resource')}",
            lines=_listed(plan.removed, FIRST),
            hints=("members: {removed: restore}, or restore: true on a Member, restores them",),
        )
    yield from _kept(plan)


def unmanaged(plan: Plan) -> Iterator[Part]:
    """Yield what is live and nobody's here."""
    if plan.unmanaged:
        yield Part(f"Unmanaged, left alone: {_kinds(plan.unmanaged)}", lines=_listed(plan.unmanaged, _NAMED))


def unmatched(plan: Plan) -> Iterator[Part]:
    """Yield which users no rule gives anything, first those of whom nothing is said where something is held."""
    if plan.unmatched:
        named = frozenset(chain.from_iterable(problem.users for problem in shown_with_held(plan)))
        first = (
            *(user for user in plan.unmatched if user not in named),
            *(user for user in plan.unmatched if user in named),
        )
        users = tuple(map(printable, first[:_NAMED]))
        causes = [printable(f"{one.count:,} × {one.cause}") for one in plan.unmatched_by[:FIRST]]
        yield Part(
            f"Unmatched: {counted(len(plan.unmatched), 'user')} to whom no rule gives a membership",
            lines=(*few(users, len(plan.unmatched), _NAMED), *few(causes, len(plan.unmatched_by), FIRST)),
            hints=(f"reconciler -e {plan.environment} why USER shows what was missing",),
        )


def _observed(plan: Plan) -> Iterator[Part]:
    """Yield the differences of kinds that are only observed."""
    if plan.observed:
        title = f"Only observed: {counted(len(plan.observed), 'difference')}, not written"
        yield Part(title, blocks(runs(plan.observed), DRIFTED))


def _written_from_live(plan: Plan) -> Iterator[Part]:
    """Yield the differences of what a live environment uses, which one of type test leaves alone."""
    if plan.written_from_live:
        title = (
            f"Written from live: {counted(len(plan.written_from_live), 'difference')} "
            "in resources that a live environment uses"
        )
        hint = "an environment of `type: live` writes it"
        yield Part(title, blocks(runs(plan.written_from_live), DRIFTED), hints=(hint,))


def by_hand(plan: Plan, *, required_only: bool) -> Iterator[Part]:
    """Yield what a person must do in the dashboard, and where: all of it, or what a run cannot end well without."""
    steps = [step for step in plan.manual_steps if step.required or not required_only]
    if steps:
        lines = [f"{step.name}{_standing(step)}: {step.what} [{step.where}] ({step.at})" for step in steps]
        title = f"By hand: {counted(len(steps), 'step')} that no API can do"
        hint = "when a step is done, set done: true in its manifest"
        yield Part(title, lines=tuple(map(printable, lines)), hints=(hint,))


def _standing(step: ManualStep) -> str:
    required = " (required)" if step.required else ""
    return f"{required}, status cannot be checked" if step.state == "unknown" else required


def _problems(plan: Plan) -> Iterator[Part]:
    """Yield problems and warnings with their places and hints, but for those that stand with what they hold."""
    elsewhere = shown_with_held(plan)
    ordered = in_order(problem for problem in plan.problems if problem not in elsewhere)
    if ordered:
        lines = list(chain.from_iterable(map(problem_lines, ordered[:_PROBLEMS])))
        yield Part(f"To look at: {tally(ordered)}", lines=(*lines, *few((), len(ordered), _PROBLEMS)))


_HOURS_FROM = 120  # minutes
_REVISION = 12  # digits of a commit that are shown


def source(plan: Plan) -> Iterator[str]:
    """Yield which Consumer project the users came from, and how old the snapshot is, if it was made from one."""
    if plan.snapshot:
        minutes = plan.snapshot.age // 60
        old = counted(minutes // 60, "hour") if minutes >= _HOURS_FROM else counted(minutes, "minute")
        yield f"From a snapshot of {printable(plan.snapshot.taken_at)}, {old} old; people are hashed in it."
    if plan.applied:
        of = f"Planned of {plan.revision[:_REVISION]}; " if plan.revision else ""
        yield f"{of}{plan.applied[:_REVISION]} was applied last."
    if plan.users_project_id:
        users = counted(plan.summary.users, "user")
        yield f"Users: {users} of the Consumer project {printable(plan.users_project_id)}."


def aside(plan: Plan) -> Iterator[str]:
    """Yield in one line what a plan that changes nothing leaves alone."""
    if plan.unmanaged:
        yield f"Left alone: {_kinds(plan.unmanaged)} unmanaged."


def _kinds(items: Sequence[Listed]) -> str:
    kinds = [item.kind for item in items]
    return ", ".join(counted(kinds.count(kind), kind) for kind in sorted(set(kinds)))


def _listed(items: Sequence[Listed], limit: int) -> Lines:
    return few([listed_line(item) for item in items[:limit]], len(items), limit)


def _result(result: GuardResult) -> str:
    scope = " ".join(part for part in (result.kind, result.organization) if part)
    return printable(f"{scope}: {result.detail}" if scope else result.detail)


def next_step(guard: str, result: GuardResult | None, environment: str) -> str:
    """Return the hint that lets a guard's withheld changes through: what to fix, or which setting to raise to what."""
    if guard in _NOT_SETTINGS:
        return _NOT_SETTINGS[guard]
    if guard.startswith(GUARD):
        return _OF_A_POLICY
    if guard == "max_organization_loss_percent" and result:
        where = f"the manifest of Organization/{result.organization}"
        said = f"lifecycle: {{max_loss_percent: {result.needed}}}"
        return f"check the users; if all of it is intended, set {said} in {where}"
    setting = f"{guard}_per_organization" if result and result.organization else guard
    needed = result.needed if result else ""
    place = f"environments.{environment}.guards.{setting} in reconciler.yaml"
    to = f" to {needed}" if needed else ""
    return f"{_CHECK_FIRST.get(guard, '')}if all of it is intended, set {place}{to}"
