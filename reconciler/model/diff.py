"""What comparing desired with live found, of one kind or of many: one value, and how two of them add up."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Self

from msgspec import Struct, field

from reconciler.model.changes import Change, Create, Delete, Listed
from reconciler.model.problems import Problem

ResourceKey = tuple[str | None, str]  # namespace and name
LISTS: Final = ("changes", "held", "removed", "kept", "unmanaged", "problems", "settled")


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


class Diff(Struct, frozen=True, kw_only=True):
    """What became of every declared and every live thing that was compared; two of them add up with ``+``.

    Of what is declared: ``changes`` to make, ``settled`` the addresses of what is as declared (members, of whom there
    are millions, are only counted, as ``unchanged``), ``held`` what nobody can decide about, ``removed`` what somebody
    else removed. Of what is live and not declared: ``kept`` what is ours and stays, ``unmanaged`` what is not ours.
    ``managed`` counts the live things that are ours, by namespace.

    ``ids`` gives the id of the live thing that a name leads to, ``strangers`` of those that are held because nothing
    but a name led to them. ``counts`` holds what guards and the summary need of members: ``memberships`` wanted, of
    these ``unverified`` and ``untrusted``; live members whose mark names a user (``marked``), and those of them whose
    user the source no longer has (``missing_users``). ``stakes`` are the admins and breakglass members,
    ``held_roles`` the roles that live members have, of those that the changes let do more.
    """

    changes: tuple[Change, ...] = ()
    held: tuple[Listed, ...] = ()
    removed: tuple[Listed, ...] = ()
    kept: tuple[Listed, ...] = ()
    unmanaged: tuple[Listed, ...] = ()
    problems: tuple[Problem, ...] = ()
    settled: tuple[str, ...] = ()
    unchanged: int = 0
    managed: Counter[str | None] = field(default_factory=Counter)
    ids: Mapping[ResourceKey, str] = {}
    strangers: Mapping[ResourceKey, str] = {}
    counts: Counter[str] = field(default_factory=Counter)
    stakes: Stakes = Stakes()
    held_roles: frozenset[str] = frozenset()

    @property
    def created(self) -> frozenset[str]:
        """Return the names of what is to be made."""
        return frozenset(change.name for change in self.changes if isinstance(change, Create))

    @property
    def deleted(self) -> Mapping[str, str]:
        """Return the live names of what is to be deleted, with the ids."""
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
        lists: dict[str, list[object]] = {name: [] for name in LISTS}
        unchanged = 0
        managed: Counter[str | None] = Counter()
        counts: Counter[str] = Counter()
        ids: dict[ResourceKey, str] = {}
        strangers: dict[ResourceKey, str] = {}
        admins: dict[str, Mapping[str, Admin]] = {}
        breakglass: set[str] = set()
        idle: set[str] = set()
        may_lose: set[str] = set()
        held_roles: set[str] = set()
        for diff in diffs:
            for name, items in lists.items():
                items.extend(getattr(diff, name))
            unchanged += diff.unchanged
            managed.update(diff.managed)
            counts.update(diff.counts)
            ids.update(diff.ids)
            strangers.update(diff.strangers)
            for slug, there in diff.stakes.admins.items():
                admins[slug] = {**admins.get(slug, {}), **there}
            breakglass.update(diff.stakes.breakglass)
            idle.update(diff.stakes.idle)
            may_lose.update(diff.stakes.may_lose)
            held_roles.update(diff.held_roles)
        return Diff(
            **{name: tuple(items) for name, items in lists.items()},  # type: ignore[arg-type] # each list has its field's type
            unchanged=unchanged,
            managed=managed,
            counts=counts,
            ids=ids,
            strangers=strangers,
            stakes=Stakes(admins=admins, breakglass=breakglass, idle=idle, may_lose=may_lose),
            held_roles=frozenset(held_roles),
        )
