"""The declared organizations as rules look for them: by slug, name or external id, or by a domain that they list."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from reconciler.expressions.text import domain_label, fold, trimmed
from reconciler.expressions.values import kind_of
from reconciler.model import Json, Position, Problem, Resource, problem
from reconciler.schema.domains import why_nobodys
from reconciler.suggest import joined, suggest_existing

# Warnings to read, and yet they leave open what the users on a domain get.
SHARED_DOMAIN: Final = "shared-domain"
COMMON_DOMAIN: Final = "common-domain"
OF_DOMAINS: Final = frozenset({SHARED_DOMAIN, COMMON_DOMAIN})
EXTERNAL_ID: Final = "organization_external_id"
By = Literal["slug", "name", "external_id"]


class Directory(Struct, frozen=True):
    """Slugs of organizations, by each key that can name them; ``elsewhere`` are keys of other environments."""

    declared: Mapping[str, Resource]
    slugs: Mapping[By, Mapping[str, tuple[str, ...]]]
    elsewhere: Mapping[By, frozenset[str]]

    def find(self, by: By, key: str) -> tuple[str, ...]:
        """Return the slugs of the organizations that have this key; several may share a name."""
        return self.slugs[by].get(key, ())

    def is_proven(self, slug: str, text: str) -> bool:
        """Return whether the text of a slug is the organization's slug or name, apart from case and spaces."""
        wanted = fold(trimmed(text))
        return wanted == fold(slug) or wanted == fold(_text_of(self.declared[slug], "organization_name") or slug)

    def known(self, by: By) -> list[str]:
        """Return every key of a sort, sorted: what a mistyped one may have meant."""
        return sorted({*self.slugs[by], *(self.elsewhere["slug"] if by == "slug" else ())})


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
            key = _text_of(organization, field)
            if key and not (organization.ensure == "absent" and keys[key]):
                keys[key].append(slug)
    return Directory(
        declared,
        {
            "slug": {slug: (slug,) for slug in declared},
            "name": {key: tuple(slugs) for key, slugs in names.items()},
            "external_id": {key: tuple(slugs) for key, slugs in external_ids.items()},
        },
        {
            "slug": elsewhere,
            "name": frozenset(_text_of(one, "organization_name") for one in others) - {""},
            "external_id": frozenset(_text_of(one, EXTERNAL_ID) for one in others) - {""},
        },
    )


def _text_of(organization: Resource, field: str) -> str:
    """Return the text that an organization declares for a field, at create or always; "" if there is none."""
    value = organization.spec.get(field, organization.initial.get(field))
    return trimmed(value) if isinstance(value, str) else ""


_MEMORY: Final = 1 << 16  # domains of addresses whose answer is remembered


class Owner(Struct, frozen=True):
    """Whose a domain is, and where it says so.

    ``shared`` is the problem where several organizations list it, ``public`` that where it is nobody's in particular.
    """

    domain: str
    organizations: tuple[str, ...]
    places: tuple[Position, ...]
    shared: Problem | None
    public: Problem | None


class Domains:
    """The domains that organizations list under one path of their specs."""

    def __init__(self, owners: Mapping[str, Owner]) -> None:
        self._owners = owners
        self._deepest = max((domain.count(".") for domain in owners), default=-1)
        self._nearest: dict[str, Owner | None] = {}

    def owner(self, domain: str, *, subdomains: bool) -> Owner | None:
        """Return the owner of ``domain``; with ``subdomains`` that of the longest listed domain that contains it."""
        found = self._owners.get(domain)
        if found or not subdomains:
            return found
        try:
            return self._nearest[domain]
        except KeyError:
            if len(self._nearest) == _MEMORY:
                self._nearest.clear()
            return self._nearest.setdefault(domain, self._above(domain))

    def owners(self) -> Iterator[Owner]:
        """Yield every owner, by domain."""
        yield from (owner for _domain, owner in sorted(self._owners.items()))

    def _above(self, domain: str) -> Owner | None:
        labels = domain.split(".")
        for start in range(max(1, len(labels) - 1 - self._deepest), len(labels)):
            found = self._owners.get(".".join(labels[start:]))
            if found:
                return found
        return None


