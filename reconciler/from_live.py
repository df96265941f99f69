"""``init --from-live``: a whole repository, written from what a project holds. Its first plan is empty."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import structs

from reconciler.clients.data import Client
from reconciler.config import FILE, Config
from reconciler.errors import Refused
from reconciler.export.gather import Exported, Wanted, gather
from reconciler.export.live import read_live
from reconciler.load import Declared
from reconciler.marks import Owner, Whose, mark_of
from reconciler.model import MARK_KEY, Json, Live, Place
from reconciler.scaffold import FILES
from reconciler.settings import OwnerName
from reconciler.traits import API_VERSION
from reconciler.writing import Store
from reconciler.yaml_text import block

TITLE: Final = (
    "# Which Stytch project this repository keeps, and how. "
    "Every setting: docs/configuration.md of stytch-reconciler.\n"
)
# Texts of Stytch's come back from files to the byte only if git leaves their line ends alone.
ATTRIBUTES: Final = "/files/** -text\n"
RULES: Final = """\
# Which user belongs to which organization: none yet. Once reconciler.yaml says where users come from, for example:
#
# apiVersion: reconciler/v1
# kind: MappingRules
# metadata: {name: members}
# spec:
#   rules:
#     - name: by-email-domain             # a verified address in a domain that an organization lists
#       match: {email_domain: {organization: trusted_metadata.email_domains, subdomains: true}}
#       assign: [{organization: "${{ organization.name }}"}]
"""


def repository(config: Config, client: Client, store: Store, wanted: Wanted) -> Exported:
    """Read the project and give every file of a repository that declares it as it is.

    ``config`` says which project that is, as far as the credentials do not; its environment may be "". The owner is the
    one that the marks of organizations name, so that a repository that was lost can be written anew.
    """
    if not client.has_data and not (config.target.project and config.target.environment):
        hint = "set STYTCH_PROJECT_ID and STYTCH_SECRET, or give --project SLUG --environments SLUG"
        raise Refused("nothing says which project and environment of the workspace is meant", hint=hint)
    found = read_live(config, Declared(), client, store)
    name = config.environment or _sort(found.place)
    config = structs.replace(config, environment=name, owner=Owner(_owner(found.live, found.place)))
    exported = gather(config, Declared(), found, client, structs.replace(wanted, unmanaged=True))
    files = {
        **exported.files,
        "rules/members.yaml": RULES,
        ".gitignore": FILES[".gitignore"],
        ".gitattributes": ATTRIBUTES,
        FILE: TITLE + block(_configuration(config, found.place, exported.tables)),  # last, when all else is there
    }
    return structs.replace(exported, files=files, tables={})  # which the configuration names already


def _owner(live: Sequence[Live], place: Place) -> str:
    """Give the owner whom most marks name, or else the project's name, as far as that can be one."""
    marked = Counter(filter(None, (_marked_by(each) for each in live if each.kind == "Organization")))
    names = [*(owner for owner, _ in marked.most_common()), place.project[:64]]
    return next(filter(_can_own, names), "my-identity")


def _marked_by(organization: Live) -> str:
    """Give the owner that a mark names which proves something."""
    mark: Json = (organization.spec.get("trusted_metadata") or {}).get(MARK_KEY)
    owner = str(mark.get("owner")) if isinstance(mark, dict) else ""
    return owner if mark_of(organization, Owner(owner))[0] is Whose.OURS else ""


def _can_own(name: str) -> bool:
    try:
        msgspec.convert(name, OwnerName)
    except msgspec.ValidationError:
        return False
    return True


def _sort(place: Place) -> str:
    return "live" if place.is_live else "test"


def _configuration(config: Config, place: Place, tables: Mapping[str, str]) -> dict[str, Json]:
    """Give what ``reconciler.yaml`` says: which project and environment it is, to the id."""
    slugs = {"project": place.project, "environment": place.environment} if place.project else {}
    target = {"type": _sort(place), "project_id": place.project_id, **slugs}
    environment = {"target": target, **({"tables": dict(tables)} if tables else {})}
    return {
        "apiVersion": API_VERSION,
        "kind": "Configuration",
        "name": config.owner.name,
        "environments": {config.environment: environment},
    }
