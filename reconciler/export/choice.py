"""Choose the live resources to export, and find those that the exported ones refer to."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from reconciler.config import Config
from reconciler.errors import InvalidInput
from reconciler.export.manifests import Manifest
from reconciler.kinds import KINDS
from reconciler.load import Declared
from reconciler.model import Live, Resource, address
from reconciler.references import names_in

Chosen = Sequence[Live]


def managed(live: Chosen, config: Config, declared: Declared) -> Chosen:
    """Return the resources that the repository declares; all resources of its kinds where it declares none yet."""
    if not declared.resources:
        return [each for each in live if config.kinds is None or each.kind in config.kinds]
    kinds, names = config.kinds_of(declared), by_address(declared)
    return [each for each in live if each.kind in kinds and each.address in names]


def by_address(declared: Declared) -> Mapping[str, Resource]:
    """Return the declared resources by every address that they can have in Stytch."""
    return dict(_addresses(declared))


def _addresses(declared: Declared) -> Iterator[tuple[str, Resource]]:
    for resource in declared.resources:
        yield resource.address, resource
        if resource.renamed_from:
            yield address(resource.kind, resource.namespace, resource.renamed_from), resource


def narrowed(live: Chosen, only: Collection[str]) -> Chosen:
    """Return what ``--only`` names: an address, a kind, or ``organization=SLUG``.

    Raises ``InvalidInput`` where a value names no live resource.
    """
    found = {one: [each for each in live if one in _called(each)] for one in only}
    if nothing := [one for one, every in found.items() if not every]:
        raise InvalidInput(
            f"--only {nothing[0]} names no live resource",
            hint=f"use an address, or one of the kinds {', '.join(KINDS)}",
        )
    wanted = {each.address for every in found.values() for each in every}
    return [each for each in live if each.address in wanted] if only else live


def _called(live: Live) -> tuple[str, ...]:
    slug = live.name if live.kind == "Organization" else live.namespace
    return (live.address, live.kind, f"organization={slug}")


def named_only(manifests: Sequence[Manifest], live: Mapping[str, Live]) -> Iterator[Manifest]:
    """Yield a manifest with ``ensure: external`` for each other resource that these manifests refer to."""
    seen = {manifest.address for manifest in manifests}
    for manifest in manifests:
        kind = KINDS[manifest.kind]
        others = [address(str(kind.namespace), manifest.namespace)] if manifest.namespace else []
        for _, reference, name in names_in(manifest.kind, manifest.spec):
            others.append(address(reference.kind, manifest.name if reference.late else None, name))
        for other in others:
            if other in live and other not in seen:
                seen.add(other)
                found = live[other]
                yield Manifest(kind=found.kind, name=found.name, namespace=found.namespace, spec={}, ensure="external")
