"""Changes → who gains and who loses access, and what power grows: counted for all of them, named for the first ones.

It is computed once, from changes that are looked at one after another: what is kept of a person is two numbers.
"""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from typing import Final

from msgspec import Struct, field, structs

from reconciler.model import (
    KINDS_OF_POWER,
    MEMBER,
    ORGANIZATION,
    Access,
    AccessIn,
    Change,
    Changes,
    Create,
    Delete,
    FieldChange,
    Grown,
    Growth,
    Move,
    OtherRoles,
    Person,
    Plan,
    Position,
    Update,
    Withheld,
)
from reconciler.plan.effects import Effect, user_of
from reconciler.plan.power import grown

MOST: Final = 1_000  # organizations, and moves, that are listed
NAMED: Final = 5  # people of each sort in an organization, and resources of each growth, that are named
_PARTS: Final = 256  # into which people are sorted, so that one part at a time is looked at
_GAINS, _LOSES, _WOULD_GAIN, _WOULD_LOSE = range(4)
NOBODY: Final[Mapping[str, Collection[str]]] = {}


def access_of(changes: Iterable[Change], doomed: Mapping[str, Collection[str]] = NOBODY) -> Access | None:
    """Return what changes do to people and to power, None where they do nothing to either.

    ``doomed`` are the users in organizations that are deleted, by slug, as far as they are known.
    """
    packed = Changes.of(changes)
    seen = _Seen()
    for change in packed:
        if change.kind in (MEMBER, ORGANIZATION):
            seen.count(change, doomed)
        for what, of_field in grown(change):
            seen.grow(change, what, of_field)
    users = seen.known_by_address(packed)
    most = seen.most()
    first = _first(packed, {one.slug: one for one in most}, users)
    people = seen.people.counted({one.person for there in first.values() for one in there})
    everywhere = seen.organizations.values()
    access = Access(
        gains=people.number[_GAINS],
        gains_in=sum(one.gains > 0 for one in everywhere),
        loses=people.number[_LOSES] + seen.unknown,
        loses_in=sum(one.loses > 0 for one in everywhere),
        moving=people.moving,
        other_roles=sum(one.other_roles for one in everywhere),
        deleted_organizations=sum(one.deleted for one in everywhere),
        deleted_with_them=sum(one.loses for one in everywhere if one.deleted),
        in_organizations=len(seen.organizations),
        organizations=tuple(_organization(one, first.get(one.slug, ()), people.of) for one in most),
        all_moves=len(people.moves),
        moves=tuple(_moves(people.moves)),
        growth=tuple(seen.growth[what].counted(what) for what in KINDS_OF_POWER if what in seen.growth),
        withheld=Withheld(
            gains=people.number[_WOULD_GAIN],
            loses=people.number[_WOULD_LOSE] + seen.would_go,
            other_roles=seen.would_change,
            growth=seen.would_grow,
        ),
    )
    return access if access != Access() else None


def with_loosened(plan: Plan, found: Iterable[Growth]) -> Plan:
    """Return a plan whose access says also what the documents that guard changes permit: guards, policies, and so on.

    Only what ``found`` counts is added, after what is there already.
    """
    loosened = tuple(one for one in found if one.number)
    access = plan.access or Access()
    access = structs.replace(access, loosened=(*access.loosened, *loosened))
    return structs.replace(plan, access=access) if loosened else plan


class _In(Struct, gc=False):
    """An organization as it is counted."""

    slug: str
    gains: int = 0
    loses: int = 0
    other_roles: int = 0
    deleted: bool = False
    roles: "_Roles | None" = None

    @property
    def weight(self) -> tuple[int, int, str]:
        """Return how early an organization stands: where most is lost, then where most changes at all."""
        return -self.loses, -(self.gains + self.other_roles), self.slug


class _Roles(Struct):
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


class _Growth(Struct):
    """Power of one sort as it is counted."""

    number: int = 0
    first: list[Grown] = []

    def counted(self, what: str) -> Growth:
        """Return what was counted."""
        one, many = KINDS_OF_POWER[what]
        return Growth(what=what, says=one if self.number == 1 else many, number=self.number, first=tuple(self.first))


