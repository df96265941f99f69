"""Access → a picture: from where to where people move, each band as thick as the number of people in it.

On the left stands where people come from, on the right where they go; who had no access, or has none any more, comes
from or goes to a place of its own. Upright it is measured in pixels; across, bands stretch to the room there is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct

from reconciler.model import Access

_SIDE: Final = 9  # organizations on a side; the others are one
_BODY: Final = 230.0  # of all people together, at most
_BODY_OF_ONE: Final = 60.0  # of a band, where there are few
_THICKEST: Final = 16.0  # of one person
_THINNEST: Final = 1.5  # of a band
_SLOT: Final = 26.0  # at least so much of a side belongs to one name
_GAP: Final = 8.0
_LONGEST: Final = 24  # characters of a name

Tone = Literal["comes", "moves", "goes"]
NOWHERE: Final = "\0nowhere"  # no slug has such a character
OTHERS: Final = "\0others"
Flows = Mapping[tuple[str, str], int]  # how many people go from where to where
Side = Mapping[str, int]  # people by place, from top to bottom


class Place(Struct, frozen=True, kw_only=True):
    """Where people come from or go: an organization (``slug``), or a place that stands for several or for none."""

    label: str
    slug: str = ""
    people: int
    top: float
    height: float

    @property
    def middle(self) -> float:
        """Return where its name stands."""
        return self.top + self.height / 2


class Band(Struct, frozen=True, kw_only=True):
    """People who go the same way, as a path."""

    says: str
    tone: Tone
    path: str


class Picture(Struct, frozen=True, kw_only=True):
    """Places on both sides, and the bands between them."""

    height: float
    left: tuple[Place, ...]
    right: tuple[Place, ...]
    bands: tuple[Band, ...]

    @property
    def tones(self) -> frozenset[Tone]:
        """Return the tones of its bands."""
        return frozenset(band.tone for band in self.bands)


def picture_of(access: Access | None, comes: str, goes: str) -> Picture | None:
    """Return the picture of who moves, None where nobody does; ``comes`` and ``goes`` name the places that are none."""
    every = _flows(access) if access else {}
    flows = _folded(every)
    if not flows:
        return None
    left, right = (_side(flows, at) for at in (0, 1))
    scale = min(_THICKEST, min(_BODY, _BODY_OF_ONE * len(flows)) / sum(flows.values()))
    height = max(_extent(left, scale), _extent(right, scale))
    starts, ends = (
        _places(side, scale, height, {NOWHERE: nowhere, OTHERS: f"{len({*names}) - len(side) + 1:,} others"})
        for side, nowhere, names in zip((left, right), (comes, goes), zip(*every, strict=True), strict=True)
    )
    return Picture(
        height=round(height),
        left=tuple(starts.values()),
        right=tuple(ends.values()),
        bands=tuple(_bands(flows, starts, ends)),
    )


def _flows(access: Access) -> Flows:
    """Return how many people go from where to where, as far as the organizations are listed."""
    flows = {(one.origin, one.destination): one.people for one in access.moves}
    joined, left = Counter[str](), Counter[str]()
    for (start, end), people in flows.items():
        left[start] += people
        joined[end] += people
    for one in access.organizations:
        if (new := one.gains - joined[one.organization]) > 0:
            flows[NOWHERE, one.organization] = new
        if (gone := one.loses - left[one.organization]) > 0:
            flows[one.organization, NOWHERE] = gone
    return flows


def _folded(flows: Flows) -> Flows:
    """Return flows between the largest places of each side, and one for all others."""
    kept = [_largest(flows, at) for at in (0, 1)]
    folded = Counter[tuple[str, str]]()
    for pair, people in flows.items():
        start, end = (name if name in names else OTHERS for name, names in zip(pair, kept, strict=True))
        folded[start, end] += people
    return folded


def _largest(flows: Flows, at: int) -> frozenset[str]:
    side = _side(flows, at)
    organizations = [name for name in side if name != NOWHERE]
    kept = organizations if len(organizations) <= _SIDE + 1 else organizations[:_SIDE]
    return frozenset((*kept, NOWHERE))


def _side(flows: Flows, at: int) -> Side:
    """Return the people of each place: first who comes from nowhere, last who goes there, the others by size."""
    people = Counter[str]()
    for pair, number in flows.items():
        people[pair[at]] += number
    ranks = {NOWHERE: 3 * at, OTHERS: 2}
    return dict(sorted(people.items(), key=lambda one: (ranks.get(one[0], 1), -one[1], one[0])))


def _extent(side: Side, scale: float) -> float:
    return sum(max(_SLOT, people * scale) for people in side.values()) + _GAP * (len(side) - 1)


def _places(side: Side, scale: float, height: float, labels: Mapping[str, str]) -> dict[str, Place]:
    """Return where the places of a side are, one below the other, in the middle of the height; some have labels."""
    top = (height - _extent(side, scale)) / 2
    places = {}
    for name, people in side.items():
        thick = max(_THINNEST, people * scale)
        slot = max(_SLOT, thick)
        label = labels.get(name)
        places[name] = Place(
            label=label or _short(name),
            slug="" if label else name,
            people=people,
            top=round(top + (slot - thick) / 2, 1),
            height=round(thick, 1),
        )
        top += slot + _GAP
    return places


def _bands(flows: Flows, starts: Mapping[str, Place], ends: Mapping[str, Place]) -> Iterator[Band]:
    """Yield a band for each flow; in a place they lie in the order of the places at their other ends."""
    left, right = ({name: place.top for name, place in side.items()} for side in (starts, ends))
    for start, place in starts.items():
        for end, other in ends.items():
            if people := flows.get((start, end), 0):
                thick, thin = (one.height * people / one.people for one in (place, other))
                yield Band(
                    says=f"{place.label} → {other.label}: {people:,}",
                    tone="comes" if start == NOWHERE else "goes" if end == NOWHERE else "moves",
                    path=_path(left[start], thick, right[end], thin),
                )
                left[start] += thick
                right[end] += thin


def _path(start: float, thick: float, end: float, thin: float) -> str:
    one, other, below, beneath = (f"{each:.1f}" for each in (start, end, start + thick, end + thin))
    return f"M0 {one}C50 {one} 50 {other} 100 {other}V{beneath}C50 {beneath} 50 {below} 0 {below}Z"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
