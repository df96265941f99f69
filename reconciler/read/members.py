"""Members of organizations, read batch by batch, completely or not at all.

Members are by far the most that a project holds: batches are read side by side, and only a few are in memory at a time.
"""

import re
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice

import msgspec

from reconciler.clients.b2b import STATUSES, Client
from reconciler.clients.search import SearchResult, TooMany
from reconciler.diff.ownership import Owner
from reconciler.diff.removed import Removed
from reconciler.errors import Unreadable
from reconciler.model import Json, LiveMember, OrganizationMembers, Problem, problem
from reconciler.read.live import name_of, unreadable

BATCH_MEMBERS = 4_000  # expected members of a batch: some 10 MB, and several batches are in flight
BATCH_ORGANIZATIONS = 1_000
IN_FLIGHT = 4  # chains of cursors; more than 1.7 for every second of latency bring nothing at 100 searches a minute
UNKNOWN = 10  # members of an organization nobody knows anything about
FIELD = re.compile(r"`\$\.(\w+)")  # where msgspec says that something is wrong
IDENTIFYING = frozenset({"organization_id", "member_id", "email_address", "status", "trusted_metadata"})

Batch = list[str]  # ids of organizations
Search = Callable[[Batch, int], SearchResult[LiveMember]]


def read_members(
    client: Client, expected: Mapping[str, int], statuses: Sequence[str] = STATUSES
) -> Generator[Mapping[str, OrganizationMembers]]:
    """Yield the members of organizations, batch by batch, in the order of ``expected``.

    ``expected`` gives for each organization's id roughly how many members it has; only speed and memory hang on it.
    A batch is given once all of it is there. Raises ``Unreadable``.
    """
    if client.kept:
        yield from client.kept.members(list(expected))
        return
    pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="read")
    try:
        search = partial(client.search_members, statuses=statuses)
        yield from _in_order(pool, search, batches_of(expected))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def read_removed(client: Client, organization_ids: Iterable[str], owner: Owner) -> Mapping[str, Removed]:
    """Return who was removed from organizations, by their ids; those from which nobody was are left out."""
    members = read_members(client, dict.fromkeys(organization_ids, 1), ("deleted",))
    return {id: Removed(there.members, owner) for batch in members for id, there in batch.items() if there.members}


def batches_of(expected: Mapping[str, int]) -> list[Batch]:
    """Return organizations put together so that one batch is worth a request and fits in memory."""
    batches: list[Batch] = []
    weight = 0
    for organization_id, count in expected.items():
        weight += count or UNKNOWN
        if not batches or weight > BATCH_MEMBERS or len(batches[-1]) == BATCH_ORGANIZATIONS:
            batches.append([])
            weight = count or UNKNOWN
        batches[-1].append(organization_id)
    return batches


def _in_order(
    pool: ThreadPoolExecutor, search: Search, batches: Sequence[Batch]
) -> Iterator[Mapping[str, OrganizationMembers]]:
    """Yield batches one after the other, read side by side; one that turns out far too large, in parts."""
    left = iter(batches)
    waiting: deque[Future[Mapping[str, OrganizationMembers] | Sequence[Batch]]] = deque()
    waiting.extend(pool.submit(_members, search, batch) for batch in islice(left, IN_FLIGHT))
    while waiting:
        read = waiting.popleft().result()
        if isinstance(read, Mapping):
            yield read
        else:
            yield from _in_order(pool, search, read)
        waiting.extend(pool.submit(_members, search, batch) for batch in islice(left, 1))


def _members(search: Search, organization_ids: Batch) -> Mapping[str, OrganizationMembers] | Sequence[Batch]:
    """Return the members of a batch; where it has far more than was expected, the smaller batches to read."""
    most = 2 * BATCH_MEMBERS if len(organization_ids) > 1 else sys.maxsize
    try:
        with unreadable("members"):
            found = search(organization_ids, most)
    except TooMany as many:
        size = max(1, len(organization_ids) * BATCH_MEMBERS // many.rows)
        return [organization_ids[at : at + size] for at in range(0, len(organization_ids), size)]
    rows: dict[str, list[LiveMember]] = {identifier: [] for identifier in organization_ids}
    problems: dict[str, list[Problem]] = {}
    half_read: dict[str, list[LiveMember]] = {}
    try:
        for row in found.rows:
            rows[row.organization_id].append(row)
        for record in found.malformed:
            identifier = record.ids["organization_id"]
            member = _who(record.record)
            rows[identifier].extend([member] if member else [])
            half_read.setdefault(identifier, []).extend([member] if member else [])
            unreadable_member = problem(
                "unreadable-member",
                f"the live member {name_of(record.ids.get('member_id'))} could not be read: {record.reason}",
                "it is not changed" if member else "until it can be read, nobody in this organization is deleted",
                severity="problem",
            )
            problems.setdefault(identifier, []).append(unreadable_member)
    except KeyError:
        raise Unreadable(
            "the search for members returned members of other organizations than requested",
            hint="Stytch's response is not reliable; run again, and report it to Stytch if it persists",
        ) from None
    return {
        identifier: OrganizationMembers(
            organization_id=identifier,
            members=rows[identifier],
            problems=tuple(problems.get(identifier, ())),
            half_read=frozenset(member.member_id for member in half_read.get(identifier, ())),
            unread=len(problems.get(identifier, ())) - len(half_read.get(identifier, ())),
        )
        for identifier in organization_ids
    }


def _who(record: Json) -> LiveMember | None:
    """Return what can be read of an odd record; None where that is too little to tell who it is."""
    left = dict(record) if isinstance(record, dict) else {}
    while True:
        try:
            return msgspec.convert(left, LiveMember)
        except msgspec.ValidationError as error:
            at = FIELD.search(str(error))
            if at is None or at[1] in IDENTIFYING or left.pop(at[1], None) is None:
                return None
