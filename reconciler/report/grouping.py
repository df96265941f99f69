"""Changes → groups for reading: by organization or kind, then in runs of similar changes, each with its causes.

Only what will be shown is ever formatted, so that a plan of a hundred thousand changes is as quick to print as one of
a hundred.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from reconciler.kinds import KINDS
from reconciler.model import Cause, Change, Delete, Path, Update

FIRST = 20  # so many of a long run are shown, then a count of the rest

# Alike are changes of one kind and action that have the same causes (whoever the user) and touch the same fields.
Likeness = tuple[str, str, bool, tuple[tuple[str, int, str | None], ...], tuple[Path, ...]]


class Run(Struct, frozen=True):
    """Alike changes: their causes, the first of them, and how many more there are."""

    causes: tuple[Cause, ...]
    first: tuple[Change, ...]
    more: int = 0


class Group(Struct, frozen=True):
    """What changes in one organization: the organization itself, then what is in it."""

    name: str
    runs: tuple[Run, ...]


class Folded(Struct, frozen=True):
    """How many further groups are like some that are shown, and their changes counted by action and kind."""

    groups: int
    counts: Mapping[tuple[str, str], int]


def runs(changes: Iterable[Change]) -> tuple[Run, ...]:
    """Put alike changes together, in the order in which the first of each comes."""
    return tuple(map(_run, _by_likeness(changes).values()))


def groups(changes: Iterable[Change]) -> tuple[tuple[Group, ...], Folded]:
    """Return the groups to show, sorted by name, and what is folded away because it is like them."""
    by_name: dict[str, list[Change]] = {}
    for change in changes:
        by_name.setdefault(_group(change), []).append(change)
    seen: Counter[frozenset[tuple[object, ...]]] = Counter()
    shown: list[Group] = []
    hidden = 0
    counts: Counter[tuple[str, str]] = Counter()
    for name in sorted(by_name):
        alike = _by_likeness(by_name[name])
        pattern = frozenset(map(_outline, alike))
        seen[pattern] += 1
        if seen[pattern] <= FIRST:
            shown.append(Group(name, tuple(map(_run, alike.values()))))
        else:
            hidden += 1
            counts.update((action(change), change.kind) for change in by_name[name])
    return tuple(shown), Folded(hidden, dict(sorted(counts.items())))


def action(change: Change) -> str:
    """Return what a change is to people: ``create``, ``update``, ``replace``, ``reset`` or ``delete``."""
    if isinstance(change, Delete) and KINDS[change.kind].identity.singletons:
        return "reset"
    return "replace" if change.replaces else change.action


def _group(change: Change) -> str:
    if change.namespace is not None:
        return f"Organization/{change.namespace}"
    return change.address if change.kind == "Organization" else change.kind


def _by_likeness(changes: Iterable[Change]) -> dict[Likeness, list[Change]]:
    found: dict[Likeness, list[Change]] = {}
    for change in changes:
        found.setdefault(_likeness(change), []).append(change)
    return found


def _likeness(change: Change) -> Likeness:
    causes = tuple((cause.file, cause.line, cause.rule) for cause in change.causes)
    paths = tuple(field.path for field in change.fields) if isinstance(change, Update) else ()
    return action(change), change.kind, change.adopts, causes, paths


def _outline(likeness: Likeness) -> tuple[object, ...]:
    """Return what makes two organizations alike: the same, but for where each organization itself is declared."""
    kind, rules = likeness[1], likeness[3]
    return likeness if kind == "Member" and all(rule for *_, rule in rules) else (*likeness[:3], likeness[4])


def _run(changes: Sequence[Change]) -> Run:
    return Run(_without_users(changes[0].causes), tuple(changes[:FIRST]), max(0, len(changes) - FIRST))


def _without_users(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    return tuple(dict.fromkeys(Cause(file=cause.file, line=cause.line, rule=cause.rule) for cause in causes))
