"""Field types and checks that several kinds share: external ids, metadata, domains, roles."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from msgspec import Meta, json

from reconciler.expressions.text import mail_domain
from reconciler.model import IMPLICIT_ROLE, MARK_KEY, Json, Path, Problem, Resource, Spec
from reconciler.schema.domains import is_common

Slug = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=128,
        pattern=r"^[A-Za-z0-9._~-]+$(?!\n)",
        description="an organization_slug: letters, digits and - . _ ~",
    ),
]
# Of a project or an environment. Stytch does not say what these may hold: any character that needs no escape in a URL.
WorkspaceSlug = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9._~-]+$(?!\n)",
        description="a slug: letters, digits and - . _ ~",
    ),
]
ExternalId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9._|-]+$(?!\n)",
        description="an external id: letters, digits and . _ - |",
    ),
]
Text = Annotated[str, Meta(pattern=r"\S", description="a non-blank string")]
STYTCH_ID: Final = re.compile(r"[a-z0-9-]+-(test|live)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

METADATA_KEYS: Final = 20  # top-level keys of one metadata object (docs/stytch.md, "Sizes")
METADATA_BYTES: Final = 4096
MARK_BYTES: Final = 512  # kept free for our mark


def is_id(text: str) -> bool:
    """Return whether a text is an id as Stytch gives them, and no name."""
    return STYTCH_ID.fullmatch(text) is not None


def universal(text: str) -> str:
    """Return a text with the line ends of whichever system as plain ones: none of Stytch's texts means them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_metadata(resource: Resource, path: Path, metadata: Spec | None, *, marked: bool) -> Iterator[Problem]:
    """Yield what keeps a metadata object from being stored; ``marked`` says that our mark is one of its keys."""
    if not metadata:
        return
    name = path[-1]
    if marked and MARK_KEY in metadata:
        yield resource.problem(
            "reserved-key",
            f"the key {MARK_KEY} in {name} is the reconciler's own mark",
            "choose another key",
            (*path, MARK_KEY),
        )
    kept = {key: value for key, value in metadata.items() if value is not None}
    if len(kept) + marked > METADATA_KEYS:
        own = f", and the reconciler's mark needs one of them; {len(kept)} are declared" if marked else ""
        message = f"{name} has {len(kept) + marked} keys; Stytch keeps {METADATA_KEYS}{own}"
        yield resource.problem("metadata-too-large", message, "remove keys, or nest them", path)
    size, limit = len(json.encode(kept)), METADATA_BYTES - MARK_BYTES * marked
    if size > limit:
        rest = f", and {MARK_BYTES} of them are reserved for the reconciler's mark" if marked else ""
        message = f"{name} takes {size:,} bytes as JSON; Stytch keeps {METADATA_BYTES:,}{rest}"
        yield resource.problem("metadata-too-large", message, "keep large values elsewhere", path)


def check_domains(resource: Resource, path: Path, domains: Sequence[Json]) -> Iterator[Problem]:
    """Yield what is no domain, belongs to a mail provider, or is listed twice."""
    first: dict[str, Path] = {}
    for index, domain in enumerate(domains):
        here = (*path, str(index))
        label = mail_domain(domain)
        if label is None:
            yield resource.problem("not-a-domain", f"{domain!r} is not a domain name", "write it as acme.example", here)
        elif is_common(label):
            yield common_domain(resource, path[-1], label, here)
        elif label in first:
            message = f"{label} is listed twice in {path[-1]}"
            yield resource.problem("listed-twice", message, "remove one of the two", here, first[label])
        else:
            first[label] = here


def common_domain(resource: Resource, field: str, domain: str, path: Path) -> Problem:
    """Return the error about a mail provider's domain where an organization's own is meant."""
    message = f"{domain} in {field} belongs to a mail provider: anybody can get an address there"
    return resource.problem("common-domain", message, "list only domains that the organization owns", path)


def check_role(resource: Resource, path: Path, role: Json) -> Iterator[Problem]:
    """Yield an error if the role is the one that everybody has."""
    if role == IMPLICIT_ROLE:
        message = f"{IMPLICIT_ROLE} is every member's role and can be neither given nor withdrawn"
        yield resource.problem("implicit-role", message, "remove it", path)


def check_listed_once(resource: Resource, path: Path, values: Sequence[Json]) -> Iterator[Problem]:
    """Yield an error for each value that a list holds twice."""
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        at = first.setdefault(str(value), index)
        if at != index:
            places = (*path, str(index)), (*path, str(at))
            message = f"{value} is listed twice in {path[-1]}"
            yield resource.problem("listed-twice", message, "remove one of the two", *places)
