"""Stytch → live: organizations, their members, roles, read completely or not at all."""

import re
import sys
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import msgspec
from msgspec import Struct, structs

from reconciler.clients.b2b import Client
from reconciler.clients.redact import identifier
from reconciler.clients.search import TooMany
from reconciler.errors import Fault, NotOffered, Rejected, Unreadable
from reconciler.kinds import KINDS
from reconciler.model import Json, Live, LiveMember, Problem, Resource, Target, problem
from reconciler.schema.kind import Kind
from reconciler.schema.left_out import completed

BATCH_MEMBERS = 4_000  # expected members of a batch: some 10 MB, and several batches are in flight
BATCH_ORGANIZATIONS = 1_000
IN_FLIGHT = 4  # chains of cursors; more than 1.7 for every second of latency bring nothing at 100 searches a minute
UNKNOWN = 10  # members of an organization nobody knows anything about

AGAIN = "nothing was changed; run again"
REFUSED = "nothing was changed; fix this first: another run would fail again"
NOT_OFFERED_HINT = "its declared resources are held until the product is enabled for this project"
HINTS = {
    "unauthorized_credentials": "check that the project id and the secret belong to the "
    "same environment of the same project",
    "invalid_b2b_endpoint": "STYTCH_PROJECT_ID holds the id of a Consumer project; put "
    "it into STYTCH_CONSUMER_PROJECT_ID",
    "invalid_consumer_endpoint": "STYTCH_CONSUMER_PROJECT_ID holds the id of a B2B "
    "project; put it into STYTCH_PROJECT_ID",
    "organization_not_found": "an organization was deleted while it was being read; run again",
}
UNAUTHORIZED = 401
NOT_OFFERED = frozenset({"enterprise_endpoint", "unavailable_endpoint"})
WORKSPACE_KEY = "check that STYTCH_WORKSPACE_KEY_ID and STYTCH_WORKSPACE_KEY_SECRET are a key of this workspace"


FIELD = re.compile(r"`\$\.(\w+)")  # where msgspec says that something is wrong
IDENTIFYING = frozenset({"organization_id", "member_id", "email_address", "status", "trusted_metadata"})

Named = TypeVar("Named", Live, Resource)
Batch = list[str]  # ids of organizations
Missing = Mapping[str, Problem]  # kinds that Stytch does not offer, and what it said


class _Organization(Struct):
    """What must be readable of an organization for anything to be said about it."""

    organization_id: str
    organization_slug: str
    trusted_metadata: dict[str, object] | None = None
    custom_roles: list[dict[str, object]] | None = None


class OrganizationMembers(Struct, frozen=True, kw_only=True):
    """The members of one organization, deleted ones too.

    ``odd`` are the ids of those of whom only what decides who they are could be read: they are left as they are.
    ``unread`` counts the records of which not even that could be.
    """

    organization_id: str
    members: list[LiveMember]
    problems: tuple[Problem, ...] = ()
    odd: frozenset[str] = frozenset()
    unread: int = 0

    @property
    def complete(self) -> bool:
        """Return whether it is known of every record who that is."""
        return not self.unread


def organizations(client: Client) -> tuple[Live, ...]:
    """Read every organization, in the order of their slugs; raises ``Unreadable`` where that is not possible."""
    with unreadable("organizations"):
        found = client.search_organizations()
    read, odd = [], [f"{_named(item.ids.get('organization_id'))}: {item.reason}" for item in found.odd]
    for row in found.rows:
        try:
            known = msgspec.convert(row, _Organization)
        except msgspec.ValidationError as error:
            odd.append(f"{_named(row.get('organization_id'))}: {error}")
        else:
            read.append(
                Live(
                    kind="Organization",
                    name=known.organization_slug,
                    id=known.organization_id,
                    spec=KINDS["Organization"].normalize(row),
                )
            )
    if odd:
        raise Unreadable(
            f"{len(odd)} organizations could not be read: {'; '.join(map(str, odd[:5]))}",
            hint="an incomplete list of organizations stops the run",
        )
    return tuple(sorted(read, key=lambda item: (item.name, item.id)))


def things(client: Client, kinds: Sequence[str], target: Target) -> Mapping[str, tuple[Live, ...]]:
    """Read every live thing of these kinds; where nothing can be asked yet, there is only what is always there.

    Raises ``Unreadable`` if a kind cannot be read completely.
    """
    found = {}
    for name in kinds:
        kind = KINDS[name]
        if kind.verbs.list and can_be_asked(kind, client, target):
            with unreadable(f"every {name}", kind.api):
                rows = tuple(kind.verbs.list(client, target))
            found[name] = tuple(
                structs.replace(row, spec=kind.normalize(completed(kind.spec, row.spec)))
                for row in sorted(rows, key=lambda row: (row.address, row.id))
            )
        else:
            found[name] = tuple(
                Live(kind=name, name=one, id=one, spec=kind.normalize(kind.defaults))
                for one in kind.identity.singletons
            )
    return found


def offered(client: Client, kinds: Sequence[str], target: Target) -> tuple[Mapping[str, tuple[Live, ...]], Missing]:
    """Read as ``things`` does, but for kinds that Stytch does not offer this project: of those, what it said."""
    found: dict[str, tuple[Live, ...]] = {}
    missing: dict[str, Problem] = {}
    for name in kinds:
        try:
            found |= things(client, [name], target)
        except NotOffered as error:
            (missing[name],) = error.problems
    return found, missing


def can_be_asked(kind: Kind, client: Client, target: Target) -> bool:
    """Return whether what a kind lies in is there, and there is a way to it."""
    if kind.scope == "workspace":
        return True
    if kind.scope == "project":
        return target.project_is_there
    return target.is_there and (kind.api == "management" or client.has_data)


