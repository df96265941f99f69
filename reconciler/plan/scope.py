"""A change → what the condition of a policy may name: ``change``, ``access`` and ``organization``.

Only what a condition reads is made: there may be a million changes.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from operator import attrgetter
from typing import Final

from msgspec import UNSET

from reconciler.expressions.nodes import ReadPath
from reconciler.expressions.redaction import HIDDEN
from reconciler.model import (
    MEMBER,
    ORGANIZATION,
    Change,
    Create,
    Delete,
    FieldChange,
    Json,
    Resource,
    added_roles,
    withdrawn_roles,
)
from reconciler.plan.access import assigned, assigned_no_more, roles_given
from reconciler.plan.effects import Effect, user_of
from reconciler.plan.power import grown

Reader = Callable[[Change], object]
Readers = Mapping[str, Mapping[str, Reader]]


@cache
def readers_of(paths: frozenset[ReadPath]) -> Readers:
    """Return what reads of a change what stands at some paths."""
    begun = {path[:2] for path in paths}
    return {
        root: {name: reader for name, reader in readers.items() if (root, name) in begun or (root,) in begun}
        for root, readers in _READERS.items()
        if any(path[0] == root for path in paths)
    }


def scope_of(change: Change, read: Readers, declared: Mapping[str, Resource]) -> dict[str, object]:
    """Return what a condition may name; ``declared`` are organizations by slug."""
    scope: dict[str, object] = {
        root: {name: reader(change) for name, reader in readers.items()} for root, readers in read.items()
    }
    if "organization" in scope:
        scope["organization"] = _organization(change, declared)
    return scope


def _fields(change: Change) -> list[str]:
    """Return the names of the fields that change, and of what lies in them: ``trusted_metadata.tier``."""
    return list(dict.fromkeys(name for one in change.fields for name in (one.path[0], ".".join(one.path))))


def _values(side: str, change: Change) -> dict[str, Json]:
    """Return the values of the fields that change, before or after, as they lie in one another."""
    values: dict[str, Json] = {}
    for one in change.fields:
        value = getattr(one, side)
        if value is UNSET or value == HIDDEN:
            continue
        inside = values
        for key in one.path[:-1]:
            there = inside.get(key)
            inside[key] = there if isinstance(there, dict) else {}
            inside = inside[key]
        inside[one.path[-1]] = _plain(value)
    return values


def _plain(value: Json) -> Json:
    """Return a value as expressions know it: a list for a tuple, and nothing that a snapshot leaves out."""
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner != HIDDEN}
    return value


def _gains(change: Change) -> dict[str, object]:
    """Return the memberships that a change gives, and the roles: to a member, or through an assignment to many."""
    is_member = change.kind == MEMBER
    roles = list(added_roles(change)) if is_member else sorted(roles_given(change))
    return {"members": int(is_member and isinstance(change, Create)), "roles": roles}


def _loses(change: Change) -> dict[str, object]:
    if change.kind == MEMBER and not isinstance(change, Delete):
        return {"members": 0, "roles": list(withdrawn_roles(change))}
    loses = Effect.of(change).loses
    taken = (role for one in change.fields for role in assigned_no_more(one))
    return {"members": loses.members, "roles": sorted({*loses.roles, *taken})}


def _domain(change: Change) -> Json:
    """Return the domain of a member's address, or of the addresses to which a new assignment gives a role."""
    if change.kind == MEMBER:
        return change.name.rpartition("@")[2] or None
    items = (item for one in change.fields if any(assigned(one)) for item in _new_items(one))
    domains = [item.get("domain") for item in items]
    return domains[0] if domains and domains.count(domains[0]) == len(domains) else None


def _new_items(one: FieldChange) -> Iterator[Mapping[str, Json]]:
    before, after = (value if isinstance(value, list | tuple) else () for value in (one.before, one.after))
    yield from (item for item in after if item not in before)


def _grows(change: Change) -> list[str]:
    return sorted({what for what, _ in grown(change)})


def _organization(change: Change, declared: Mapping[str, Resource]) -> dict[str, Json] | None:
    """Return what is declared of the organization that a change is about, or lies in."""
    found = declared.get(change.name if change.kind == ORGANIZATION else change.namespace or "")
    return {**_plain(dict(found.spec)), "name": found.name} if found else None


_READERS: Final[Readers] = {
    "change": {
        **{name: attrgetter(name) for name in ("kind", "action", "address", "namespace", "name", "id", "origin")},
        **{name: attrgetter(name) for name in ("adopts", "replaces")},
        "fields": _fields,
        "before": partial(_values, "before"),
        "after": partial(_values, "after"),
    },
    "access": {
        "gains": _gains,
        "loses": _loses,
        "domain": _domain,
        "user": lambda change: user_of(change) or None,
        "grows": _grows,
    },
    "organization": {},
}
