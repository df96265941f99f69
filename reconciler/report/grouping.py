"""Changes → groups and blocks for reading: by organization or kind, then in runs of alike changes under their causes.

Only what will be shown is ever formatted, so that a plan of a hundred thousand changes is as quick to print as one of
a hundred.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from reconciler.kinds import KINDS
from reconciler.model import MEMBER, ORGANIZATION, Cause, Change, Delete, FieldChange, Path, Update
from reconciler.model.resources import Addressed
from reconciler.report.escaping import printable
from reconciler.report.values import cause_line, change_lines, counted, drift_lines
from reconciler.report.view import Block, Item, Lines

_ON_ONE_LINE = 110  # a new thing's fields stand beside its address where they fit
FIRST = 20  # so many of a long run are shown, then a count of the rest

# Alike are changes of one kind and action that have the same causes (whoever the user) and touch the same fields.
Likeness = tuple[str, str, bool, tuple[tuple[str, int, str | None], ...], tuple[Path, ...]]


class Run(Struct, frozen=True):
    """Alike changes: their causes, the first of them, and how many more there are."""

    causes: tuple[Cause, ...]
    first: tuple[Change, ...]
    more: int = 0

    @property
    def number(self) -> int:
        """Return how many changes there are."""
        return len(self.first) + self.more


class Group(Struct, frozen=True):
    """What changes in one organization: the organization itself, then what is in it."""

    name: str
    runs: tuple[Run, ...]


class Folded(Struct, frozen=True):
    """How many further groups are like some that are shown, and their changes counted by action and kind."""

    groups: int
    counts: Mapping[tuple[str, str], int]


class Alike(Struct):
    """Alike changes as they are found: the first of them, and how many there are."""

    first: list[Change]
    number: int = 0

    def add(self, change: Change) -> None:
        """Count one more."""
        self.number += 1
        if len(self.first) < FIRST:
            self.first.append(change)

    def run(self) -> Run:
        """Return what was found."""
        return Run(_without_users(self.first[0].causes), tuple(self.first), self.number - len(self.first))


def runs(changes: Iterable[Change]) -> tuple[Run, ...]:
    """Put alike changes together, in the order in which the first of each comes."""
    return runs_by(changes, lambda _: "").get("", ())


def runs_by(changes: Iterable[Change], key: Callable[[Change], str]) -> Mapping[str, tuple[Run, ...]]:
    """Put alike changes of one key together, in the order in which the first of each comes."""
    found: dict[str, dict[Likeness, Alike]] = {}
    for change in changes:
        alike, likeness = found.setdefault(key(change), {}), _likeness(change)
        if likeness not in alike:
            alike[likeness] = Alike([])
        alike[likeness].add(change)
    return {name: tuple(each.run() for each in alike.values()) for name, alike in found.items()}


def groups(
    changes: Sequence[Change], wanted: Callable[[Change], bool] = lambda _: True
) -> tuple[tuple[Group, ...], Folded]:
    """Return the groups of wanted changes to show, sorted by name, and what is folded away because it is like them."""
    by_name: dict[str, Counter[Likeness]] = {}
    for change in filter(wanted, changes):
        by_name.setdefault(group_of(change), Counter())[_likeness(change)] += 1
    seen: Counter[frozenset[tuple[object, ...]]] = Counter()
    shown: set[str] = set()
    counts: Counter[tuple[str, str]] = Counter()
    for name in sorted(by_name):
        alike = by_name[name]
        pattern = frozenset(map(_outline, alike))
        seen[pattern] += 1
        if seen[pattern] <= FIRST:
            shown.add(name)
        else:
            for (verb, kind, *_), number in alike.items():
                counts[verb, kind] += number
    found = runs_by((change for change in changes if group_of(change) in shown and wanted(change)), group_of)
    folded = Folded(len(by_name) - len(shown), dict(sorted(counts.items())))
    return tuple(Group(name, found[name]) for name in sorted(shown)), folded


def action(change: Change) -> str:
    """Return what a change is to people: ``create``, ``update``, ``replace``, ``reset`` or ``delete``."""
    if isinstance(change, Delete) and KINDS[change.kind].identity.singletons:
        return "reset"
    return "replace" if change.replaces else change.action


def group_of(change: Addressed) -> str:
    """Return the group of a change: the organization that it is about, or lies in, or else its kind."""
    if change.namespace is not None:
        return f"Organization/{change.namespace}"
    return change.address if change.kind == ORGANIZATION else change.kind


def _likeness(change: Change) -> Likeness:
    causes = tuple((cause.file, cause.line, cause.rule) for cause in change.causes)
    paths = tuple(field.path for field in change.fields) if isinstance(change, Update) else ()
    return action(change), change.kind, change.adopts, causes, paths


def _outline(likeness: Likeness) -> tuple[object, ...]:
    """Return what makes two organizations alike: the same, but for where each organization itself is declared."""
    kind, rules = likeness[1], likeness[3]
    return likeness if kind == MEMBER and all(rule for *_, rule in rules) else (*likeness[:3], likeness[4])


def _without_users(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    return tuple(dict.fromkeys(Cause(file=cause.file, line=cause.line, rule=cause.rule) for cause in causes))


class Words(Struct, frozen=True):
    """How changes read, by their action: as what a plan would do, or as what drift has found."""

    symbols: Mapping[str, str]
    verbs: Mapping[str, str]
    field: Callable[[FieldChange], Lines]
    with_fields: Collection[str]
    notes: Mapping[str, str]


PLANNED = Words(
    symbols={"create": "+", "update": "~", "replace": "±", "reset": "-", "delete": "-"},
    verbs={each: each for each in ("create", "update", "replace", "reset", "delete")},
    field=change_lines,
    with_fields=("create", "update", "replace", "reset"),
    notes={"replace": " (deleted and recreated)"},
)
DRIFTED = Words(
    symbols={"create": "-", "update": "~", "replace": "±", "reset": "~", "delete": "+"},
    verbs={
        "create": "missing",
        "update": "differs",
        "replace": "differs",
        "reset": "differs",
        "delete": "extra",
    },
    field=drift_lines,
    with_fields=("update", "replace", "reset"),
    notes={"replace": " (apply deletes and recreates it)", "reset": " (declared absent: apply resets it)"},
)


def blocks(found: Iterable[Run], words: Words) -> tuple[Block, ...]:
    """Return runs of alike changes, each under its causes."""
    written = []
    causes = ""
    for run in found:
        before, causes = causes, "; ".join(map(cause_line, run.causes)) or "declared nowhere"
        items = tuple(_item(change, words) for change in run.first)
        more = f"… and {run.more:,} more like these" if run.more else ""
        written.append(Block("" if causes == before else causes, items, more))
    return tuple(written)


def folded_line(folded: Folded, words: Words) -> str:
    """Return how many groups are like those that are shown, and what changes in them; "" where none is."""
    if not folded.groups:
        return ""
    counts = (f"{words.verbs[done]} {counted(number, kind)}" for (done, kind), number in folded.counts.items())
    return f"… and {counted(folded.groups, 'more organization')} like these: {', '.join(counts)}"


def verb_of(change: Change, words: Words) -> str:
    """Return what is done by a change, in words."""
    return "adopt" if change.adopts else words.verbs[action(change)]


def note_of(change: Change, words: Words) -> str:
    """Return what must be known of a change besides, "" if there is nothing."""
    return f"{words.notes.get(action(change), '')}{_company(change)}"


def _company(change: Change) -> str:
    """Return how many members go with an organization."""
    if not isinstance(change, Delete) or change.members is None:
        return ""
    return f" (with {counted(change.members, 'member')})" if change.members else " (without any member)"


def _item(change: Change, words: Words) -> Item:
    done = action(change)
    what, note = printable(f"{verb_of(change, words)} {change.address}"), note_of(change, words)
    fields: Lines = tuple(chain.from_iterable(map(words.field, change.fields))) if done in words.with_fields else ()
    if isinstance(change, Update) and not (fields or change.adopts):
        fields = ("(only our mark)",)
    beside = f"{note}  {', '.join(map(str, fields))}".rstrip()
    if done == "create" and len(f"{what}{beside}") <= _ON_ONE_LINE:
        return Item(words.symbols[done], what, beside)
    return Item(words.symbols[done], what, note, fields)
