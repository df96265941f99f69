"""``init --from-live``: write a complete repository from a live project. Its first plan is empty."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import structs

from reconciler.config.read import FILE, Config
from reconciler.config.schema import OwnerName
from reconciler.diff.ownership import Owner, Whose, mark_of
from reconciler.documents.yaml_writer import block
from reconciler.errors import Refused
from reconciler.export.gather import Exported, ExportRequest, gather
from reconciler.export.live import read_exportable
from reconciler.export.starter import FILES
from reconciler.load.repository import Declared
from reconciler.model import MARK_KEY, ORGANIZATION, Json, Live, Target
from reconciler.model.resources import API_VERSION
from reconciler.read.run import Run

TITLE: Final = (
    "# The Stytch project that this repository manages, and its settings. "
    "Every setting: docs/configuration.md of stytch-reconciler.\n"
)
# Git must not change the line ends of these files: the texts in them must stay exactly as Stytch has them.
ATTRIBUTES: Final = "/files/** -text\n"
RULES: Final = """\
# Rules that say which user belongs to which organization: none yet. They need `users` in reconciler.yaml. An example:
#
# apiVersion: reconciler/v1
# kind: MappingRules
# metadata: {name: members}
# spec:
#   rules:
#     - name: by-email-domain             # users with a verified address in a domain that an organization lists
#       match: {email_domain: {organization: trusted_metadata.email_domains, subdomains: true}}
#       assign: [{organization: "${{ organization.name }}"}]
"""

# The same files in every repository that is written for a project.
COMMON_FILES: Final[Mapping[str, str]] = {
    "rules/members.yaml": RULES,
    ".gitignore": FILES[".gitignore"],
    ".gitattributes": ATTRIBUTES,
}


def repository(run: Run, request: ExportRequest) -> Exported:
    """Read the project. Return every file of a repository that declares its live state.

    The configuration names the project where the credentials do not; its environment may be "". The owner is the one in
    the marks of the organizations, so that a lost repository can be written again.
    """
    config = run.config
    if not run.client.has_data and not (config.target.project and config.target.environment):
        hint = "set STYTCH_PROJECT_ID and STYTCH_SECRET, or give --project SLUG --environments SLUG"
        raise Refused("no project and no environment of the workspace is chosen", hint=hint)
    found = read_exportable(run, Declared())
    name = config.environment or _type(found.target)
    config = structs.replace(config, environment=name, owner=Owner(_owner(found.live, found.target)))
    exported = gather(structs.replace(run, config=config), Declared(), found, structs.replace(request, unmanaged=True))
    files = {
        **exported.files,
        **COMMON_FILES,
        FILE: TITLE + block(_configuration(config, found.target, exported.tables)),  # last: the rest is written
    }
    return structs.replace(exported, files=files, tables={})  # the configuration already names the tables


def _owner(live: Sequence[Live], target: Target) -> str:
    """Return the owner that most marks name, else the project's name, where these are valid owner names."""
    marked = Counter(filter(None, (_marked_by(each) for each in live if each.kind == ORGANIZATION)))
    names = [*(owner for owner, _ in marked.most_common()), target.project[:64]]
    return next(filter(_can_own, names), "my-identity")


def _marked_by(organization: Live) -> str:
    """Return the owner that a valid mark of the organization names, or ""."""
    mark: Json = (organization.spec.get("trusted_metadata") or {}).get(MARK_KEY)
    owner = str(mark.get("owner")) if isinstance(mark, dict) else ""
    return owner if mark_of(organization, Owner(owner))[0] is Whose.OURS else ""


def _can_own(name: str) -> bool:
    try:
        msgspec.convert(name, OwnerName)
    except msgspec.ValidationError:
        return False
    return True


def _type(target: Target) -> str:
    return "live" if target.is_live else "test"


def _configuration(config: Config, target: Target, tables: Mapping[str, str]) -> dict[str, Json]:
    """Return the content of ``reconciler.yaml``, with the project id of the environment."""
    slugs = {"project": target.project, "environment": target.environment} if target.project else {}
    named = {"type": _type(target), "project_id": target.project_id, **slugs}
    environment = {"target": named, **({"tables": dict(tables)} if tables else {})}
    return {
        "apiVersion": API_VERSION,
        "kind": "Configuration",
        "name": config.owner.name,
        "environments": {config.environment: environment},
    }
