"""One export from end to end: live state → files, and a list of what could not be exported."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from reconciler.config.read import Config
from reconciler.diff.ownership import Owner
from reconciler.documents.read import FOLDERS
from reconciler.errors import InvalidInput
from reconciler.export.checks import checked
from reconciler.export.files import Files, documents, in_files
from reconciler.export.live import LiveProject, live_members, read_exportable
from reconciler.export.manifests import LeftOut, Manifest
from reconciler.export.organizations import NAME, TABLE, as_set, with_owner
from reconciler.export.secrets import Needed, with_secrets
from reconciler.export.spec import as_written, without_defaults
from reconciler.kinds import KINDS
from reconciler.load.references import names_in
from reconciler.load.repository import Declared, load_documents
from reconciler.model import ORGANIZATION, Live, Resource, address
from reconciler.read.run import Run


class ExportRequest(Struct, frozen=True, kw_only=True):
    """The options of an export."""

    only: Sequence[str] = ()
    unmanaged: bool = False
    members: bool = False
    adopt: bool = False
    table: bool = False


class Exported(Struct, frozen=True, kw_only=True):
    """The files by their names, the tables among them, what was left out, and the secrets that are needed."""

    files: Files
    tables: Mapping[str, str]
    left_out: Sequence[LeftOut]
    secrets: Sequence[Needed]


def export(run: Run, request: ExportRequest) -> Exported:
    """Return the files of the live state. Nothing is written."""
    config = run.config
    declared = load_documents(config) if any((config.root / folder).exists() for folder in FOLDERS) else Declared()
    return gather(run, declared, read_exportable(run, declared), request)


def gather(run: Run, declared: Declared, found: LiveProject, request: ExportRequest) -> Exported:
    """Return the files of the live state ``found``."""
    live, left_out, owner = list(found.live), list(found.left_out), run.config.owner
    if request.members:
        organizations = [each for each in live if each.kind == ORGANIZATION]
        members, others = live_members(run.client, organizations, owner)
        live += members
        left_out += others
    chosen = narrowed(live if request.unmanaged else managed(live, run.config, declared), request.only)
    ours = {each.name for each in declared.organizations if each.ensure == "present"}
    manifests = [_manifest(each, owner, adopt=request.adopt or each.name in ours) for each in chosen]
    manifests = [each for each in manifests if each.spec or each.name not in KINDS[each.kind].identity.singletons]
    manifests, needed = with_secrets(manifests, by_address(declared))
    manifests = [structs.replace(each, spec=as_written(KINDS[each.kind], each.spec)) for each in manifests]
    manifests += named_only(manifests, {each.address: each for each in live})
    last_four = {each.name: each.last_four for each in needed}
    passed = checked(manifests, {each.address: each.spec for each in live}, last_four)
    files: Files = {}
    manifests = passed.manifests
    kept = {each.address for each in manifests}
    if request.table:
        manifests, files = as_set(manifests)
    manifests, texts = in_files(manifests)
    return Exported(
        files={**documents(manifests), **texts, **files},
        tables={NAME: TABLE} if TABLE in files else {},
        left_out=[*left_out, *passed.left_out],
        secrets=[each for each in needed if each.address in kept],
    )


def managed(live: Sequence[Live], config: Config, declared: Declared) -> Sequence[Live]:
    """Return the resources that the repository declares; all resources of its kinds where it declares none yet."""
    if not declared.resources:
        return [each for each in live if config.kinds is None or each.kind in config.kinds]
    kinds, names = declared.kinds(config), by_address(declared)
    return [each for each in live if each.kind in kinds and each.address in names]


def by_address(declared: Declared) -> Mapping[str, Resource]:
    """Return the declared resources by every address that they can have in Stytch."""
    found: dict[str, Resource] = {}
    for resource in declared.resources:
        found[resource.address] = resource
        if resource.renamed_from:
            found[address(resource.kind, resource.namespace, resource.renamed_from)] = resource
    return found


def narrowed(live: Sequence[Live], only: Collection[str]) -> Sequence[Live]:
    """Return what ``--only`` names: an address, a kind, or ``organization=SLUG``.

    Raises ``InvalidInput`` where a value names no live resource.
    """
    found = {chosen: [each for each in live if chosen in _called(each)] for chosen in only}
    if nothing := [chosen for chosen, every in found.items() if not every]:
        raise InvalidInput(
            f"--only {nothing[0]} names no live resource",
            hint=f"use an address, or one of the kinds {', '.join(KINDS)}",
        )
    wanted = {each.address for every in found.values() for each in every}
    return [each for each in live if each.address in wanted] if only else live


def _called(live: Live) -> tuple[str, ...]:
    slug = live.name if live.kind == ORGANIZATION else live.namespace
    return live.address, live.kind, f"organization={slug}"


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


def _manifest(live: Live, owner: Owner, *, adopt: bool) -> Manifest:
    kind = KINDS[live.kind]
    spec = without_defaults(kind, live.spec)
    manifest = Manifest(kind=live.kind, namespace=live.namespace, name=live.name, spec=spec)
    return with_owner(manifest, live, owner, adopt=adopt) if live.kind == ORGANIZATION else manifest
