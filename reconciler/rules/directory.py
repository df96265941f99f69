"""The declared organizations as rules look for them: by slug, by name, by external id."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from reconciler.expressions import fold, trimmed
from reconciler.model import Json, Resource

EXTERNAL_ID: Final = "organization_external_id"
By = Literal["slug", "name", "external_id"]


class Directory(Struct, frozen=True):
    """Slugs of the organizations that can be named, by each of their keys; ``elsewhere`` are other environments'."""

    declared: Mapping[str, Resource]
    by_name: Mapping[str, tuple[str, ...]]
    by_external_id: Mapping[str, tuple[str, ...]]
    elsewhere: Mapping[By, frozenset[str]]

    def find(self, by: By, key: str) -> tuple[str, ...]:
        """Return the slugs of the organizations that have this key; several may share a name."""
        if by == "slug":
            return (key,) if key in self.declared else ()
        return (self.by_name if by == "name" else self.by_external_id).get(key, ())

    def is_proven(self, slug: str, text: str) -> bool:
        """Return whether the text of a slug is the organization's slug or name, apart from case and spaces."""
        wanted = fold(trimmed(text))
        name = field_of(self.declared[slug], "organization_name")
        return wanted == fold(slug) or (isinstance(name, str) and wanted == fold(trimmed(name)))

    def known(self, by: By) -> list[str]:
        """Return every key of a sort, sorted: what a mistyped one may have meant."""
        if by == "slug":
            return sorted({*self.declared, *self.elsewhere["slug"]})
        return sorted(self.by_name if by == "name" else self.by_external_id)


def directory_of(
    organizations: Iterable[Resource], elsewhere: frozenset[str], others: Iterable[Resource] = ()
) -> Directory:
    """Index the organizations of an environment.

    ``elsewhere`` are the slugs of those declared for other environments only, ``others`` as many of them as are known.
    """
    declared = {organization.name: organization for organization in organizations}
    names: defaultdict[str, list[str]] = defaultdict(list)
    external_ids: defaultdict[str, list[str]] = defaultdict(list)
    for slug, organization in sorted(declared.items(), key=lambda item: (item[1].ensure == "absent", item[0])):
        for keys, field in ((names, "organization_name"), (external_ids, EXTERNAL_ID)):
            value = field_of(organization, field)
            key = trimmed(value) if isinstance(value, str) else ""
            if key and not (organization.ensure == "absent" and keys[key]):
                keys[key].append(slug)
    return Directory(
        declared,
        {key: tuple(slugs) for key, slugs in names.items()},
        {key: tuple(slugs) for key, slugs in external_ids.items()},
        {"slug": elsewhere, "name": _keys(others, "organization_name"), "external_id": _keys(others, EXTERNAL_ID)},
    )


def _keys(organizations: Iterable[Resource], field: str) -> frozenset[str]:
    found = (field_of(organization, field) for organization in organizations)
    return frozenset(trimmed(value) for value in found if isinstance(value, str))


def field_of(organization: Resource, field: str) -> Json:
    """Return what an organization declares for a field, at create or always."""
    return organization.spec.get(field, organization.initial.get(field))
