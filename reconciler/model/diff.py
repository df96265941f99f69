"""What comparing desired with live found, of one kind or of many: one value, and how two of them add up."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Self

from msgspec import Struct

from reconciler.model.changes import Change, Create, Delete, Listed
from reconciler.model.packed import Gathering
from reconciler.model.problems import Problem

ResourceKey = tuple[str | None, str]  # namespace and name
NONE: Final[Counter[Any]] = Counter()  # never added to
LISTS: Final = ("changes", "held", "removed", "kept", "unmanaged", "problems", "settled")
COUNTERS: Final = ("managed", "counts")
MAPS: Final = ("ids", "strangers")


class Admin(Struct, frozen=True):
    """A live member that has ``stytch_admin``: its address, and the types of the sources that it comes from."""

    address: str
    sources: frozenset[str]


class Stakes(Struct, frozen=True, kw_only=True):
    """What the live members have that must not be lost by accident.

    ``admins`` are the active ones by organization and id, ``breakglass`` ids of members. ``idle`` are ids of members
    that are to become admin and are not active, so that they are nobody's heirs. ``may_lose`` holds the addresses of
    members of which a manifest says by name that they may go, or lose something.
    """

    admins: Mapping[str, Mapping[str, Admin]] = {}
    breakglass: Collection[str] = frozenset()
    idle: Collection[str] = frozenset()
    may_lose: Collection[str] = frozenset()

    @staticmethod
    def total(parts: "Iterable[Stakes]") -> "Stakes":
        """Return those of many organizations, or of many members, together."""
        admins: dict[str, dict[str, Admin]] = {}
        breakglass, idle, may_lose = set[str](), set[str](), set[str]()
        for part in parts:
            for organization, there in part.admins.items():
                admins.setdefault(organization, {}).update(there)
            breakglass.update(part.breakglass)
            idle.update(part.idle)
            may_lose.update(part.may_lose)
        return Stakes(admins=admins, breakglass=breakglass, idle=idle, may_lose=may_lose)


NO_STAKES: Final = Stakes()


class Diff(Struct, frozen=True, kw_only=True):
    """What became of every declared and every live resource that was compared; two of them add up with ``+``.

    Of what is declared: ``changes`` to make, ``settled`` the addresses of what is as declared (members, of whom there
    are millions, are only counted, as ``unchanged``), ``held`` what nobody can decide about, ``removed`` what somebody
    else removed. Of what is live and not declared: ``kept`` what is ours and stays, ``unmanaged`` what is not ours.
    ``managed`` counts the live resources that are ours, by namespace.

    ``ids`` gives the id of the live resource that a name leads to, ``strangers`` of those that are held because nothing
    but a name led to them. ``counts`` holds what guards and the summary need of members: ``memberships`` wanted, of
    these ``unverified`` and ``untrusted``; live members whose mark names a user (``marked``), and those of them whose
    user the source no longer has (``missing_users``). ``stakes`` are the admins and breakglass members.
    """

    changes: Sequence[Change] = ()
    held: tuple[Listed, ...] = ()
    removed: tuple[Listed, ...] = ()
    kept: tuple[Listed, ...] = ()
    unmanaged: tuple[Listed, ...] = ()
    problems: tuple[Problem, ...] = ()
    settled: tuple[str, ...] = ()
    unchanged: int = 0
    managed: Counter[str | None] = NONE
    ids: Mapping[ResourceKey, str] = {}
    strangers: Mapping[ResourceKey, str] = {}
    counts: Counter[str] = NONE
    stakes: Stakes = NO_STAKES

    @property
    def created(self) -> frozenset[str]:
        """Return the names of the resources that the changes create."""
        return frozenset(change.name for change in self.changes if isinstance(change, Create))

    @property
    def deleted(self) -> Mapping[str, str]:
        """Return the live names of the resources that the changes delete, with the ids."""
        return {change.name: str(change.id) for change in self.changes if isinstance(change, Delete)}

    @property
    def live_ids(self) -> Mapping[str, str]:
        """Return the id of every organization that a name leads to, or that is to be deleted."""
        return {**{name: id for (_, name), id in self.ids.items()}, **self.deleted}

    def __add__(self, other: Self) -> "Diff":
        """Return both together."""
        return Diff.total((self, other))

    @staticmethod
    def total(diffs: "Iterable[Diff]") -> "Diff":
        """Return many together, each looked at once, so that they may come one by one and be forgotten."""
        changes = Gathering()
        held: list[Listed] = []
        removed: list[Listed] = []
        kept: list[Listed] = []
        unmanaged: list[Listed] = []
        problems: list[Problem] = []
        settled: list[str] = []
        unchanged = 0
        managed, counts = Counter[str | None](), Counter[str]()
        ids: dict[ResourceKey, str] = {}
        strangers: dict[ResourceKey, str] = {}
        stakes: list[Stakes] = []
        for diff in diffs:
            unchanged += diff.unchanged
            if diff is UNCHANGED:
                continue
            changes.add(diff.changes)
            held += diff.held
            removed += diff.removed
            kept += diff.kept
            unmanaged += diff.unmanaged
            problems += diff.problems
            settled += diff.settled
            ids |= diff.ids
            strangers |= diff.strangers
            if diff.managed:
                managed.update(diff.managed)
            if diff.counts:
                counts.update(diff.counts)
            if diff.stakes is not NO_STAKES:
                stakes.append(diff.stakes)
        return Diff(
            changes=changes.all(),
            held=tuple(held),
            removed=tuple(removed),
            kept=tuple(kept),
            unmanaged=tuple(unmanaged),
            problems=tuple(problems),
            settled=tuple(settled),
            unchanged=unchanged,
            managed=managed,
            counts=counts,
            ids=ids,
            strangers=strangers,
            stakes=Stakes.total(stakes),
        )


UNCHANGED: Final = Diff(unchanged=1)  # what most members of most runs are