class _Counted(Struct):
    """People, each counted once; where those go whom ``of`` names, and how many go from where to where."""

    number: Counter[int]
    moving: int
    moves: Counter[tuple[str, str]]
    of: Mapping[int, tuple[frozenset[str], frozenset[str]]]


class _People:
    """Who gains and who loses something where: of each a hash and a number, which take less memory than names."""

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(_PARTS)]
        self.slugs: list[str] = []

    def add(self, person: int, place: int) -> None:
        """Note one gain or loss: the hash of who it is, and the number of where and what it is."""
        self._parts[person % _PARTS].extend((person, place))

    def counted(self, named: Collection[int]) -> _Counted:
        """Return how many people there are of each sort, and who moves; of those that are named, from and to where."""
        number, moves = Counter[int](), Counter[tuple[str, str]]()
        of: dict[int, tuple[frozenset[str], frozenset[str]]] = {}
        moving = 0
        for key, places in self._by_person():
            sorts = {place % 4 for place in places}
            for sort in sorts:
                number[sort] += 1
            if not {_GAINS, _LOSES} <= sorts:
                continue
            joined, left = (self._of(places, sort) for sort in (_GAINS, _LOSES))
            pairs = [(origin, to) for origin, to in product(left, joined) if origin != to]
            moving += bool(pairs)
            moves.update(pairs)
            if key in named and pairs:
                of[key] = (frozenset(left), frozenset(joined))
        return _Counted(number, moving, moves, of)

    def _of(self, places: Iterable[int], sort: int) -> set[str]:
        return {self.slugs[place // 4] for place in places if place % 4 == sort}

    def _by_person(self) -> Iterator[tuple[int, list[int]]]:
        for part in self._parts:
            found: dict[int, list[int]] = {}
            for index in range(0, len(part), 2):
                found.setdefault(part[index], []).append(part[index + 1])
            yield from found.items()


class _Seen:
    """What was seen of the changes so far."""

    def __init__(self) -> None:
        self.organizations: dict[str, _In] = {}
        self.people = _People()
        self._addresses = array("q")  # of people of whom no user is known, and the number of where and what it is
        self.growth: dict[str, _Growth] = {}
        self.would_grow = self.would_change = 0
        self.unknown = self.would_go = 0  # members that go with organizations, of whom no user is known
        self._numbers: dict[str, int] = {}

    def count(self, change: Change, doomed: Mapping[str, Collection[str]]) -> None:
        """Count what a change of a member, or the delete of an organization, does to people."""
        effect = Effect.of(change)
        if not effect:
            return
        slug = str(change.namespace) if change.kind == MEMBER else change.name
        goes = change.withheld_by is None
        place = self._number(slug) * 4
        if change.kind == ORGANIZATION:
            users = doomed.get(slug, ())
            for user in users:
                self.people.add(hash(user), place + (_LOSES if goes else _WOULD_LOSE))
            unknown = max(0, effect.loses.members - len(users))
            self.unknown += unknown if goes else 0
            self.would_go += 0 if goes else unknown
        elif effect.gains.members:
            self._note(effect, place + (_GAINS if goes else _WOULD_GAIN))
        elif effect.loses.members:
            self._note(effect, place + (_LOSES if goes else _WOULD_LOSE))
        elif not goes:
            self.would_change += 1
        if goes:
            self._tally(slug, change, effect)

    def grow(self, change: Change, what: str, of_field: FieldChange | None) -> None:
        """Count power that grows."""
        if change.withheld_by is not None:
            self.would_grow += 1
            return
        growth = self.growth.setdefault(what, _Growth(first=[]))
        growth.number += 1
        if len(growth.first) < NAMED:
            at = next((Position(cause.file, cause.line) for cause in change.causes), None)
            values = {name: getattr(of_field, name) for name in ("path", "before", "after")} if of_field else {}
            growth.first.append(Grown(address=change.address, at=at, **values))

    def known_by_address(self, changes: Changes) -> Mapping[int, int]:
        """Count those of whom no user is known, and return which user has their address in another organization.

        So somebody who is written by hand here, and whom a rule makes a member there, is one person.
        """
        addresses, places = self._addresses[::2], self._addresses[1::2]
        wanted, users = set(addresses), dict[int, int]()
        for change in changes.only(kind=MEMBER) if wanted else ():
            if hash(change.name) in wanted and (user := user_of(change)):
                users[hash(change.name)] = hash(user)
        for address, place in zip(addresses, places, strict=True):
            self.people.add(users.get(address, address), place)
        return users

    def most(self) -> list[_In]:
        """Return the organizations to list, first those where most is lost."""
        return sorted(self.organizations.values(), key=lambda one: one.weight)[:MOST]

    def _note(self, effect: Effect, place: int) -> None:
        if effect.user:
            self.people.add(hash(effect.user), place)
        else:
            self._addresses.extend((hash(effect.address), place))

    def _number(self, slug: str) -> int:
        number = self._numbers.setdefault(slug, len(self._numbers))
        if number == len(self.people.slugs):
            self.people.slugs.append(slug)
        return number

    def _tally(self, slug: str, change: Change, effect: Effect) -> None:
        there = self.organizations.setdefault(slug, _In(slug))
        there.gains += effect.gains.members
        there.loses += effect.loses.members
        there.other_roles += isinstance(change, Update)
        there.deleted |= change.kind == ORGANIZATION
        if effect.gains.roles or effect.loses.roles:
            roles = there.roles = there.roles or _Roles()
            for role in effect.gains.roles:
                roles.gained[role] += 1
            for role in effect.loses.roles:
                roles.lost[role] += 1


class _Named(Struct, frozen=True):
    """One member to name, and who that is."""

    sort: type[Change]
    person: int  # a hash
    name: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]


def _first(changes: Changes, wanted: Mapping[str, _In], users: Mapping[int, int]) -> Mapping[str, list[_Named]]:
    """Return the first members of each sort in the organizations that are listed."""
    found: dict[str, list[_Named]] = {}
    numbers: Counter[tuple[str, type[Change]]] = Counter()
    for chunk in changes.chunks:
        slug = str(chunk.namespace)
        if chunk.kind != MEMBER or slug not in wanted or numbers[slug, chunk.action] >= NAMED:
            continue
        for change in chunk:
            if change.withheld_by is None and (effect := Effect.of(change)):
                numbers[slug, chunk.action] += 1
                person = hash(effect.user or effect.address)
                person = users.get(person, person)
                named = _Named(chunk.action, person, change.name, effect.gains.roles, effect.loses.roles)
                found.setdefault(slug, []).append(named)
                if numbers[slug, chunk.action] == NAMED:
                    break
    return found


def _organization(
    there: _In, first: Iterable[_Named], moves: Mapping[int, tuple[frozenset[str], frozenset[str]]]
) -> AccessIn:
    gaining, losing, changing = [], [], []
    for one in first:
        left, joined = moves.get(one.person, (frozenset(), frozenset()))
        if one.sort is Create:
            gaining.append(Person(name=one.name, roles=one.gains, moves=tuple(sorted(left - {there.slug}))))
        elif one.sort is Delete:
            losing.append(Person(name=one.name, roles=one.loses, moves=tuple(sorted(joined - {there.slug}))))
        else:
            changing.append(OtherRoles(name=one.name, gains=one.gains, loses=one.loses))
    roles = there.roles or _Roles()
    return AccessIn(
        organization=there.slug,
        gains=there.gains,
        loses=there.loses,
        other_roles=there.other_roles,
        deleted=there.deleted,
        roles_gained=dict(sorted(roles.gained.items())),
        roles_lost=dict(sorted(roles.lost.items())),
        gaining=tuple(gaining),
        losing=tuple(losing),
        changing=tuple(changing),
    )


def _moves(found: Counter[tuple[str, str]]) -> Iterator[Move]:
    for (origin, to), people in sorted(found.items(), key=lambda one: (-one[1], one[0]))[:MOST]:
        yield Move(origin=origin, destination=to, people=people)