class DomainLookup(Struct, frozen=True):
    """How a rule looks the domains of addresses up in those that all organizations list.

    ``public`` are the domains of nobody in particular that the rule takes for somebody's own; None: all of them.
    """

    path: str
    domains: Domains
    subdomains: bool
    shared_by_all: bool
    public: frozenset[str] | None = frozenset()

    def doubt(self, owner: Owner) -> Problem | None:
        """Return what keeps a domain from making anybody a member, if anything does."""
        if owner.public and self.public is not None and owner.domain not in self.public:
            return owner.public
        return None if self.shared_by_all else owner.shared


def domains_of(path: str, organizations: Sequence[Resource], at: Position, problems: list[Problem]) -> Domains:
    """Collect what organizations list at ``path`` of their specs; add what is no domain, and an unknown path."""
    keys = tuple(path.split("."))
    listed: defaultdict[str, dict[str, Position]] = defaultdict(dict)
    anywhere = False
    candidates = [organization for organization in organizations if organization.ensure != "absent"]
    for organization in sorted(candidates, key=lambda one: one.name):
        for value, place in _values(organization, keys):
            anywhere = True
            label = domain_label(value) if isinstance(value, str) else None
            if label is None:
                what = f"{value!r}" if isinstance(value, str) else kind_of(value)
                message = f"{organization.address}: {path} holds {what}, which is not a domain name"
                problems.append(problem("not-a-domain", message, "write it as acme.example", place))
            else:
                listed[label].setdefault(organization.name, place)
    if candidates and not anywhere:
        near = suggest_existing(keys[-1], _siblings(candidates, keys))
        hint = near or "write a path of an organization's spec, such as trusted_metadata.email_domains"
        problems.append(problem("unknown-path", f"no organization declares anything at {path}", hint, at))
    return Domains({domain: _owner(domain, places) for domain, places in listed.items()})


def _owner(domain: str, places: Mapping[str, Position]) -> Owner:
    slugs = tuple(places)

    def doubt(code: str, message: str, hint: str) -> Problem:
        addresses = (f"Organization/{slug}" for slug in slugs)
        return problem(code, message, hint, *places.values(), severity="warning", addresses=addresses)

    shared = public = None
    if len(slugs) > 1:
        shared = doubt(
            SHARED_DOMAIN,
            f"{domain} is listed by {joined(slugs)}, so it makes nobody a member of these organizations",
            "remove it from all but one, or set `shared: all` in the rule's email_domain to use it for all of them",
        )
    if why := why_nobodys(domain):
        public = doubt(
            COMMON_DOMAIN,
            f"{domain} {why}, so it makes nobody a member of {joined(slugs)}",
            "list only domains that the organization owns; if it owns this one, "
            f"set `public_domains: [{domain}]` in the rule",
        )
    return Owner(domain, slugs, tuple(places.values()), shared, public)


def _values(organization: Resource, keys: tuple[str, ...]) -> Iterator[tuple[Json, Position]]:
    """Yield what stands at a path: one value, or each of a list; nothing if it is not there."""
    value = _at(organization, keys)
    if isinstance(value, list):
        yield from ((item, organization.at("spec", *keys, str(index))) for index, item in enumerate(value))
    elif value is not None:
        yield value, organization.at("spec", *keys)


def _siblings(organizations: Sequence[Resource], keys: tuple[str, ...]) -> set[str]:
    above = [_at(organization, keys[:-1]) for organization in organizations]
    return set().union(*(value for value in above if isinstance(value, dict)))


def _at(organization: Resource, keys: tuple[str, ...]) -> Json:
    value: Json = organization.spec
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
