"""The difference of two specs, field by declared field.

Only what is declared is compared. Metadata is compared key by key, lists whose items have a key item by item,
everything else whole; ``None`` declares that a value is to be cleared. Both sides come normalised by their kind.
"""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import UNSET

from reconciler.model import FieldChange, Json, Path, Spec

NOTHING: tuple[Json, ...] = (None, "", [], {})
NO_KEYS: Final[Mapping[str, str]] = MappingProxyType({})


def same(a: Json, b: Json) -> bool:
    """Return whether two JSON values are equal, never mistaking true for 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def diff_fields(
    desired: Spec,
    live: Spec,
    *,
    merged: Collection[str],
    keyed: Mapping[str, str] = NO_KEYS,
    ignore: Collection[Path] = (),
) -> Iterator[FieldChange]:
    """Yield a change for each declared value that is not live.

    ``merged`` names the fields whose keys are managed one by one (metadata), ``keyed`` the lists whose items are told
    apart by a key; ``ignore`` holds paths below the spec that are never compared.
    """
    for name, value in desired.items():
        if (name,) in ignore:
            continue
        if name in merged and isinstance(value, dict):
            there = live.get(name) or {}
            for key, inner in value.items():
                if (name, key) not in ignore:
                    yield from _compare((name, key), inner, there.get(key, UNSET))
        elif name in keyed and (value or (value is not None and live.get(name))):
            yield from _compare_items(name, by_key(value, keyed[name]), by_key(live.get(name) or (), keyed[name]))
        else:
            yield from _compare((name,), value, live.get(name, UNSET))


def clears(change: FieldChange) -> bool:
    """Return whether a change takes a value away and puts none in its place."""
    return change.before not in (UNSET, *NOTHING) and change.after in (UNSET, *NOTHING)


def _compare(path: Path, desired: Json, live: Json) -> Iterator[FieldChange]:
    if desired is None:
        if live is not UNSET and live not in NOTHING:
            yield FieldChange(path=path, before=live)
    elif live is UNSET or live is None or live == "":
        if live is UNSET or desired not in ([], ""):
            yield FieldChange(path=path, after=desired)
    elif not same(desired, live):
        yield FieldChange(path=path, before=live, after=desired)


def by_key(items: Json, key: str) -> Mapping[str, Json]:
    """Return the items of a list by the value that tells them apart."""
    return {str(item.get(key)): item for item in items}


def _compare_items(name: str, desired: Mapping[str, Json], live: Mapping[str, Json]) -> Iterator[FieldChange]:
    for key, item in desired.items():
        yield from _compare((name, key), item, live.get(key, UNSET))
    for key, item in live.items():
        if key not in desired:
            yield FieldChange(path=(name, key), before=item)


def created_fields(
    *specs: Spec, merged: Collection[str], keyed: Mapping[str, str] = NO_KEYS
) -> tuple[FieldChange, ...]:
    """Return the fields of a new resource: every declared value, with nothing to clear; a spec wins over later ones."""
    fields: list[FieldChange] = []
    said: set[Path] = set()
    for spec in specs:
        changes = diff_fields(spec, {}, merged=merged, keyed=keyed)
        fields.extend(change for change in changes if change.path not in said and change.path[:1] not in said)
        said.update(paths_of(spec, merged))
    return tuple(fields)


def paths_of(spec: Spec, merged: Collection[str]) -> Iterator[Path]:
    """Yield what a spec speaks of: each key of what is managed key by key, everything else whole."""
    for name, value in spec.items():
        if name in merged and isinstance(value, dict):
            yield from ((name, key) for key in value)
        else:
            yield (name,)
