"""One export from end to end: live state → files, and a list of what could not be exported."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from reconciler.as_written import as_written
from reconciler.clients.data import Client
from reconciler.config import Config
from reconciler.documents import FOLDERS
from reconciler.export.choice import by_address, managed, named_only, narrowed
from reconciler.export.defaults import without_defaults
from reconciler.export.layout import Files, documents, in_files
from reconciler.export.live import Found, read_live
from reconciler.export.manifests import LeftOut, Manifest
from reconciler.export.members import live_members
from reconciler.export.organizations import NAME, TABLE, as_set, with_owner
from reconciler.export.secrets import Needed, with_secrets
from reconciler.export.sound import sound
from reconciler.kinds import KINDS
from reconciler.load import Declared, load
from reconciler.marks import Owner
from reconciler.model import Live
from reconciler.writing import Store


class Wanted(Struct, frozen=True, kw_only=True):
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


def export(config: Config, client: Client, store: Store, wanted: Wanted) -> Exported:
    """Read the live state and return its files. Nothing is written."""
    declared = load(config) if any((config.root / folder).exists() for folder in FOLDERS) else Declared()
    return gather(config, declared, read_live(config, declared, client, store), client, wanted)


def gather(config: Config, declared: Declared, found: Found, client: Client, wanted: Wanted) -> Exported:
    """Return the files of the live state ``found``."""
    live, left_out = list(found.live), list(found.left_out)
    if wanted.members:
        organizations = [each for each in live if each.kind == "Organization"]
        members, others = live_members(client, organizations, config.owner)
        live += members
        left_out += others
    chosen = narrowed(live if wanted.unmanaged else managed(live, config, declared), wanted.only)
    ours = {each.name for each in declared.organizations if each.ensure == "present"}
    manifests = [_manifest(each, config.owner, adopt=wanted.adopt or each.name in ours) for each in chosen]
    manifests = [each for each in manifests if each.spec or each.name not in KINDS[each.kind].singletons]
    manifests, needed = with_secrets(manifests, by_address(declared))
    manifests = [structs.replace(each, spec=as_written(KINDS[each.kind], each.spec)) for each in manifests]
    manifests += named_only(manifests, {each.address: each for each in live})
    last_four = {each.name: each.last_four for each in needed}
    passed = sound(manifests, {each.address: each.spec for each in live}, last_four)
    files: Files = {}
    manifests = passed.manifests
    kept = {each.address for each in manifests}
    if wanted.table:
        manifests, files = as_set(manifests)
    manifests, texts = in_files(manifests)
    return Exported(
        files={**documents(manifests), **texts, **files},
        tables={NAME: TABLE} if TABLE in files else {},
        left_out=[*left_out, *passed.left_out],
        secrets=[each for each in needed if each.address in kept],
    )


def _manifest(live: Live, owner: Owner, *, adopt: bool) -> Manifest:
    kind = KINDS[live.kind]
    spec = without_defaults(kind, live.spec)
    manifest = Manifest(kind=live.kind, namespace=live.namespace, name=live.name, spec=spec)
    return with_owner(manifest, live, owner, adopt=adopt) if live.kind == "Organization" else manifest
