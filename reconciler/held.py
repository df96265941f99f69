"""What is held: declared in a file, which is never green, or left open by data, which is counted by cause."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from reconciler.config import Config
from reconciler.desired import Desired
from reconciler.load import Declared
from reconciler.model import Counted, GuardResult, Listed, Position, Problem, address

REPEATED = "repeated-user"


def as_declared(held: Iterable[Listed], declared: Declared, desired: Desired) -> Iterator[Listed]:
    """Say of each held thing whether a file declares it, and of an organization who waits for it."""
    organizations = {resource.address: resource.name for resource in declared.organizations}
    things = {resource.address for resource in declared.resources}
    members = {(member.position.file, member.position.line) for member in declared.members}
    for item in held:
        is_declared = item.address in things or any((place.file, place.line) in members for place in item.at)
        slug = organizations.get(item.address)
        waiting = desired.memberships.of(slug) if slug is not None else ()
        names = (address("Member", one.organization, one.addresses[0]) for one in waiting)
        yield structs.replace(item, declared=is_declared, waiting=tuple(sorted(names)))


def by_cause(desired: Desired, held: Iterable[Listed]) -> tuple[Counted, ...]:
    """Count what data leave open, the most frequent cause first: users by their problems, members by what is said."""
    undecided = desired.users.undecided.union(*desired.undecided.values())
    counts: Counter[tuple[str, str, tuple[Position, ...]]] = Counter()
    for problem in desired.problems:
        counts[problem.message, problem.code, problem.at] += _users(problem, undecided, desired)
    for item in held:
        known = item.users and all(user in undecided or user in desired.users.disputed for user in item.users)
        if not item.declared and not known:
            counts[item.reason, "", ()] += 1
    found = [Counted(cause=cause, count=n, code=code, at=at) for (cause, code, at), n in counts.items() if n]
    return tuple(sorted(found, key=lambda one: (-one.count, one.code, one.cause, one.at)))


def _users(problem: Problem, undecided: frozenset[str], desired: Desired) -> int:
    if problem.code == REPEATED:
        return desired.repeated
    return sum(user in undecided for user in problem.users)


def guard(config: Config, held: Sequence[Counted]) -> Iterator[GuardResult]:
    """Yield what the configuration makes of data that leave something open, where it makes anything of them."""
    if config.held == "error":
        number = sum(one.count for one in held)
        yield GuardResult(name="held", ok=not number, detail=f"{number} held because of data")
