"""``email_domain: {organization: PATH}``: the owner of a domain, from what the declared organizations list."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from reconciler.domains import why_nobodys
from reconciler.expressions import domain_label
from reconciler.expressions.values import kind_of
from reconciler.model import Json, Position, Problem, Resource
from reconciler.rules.problems import COMMON_DOMAIN, SHARED_DOMAIN, UserProblem
from reconciler.rules.wording import did_you_mean, error, these

_MEMORY: Final = 1 << 16  # domains of addresses whose answer is remembered


class Owner(Struct, frozen=True):
    """Whose a domain is, and where it says so.

    ``shared`` is the problem where several organizations list it, ``public`` that where it is nobody's in particular.
    """

    domain: str
    organizations: tuple[str, ...]
    places: tuple[Position, ...]
    shared: UserProblem | None
    public: UserProblem | None


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

    def __contains__(self, domain: str) -> bool:
        return domain in self._owners

    def __len__(self) -> int:
        return len(self._owners)

    def _above(self, domain: str) -> Owner | None:
        labels = domain.split(".")
        for start in range(max(1, len(labels) - 1 - self._deepest), len(labels)):
            found = self._owners.get(".".join(labels[start:]))
            if found:
                return found
        return None


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
                problems.append(error("not-a-domain", message, "write it as acme.example", place))
            else:
                listed[label].setdefault(organization.name, place)
    if candidates and not anywhere:
        near = did_you_mean(keys[-1], _siblings(candidates, keys))
        hint = near or "write a path of an organization's spec, such as trusted_metadata.email_domains"
        problems.append(error("unknown-path", f"no organization declares anything at {path}", hint, at))
    return Domains({domain: _owner(domain, places) for domain, places in listed.items()})


def _owner(domain: str, places: Mapping[str, Position]) -> Owner:
    slugs = tuple(places)

    def problem(code: str, message: str, hint: str) -> UserProblem:
        return UserProblem(
            code=code,
            severity="warning",
            message=message,
            hint=hint,
            at=tuple(places.values()),
            addresses=tuple(f"Organization/{slug}" for slug in slugs),
        )

    shared = public = None
    if len(slugs) > 1:
        shared = problem(
            SHARED_DOMAIN,
            f"{domain} is listed by {these(slugs)}, so it makes nobody a member of these organizations",
            "remove it from all but one, or set `shared: all` in the rule's email_domain to use it for all of them",
        )
    if why := why_nobodys(domain):
        public = problem(
            COMMON_DOMAIN,
            f"{domain} {why}, so it makes nobody a member of {these(slugs)}",
            "list only domains that the organization owns; if it owns this one, "
            f"set `public_domains: [{domain}]` in the rule",
        )
    return Owner(domain, slugs, tuple(places.values()), shared, public)


def _values(organization: Resource, keys: tuple[str, ...]) -> Iterator[tuple[Json, Position]]:
    """Yield what stands at a path: one value, or each of a list; nothing if it is not there."""
    value: Json = organization.spec
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, list):
        yield from ((item, organization.at("spec", *keys, str(index))) for index, item in enumerate(value))
    elif value is not None:
        yield value, organization.at("spec", *keys)


def _siblings(organizations: Sequence[Resource], keys: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    for organization in organizations:
        value: Json = organization.spec
        for key in keys[:-1]:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, dict):
            found.update(value)
    return found
