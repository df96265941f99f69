"""The difference of two specs, field by declared field.

Only what is declared is compared. Metadata is compared key by key, everything else whole; ``None`` declares that a
value is to be cleared. Both sides come normalised by their kind.
"""

from collections.abc import Collection, Iterator

from msgspec import UNSET

from reconciler.model import FieldChange, Json, Path, Spec

NOTHING: tuple[Json, ...] = (None, "", [], {})


def same(a: Json, b: Json) -> bool:
    """Tell whether two JSON values are equal, never mistaking true for 1."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def diff_fields(
    desired: Spec, live: Spec, *, merged: Collection[str], ignore: Collection[Path] = ()
) -> Iterator[FieldChange]:
    """Yield a change for each declared value that is not live.

    ``merged`` names the fields whose keys are managed one by one (metadata); ``ignore`` holds paths below the spec
    that are never compared.
    """
    for name, value in desired.items():
        if (name,) in ignore:
            continue
        if name in merged and isinstance(value, dict):
            there = live.get(name) or {}
            for key, inner in value.items():
                if (name, key) not in ignore:
                    yield from _compare((name, key), inner, there.get(key, UNSET))
        else:
            yield from _compare((name,), value, live.get(name, UNSET))


def _compare(path: Path, desired: Json, live: Json) -> Iterator[FieldChange]:
    if desired is None:
        if live is not UNSET and live not in NOTHING:
            yield FieldChange(path=path, before=live)
    elif live is UNSET or live is None or live == "":
        if live is UNSET or desired not in ([], ""):
            yield FieldChange(path=path, after=desired)
    elif not same(desired, live):
        yield FieldChange(path=path, before=live, after=desired)


def created_fields(*specs: Spec, merged: Collection[str]) -> tuple[FieldChange, ...]:
    """Give the fields of a new thing: every declared value, with nothing to clear; later specs add to earlier ones."""
    fields: dict[Path, FieldChange] = {}
    for spec in specs:
        for change in diff_fields(spec, {}, merged=merged):
            fields.setdefault(change.path, change)
    return tuple(fields.values())