def with_names(kind: Kind, thing: Named, names: Mapping[str, Mapping[str, str]]) -> Named:
    """Put the names of other things in the place of their ids; ``names`` gives them by kind and id."""
    spec = dict(thing.spec)
    for name, reference in kind.references.items():
        if reference.by_id and spec.get(name):
            known = names.get(reference.kind, {})
            value = spec[name]
            several = isinstance(value, list)
            spec[name] = sorted(known.get(each, each) for each in value) if several else known.get(value, value)
    return structs.replace(thing, spec=spec)


def members(client: Client, expected: Mapping[str, int]) -> Generator[Mapping[str, OrganizationMembers]]:
    """Read the members of organizations, batch by batch, in the order of ``expected``.

    ``expected`` gives for each organization's id roughly how many members it has; only speed and memory hang on it.
    A batch is given once all of it is there. Raises ``Unreadable``.
    """
    pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="read")
    try:
        yield from _in_order(pool, client, batches_of(expected))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def policy_roles(client: Client) -> frozenset[str]:
    """Read the ids of the roles in the project's RBAC policy."""
    with unreadable("the RBAC policy"):
        roles = client.rbac_policy().get("roles")
    if not isinstance(roles, list) or not all(isinstance(role, dict) and "role_id" in role for role in roles):
        raise Unreadable("the RBAC policy has no list of roles")
    return frozenset(str(role["role_id"]) for role in roles)


def batches_of(expected: Mapping[str, int]) -> list[Batch]:
    """Put organizations together so that one batch is worth a request and fits in memory."""
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
    pool: ThreadPoolExecutor, client: Client, batches: Sequence[Batch]
) -> Iterator[Mapping[str, OrganizationMembers]]:
    """Read batches side by side and yield them one after the other; one that turns out far too large, in parts."""
    left = iter(batches)
    waiting: deque[Future[Mapping[str, OrganizationMembers] | Sequence[Batch]]] = deque()
    waiting.extend(pool.submit(_members, client, batch) for batch in islice(left, IN_FLIGHT))
    while waiting:
        read = waiting.popleft().result()
        if isinstance(read, Mapping):
            yield read
        else:
            yield from _in_order(pool, client, read)
        waiting.extend(pool.submit(_members, client, batch) for batch in islice(left, 1))


def _members(client: Client, organization_ids: Batch) -> Mapping[str, OrganizationMembers] | Sequence[Batch]:
    """Read the members of a batch; where it has far more than was expected, give the smaller batches to read."""
    most = 2 * BATCH_MEMBERS if len(organization_ids) > 1 else sys.maxsize
    try:
        with unreadable("members"):
            found = client.search_members(organization_ids, most)
    except TooMany as many:
        size = max(1, len(organization_ids) * BATCH_MEMBERS // many.rows)
        return [organization_ids[at : at + size] for at in range(0, len(organization_ids), size)]
    rows: dict[str, list[LiveMember]] = {identifier: [] for identifier in organization_ids}
    problems: dict[str, list[Problem]] = {}
    half_read: dict[str, list[LiveMember]] = {}
    try:
        for row in found.rows:
            rows[row.organization_id].append(row)
        for odd in found.odd:
            identifier = odd.ids["organization_id"]
            member = _who(odd.record)
            rows[identifier].extend([member] if member else [])
            half_read.setdefault(identifier, []).extend([member] if member else [])
            name = _named(odd.ids.get("member_id"))
            problems.setdefault(identifier, []).append(_problem(name, odd.reason, known=member is not None))
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
            odd=frozenset(member.member_id for member in half_read.get(identifier, ())),
            unread=len(problems.get(identifier, ())) - len(half_read.get(identifier, ())),
        )
        for identifier in organization_ids
    }


def _named(id: Json) -> str:
    """Name a record of which little could be read by its id, if that is one."""
    return identifier(id, ()) or "without an id"


def _who(record: Json) -> LiveMember | None:
    """Read of an odd record what decides who it is, and what else can be read; None where that is too little."""
    left = dict(record) if isinstance(record, dict) else {}
    while True:
        try:
            return msgspec.convert(left, LiveMember)
        except msgspec.ValidationError as error:
            at = FIELD.search(str(error))
            if at is None or at[1] in IDENTIFYING or left.pop(at[1], None) is None:
                return None


def _problem(member: str, reason: str, *, known: bool) -> Problem:
    return problem(
        "unreadable-member",
        f"the live member {member} could not be read: {reason}",
        "it is not changed" if known else "until it can be read, nobody in this organization is deleted",
        severity="problem",
    )


@contextmanager
def unreadable(what: str, managed_by: str = "data") -> Iterator[None]:
    """Turn a fault into what a person is told: this was not read, so nothing was decided."""
    keys = WORKSPACE_KEY if managed_by == "management" else HINTS["unauthorized_credentials"]
    try:
        yield
    except Fault as fault:
        if fault.error_type in NOT_OFFERED:
            raise NotOffered(f"{what} could not be read: {fault}", hint=NOT_OFFERED_HINT) from fault
        otherwise = REFUSED if isinstance(fault, Rejected) else AGAIN
        hint = keys if fault.status == UNAUTHORIZED else HINTS.get(fault.error_type, otherwise)
        raise Unreadable(f"{what} could not be read: {fault}", hint=hint) from fault
    except (KeyError, TypeError, AttributeError) as error:
        raise Unreadable(
            f"{what} could not be read: Stytch's response does not match its API description", hint=AGAIN
        ) from error
