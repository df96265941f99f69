"""A plan, drift or outcomes → what stands on the page before its rows: the sentence, the numbers, who and what."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from reconciler.model import Access, Change, Changes, Outcome, Plan, is_drift
from reconciler.plan.access_diff import access_of
from reconciler.plan.effects import undone
from reconciler.report.access import by_organization, would_be
from reconciler.report.grouping import DRIFTED, PLANNED
from reconciler.report.held import number_held
from reconciler.report.outcomes import apply_report
from reconciler.report.page.picture import Picture, picture_of
from reconciler.report.page.rows import Row, change_row, outcome_row
from reconciler.report.page.words import DRIFT, OUTCOMES, PLAN, Words
from reconciler.report.plan import drift_report, plan_report
from reconciler.report.values import counted
from reconciler.report.view import Part, Report, View

if TYPE_CHECKING:
    from reconciler.apply.execute import Applied

_FEW = 400  # changes that are laid out for who has no script
_WITHHELD = "Withheld by "  # how the titles of parts about guards begin
_NOT_IN_IDS = re.compile(r"[^a-z0-9]+")


class Figure(Struct, frozen=True):
    """A number that is read first, what it counts, how the section begins that says more, and what news it is."""

    number: int
    says: str
    section: str = ""
    tone: str = ""


class Section(Struct, frozen=True):
    """A part of a report with the name by which it is linked."""

    name: str
    part: Part
    is_first: bool  # of those with its label

    @property
    def label(self) -> str:
        """Return its title without the number in it."""
        return self.part.title.partition(":")[0]

    @property
    def guard(self) -> str:
        """Return the guard that withholds what it is about, "" where it is about something else."""
        return self.label.removeprefix(_WITHHELD) if self.label.startswith(_WITHHELD) else ""


class Page(Struct, frozen=True, kw_only=True):
    """What stands on the page before its rows."""

    words: Words
    plan: Plan
    view: View
    sentence: str
    counts: tuple[str, ...]
    figures: tuple[Figure, ...]
    access: Access | None
    power: tuple[Part, ...]
    number: int  # of rows

    @property
    def picture(self) -> Picture | None:
        """Return the picture of who moves."""
        return picture_of(self.access, self.words.comes, self.words.goes)

    @property
    def groups(self) -> Sequence[Part]:
        """Return the first groups of changes, for who has no script."""
        left = _FEW
        found: list[Part] = []
        for group in self.view.groups:
            left -= sum(len(block.items) for block in group.blocks)
            if left < 0 and found:
                break
            found.append(group)
        return found

    @property
    def sections(self) -> Iterator[Section]:
        """Yield what stands below the changes."""
        names = Counter[str]()
        for part in self.view.parts:
            name = _NOT_IN_IDS.sub("-", part.title.partition(":")[0].lower()).strip("-")
            names[name] += 1
            yield Section(name if names[name] == 1 else f"{name}-{names[name]}", part, names[name] == 1)

    def section(self, start: str) -> str:
        """Return the name of the first section whose name begins so, "" if there is none."""
        before = [name for name, there in (("access", self.picture), ("organizations", self.access)) if there]
        found = (*before, *(["power"] if self.power else []), *(one.name for one in self.sections))
        return next((name for name in found if start and name.startswith(start)), "")


def of_plan(plan: Plan, apply_with: Sequence[str] | None = ()) -> tuple[Page, Iterator[Row]]:
    """Return the page of a plan and its rows."""
    view = _view(plan_report(plan, apply_with=apply_with))
    counts = (*view.footer[:1], *would_be(plan.access or Access()))
    if not plan.changes:
        sentence, counts = _nothing(view)
    elif len(plan.changes) == plan.summary.withheld:
        sentence = f"Nothing is written: {counted(len(plan.changes), 'change is', 'changes are')} withheld"
    else:
        sentence = _moves(plan.access, PLAN)
    in_the_table = {part.title for part in by_organization(plan)}
    page = Page(
        words=PLAN,
        plan=plan,
        view=view,
        sentence=sentence,
        counts=counts,
        figures=(*_figures(plan.access, PLAN, plan.summary.on_unverified + plan.summary.on_untrusted), *_open(plan)),
        access=plan.access,
        power=tuple(part for part in view.first if part.title not in in_the_table),
        number=len(plan.changes),
    )
    return page, (change_row(change, PLANNED) for change in plan.changes)


def of_drift(plan: Plan) -> tuple[Page, Iterator[Row]]:
    """Return the page of what is live and not as declared, and its rows."""
    view = _view(drift_report(plan))
    access = access_of(map(undone, chain(plan.changes, plan.observed)))
    every = Counter("drift" if is_drift(change) else change.origin for change in chain(plan.changes, plan.observed))
    number = every.total()
    sentence, counts = _nothing(view)
    if number:
        sentence = f"{counted(number, 'difference')} between the files and what is live"
        known = f"{every['git']:,} not applied yet, {every['users']:,} because the users changed."
        counts = (f"{every['drift']:,} changed behind git's back; {known}",)
        if any(change.origin is None for change in chain(plan.changes, plan.observed)):
            counts = ("Changed behind git's back, or not applied yet.",)
    page = Page(
        words=DRIFT,
        plan=plan,
        view=view,
        sentence=sentence,
        counts=counts,
        figures=(*_figures(access, DRIFT), *_open(plan)),
        access=access,
        power=view.first,
        number=number,
    )
    return page, (change_row(change, DRIFTED) for change in chain(plan.changes, plan.observed))


def of_outcomes(plan: Plan, applied: "Applied", new: Sequence[Change] = ()) -> tuple[Page, Iterator[Row]]:
    """Return the page of what became of a plan's changes, and its rows."""
    view = _view(apply_report(plan, applied, new))
    done = Changes.of(change for one, change in _pairs(plan, applied) if change and one.result == "applied")
    access = access_of(done)
    results = Counter(str(outcome.result) for outcome in applied.outcomes)
    failed = ((results[name], name) for name in ("failed", "skipped", "withheld"))
    sentence, counts = _nothing(view)
    if applied.outcomes:
        sentence, counts = view.title.rpartition(": ")[2].rstrip("."), ()
    page = Page(
        words=OUTCOMES,
        plan=plan,
        view=view,
        sentence=sentence,
        counts=counts,
        figures=(
            *(Figure(number, name, name, "alarm") for number, name in failed if number),
            *_figures(access and structs.replace(access, growth=()), OUTCOMES),
        ),
        access=access,
        power=(),
        number=len(applied.outcomes),
    )
    return page, (outcome_row(one, change, PLANNED) for one, change in _pairs(plan, applied))


