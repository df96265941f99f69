"""Split translated resources into those that ``validate`` accepts and those that are left out, with the reason."""

from collections.abc import Mapping, Sequence

from msgspec import structs

from reconciler.as_written import as_written
from reconciler.conform import conforms
from reconciler.diff.fields import NOTHING
from reconciler.export.manifests import LeftOut, Manifest
from reconciler.export.sound import Sound, sound
from reconciler.kinds import KINDS
from reconciler.migration.values import Everywhere
from reconciler.model import Spec
from reconciler.schema import Kind

LeftOuts = Mapping[str, Sequence[LeftOut]]  # by environment


def declarable(things: Everywhere, environments: Sequence[str]) -> tuple[Everywhere, LeftOuts]:
    """Return the resources that pass the checks of ``validate``, and what is left out, by environment."""
    passed = {environment: _passed(things, environment) for environment in environments}
    kept = {environment: {each.key: each.spec for each in found.manifests} for environment, found in passed.items()}
    held = {
        (kind, name): {each: kept[each][kind, None, name] for each in specs if (kind, None, name) in kept[each]}
        for (kind, name), specs in things.items()
    }
    left_out = {environment: found.left_out for environment, found in passed.items()}
    return {key: specs for key, specs in held.items() if specs}, left_out


def _passed(things: Everywhere, environment: str) -> Sound:
    every = [
        Manifest(kind=kind, name=name, spec=_said(KINDS[kind], specs[environment]))
        for (kind, name), specs in things.items()
        if environment in specs
    ]
    lacking = {each.address: sorted(KINDS[each.kind].required - each.spec.keys()) for each in every}
    found = sound([each for each in every if not lacking[each.address]], live={}, last_four={})
    unmade = [
        LeftOut(address=address, reason=f"it has no {name}, which is required")
        for address, names in lacking.items()
        for name in names[:1]
    ]
    return structs.replace(found, left_out=[*unmade, *found.left_out])


def _said(kind: Kind, spec: Spec) -> Spec:
    """Return the fields as a manifest holds them, without empty values that the kind does not accept."""
    written = as_written(kind, spec)
    return {
        name: value for name, value in written.items() if value not in NOTHING or conforms({name: value}, kind.spec)
    }
