"""Held resources: those declared in a file (exit code 3), and those held because of data (counted by cause)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from reconciler.config.read import Config
from reconciler.desired.members import Desired
from reconciler.diff.conflicts import IN_CONFLICT
from reconciler.load.repository import Declared
from reconciler.model import Counted, GuardResult, Listed, address


def as_declared(held: Iterable[Listed], declared: Declared, desired: Desired) -> Iterator[Listed]:
    """Mark each held resource that a file declares, and list who waits for an organization."""
    organizations = {resource.address: resource.name for resource in declared.organizations}
    things = {resource.address for resource in declared.resources}
    members = {(member.position.file, member.position.line) for member in declared.members}
    for item in held:
        is_declared = item.address in things or any((target.file, target.line) in members for target in item.at)
        slug = organizations.get(item.address)
        waiting = desired.memberships.of(slug) if slug is not None else ()
        names = (address("Member", one.organization, one.addresses[0]) for one in waiting)
        yield structs.replace(item, declared=is_declared, waiting=tuple(sorted(names)))


def by_cause(desired: Desired, held: Iterable[Listed]) -> tuple[Counted, ...]:
    """Count the memberships that data leave open, the most frequent cause first, each under one cause."""
    counts: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for item in sorted(held, key=lambda item: item.reason == IN_CONFLICT):
        if item.kind != "Member" or item.declared:
            continue
        slug = str(item.namespace)
        known = {user for user in item.users if _is_known(user, slug, desired)}
        new = {(slug, user) for user in item.users if user not in known} - seen
        counts[item.reason] += len(new) if item.users else 1
        seen |= new
    found = (*desired.held_by, *(Counted(cause=cause, count=n) for cause, n in counts.items() if n))
    return tuple(sorted(found, key=lambda one: (-one.count, one.code, one.cause, one.at)))


def _is_known(user: str, slug: str, desired: Desired) -> bool:
    """Return whether what a user is in an organization is open, and counted, whatever is live."""
    users = desired.users
    return user in users.undecided or user in users.disputed or user in desired.undecided.get(slug, ())


def guard(config: Config, held: Sequence[Counted]) -> Iterator[GuardResult]:
    """Yield what the configuration makes of data that leave something open, where it makes anything of them."""
    if config.held == "error":
        number = sum(one.count for one in held)
        yield GuardResult(name="held", ok=not number, seen=f"{number} held because of data")