def _pairs(plan: Plan, applied: "Applied") -> Iterator[tuple[Outcome, Change | None]]:
    """Yield outcomes with their changes, which are in the same order if every one was tried in one go."""
    together = len(plan.changes) == len(applied.outcomes)
    for outcome, change in zip(applied.outcomes, plan.changes if together else chain(), strict=False):
        yield outcome, change if change.address == outcome.address else None
    if not together:
        yield from ((outcome, None) for outcome in applied.outcomes)


def _view(report: Report) -> View:
    return next(view for view in report.views() if isinstance(view, View))


def _nothing(view: View) -> tuple[str, tuple[str, ...]]:
    """Return that nothing is to be done, and in the lines below it of what and what is left open."""
    sentence, _, rest = view.title.partition(": ")
    return sentence, (rest, *map(str, view.highlights))


def _moves(access: Access | None, words: Words) -> str:
    """Return in a sentence what happens to people."""
    access = access or Access()
    said = [
        counted(number, *name) for number, name in ((access.gains, words.gains), (access.loses, words.loses)) if number
    ]
    if not said and access.other_roles:
        return f"{words.nobody}; {counted(access.other_roles, *words.other_roles)}"
    return " and ".join(said) or words.nobody


def _figures(access: Access | None, words: Words, besides: int = 0) -> Iterator[Figure]:
    """Yield the numbers that are read first, without those that are 0; ``besides`` grows power as well."""
    access = access or Access()
    grown = besides + sum(one.number for one in (*access.growth, *access.loosened))
    for number, says, section, tone in (
        (access.gains, words.gains, "access", "comes"),
        (access.loses, words.loses, "access", "goes"),
        (access.moving, words.moves, "access", "moves"),
        (access.other_roles, words.other_roles, "access", ""),
        (grown, ("growth of power", "growths of power"), "power", "alarm"),
    ):
        if number:
            yield Figure(number, says[number != 1], section, tone)


def _open(plan: Plan) -> Iterator[Figure]:
    """Yield the numbers of what is not done."""
    for number, says, section, tone in (
        (plan.summary.withheld, ("change withheld", "changes withheld"), "withheld", "alarm"),
        (number_held(plan) + plan.summary.held_by_data, ("held", "held"), "held", "alarm"),
        (len(plan.problems), ("problem", "problems"), "to-look-at", ""),
        (len(plan.unmanaged), ("unmanaged", "unmanaged"), "unmanaged", ""),
    ):
        if number:
            yield Figure(number, says[number != 1], section, tone)
