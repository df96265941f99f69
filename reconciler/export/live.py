"""Stytch → every resource that can be exported, under the names that manifests use."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, structs

from reconciler import read
from reconciler.check import check_target
from reconciler.clients.data import Client
from reconciler.config import Config
from reconciler.errors import Refused, Rejected, Unreadable
from reconciler.export.manifests import LeftOut
from reconciler.kinds import KINDS
from reconciler.load import Declared
from reconciler.locate import locate
from reconciler.model import Live, Place
from reconciler.named_secrets import credential_name
from reconciler.schema import Kind
from reconciler.writing import Store

UNAUTHORIZED: Final = 401
NEEDED: Final = {
    "management": "needs a workspace key: STYTCH_WORKSPACE_KEY_ID and STYTCH_WORKSPACE_KEY_SECRET",
    "data": "needs a secret of the environment: STYTCH_PROJECT_ID and STYTCH_SECRET",
}


class Found(Struct, frozen=True, kw_only=True):
    """The place that was read, its live resources except members, and those without access or a unique name."""

    place: Place
    live: Sequence[Live]
    left_out: Sequence[LeftOut]


def read_live(config: Config, declared: Declared, client: Client, store: Store) -> Found:
    """Return everything that the credentials can read.

    Raises the errors of a plan: ``Refused`` for another project or environment, ``Unreadable`` for a failed read.
    """
    reached = frozenset(name for name, kind in KINDS.items() if _reaches(client, kind))
    place = locate(structs.replace(config, kinds=reached), declared, client, store)
    check_target(config, place)
    if not place.project_is_there:
        raise Refused(f"the project {place.project} does not exist, so there is nothing to export")
    organizations = read.organizations(client) if client.has_data else ()
    place = structs.replace(place, organizations={each.name: each.id for each in organizations})
    things: dict[str, Sequence[Live]] = {}
    left_out: list[LeftOut] = []
    for name, kind in KINDS.items():
        if not _reaches(client, kind):
            reason = NEEDED["management" if kind.managed_by == "management" else "data"]
            left_out.append(LeftOut(address=name, reason=reason))
        elif kind.list:
            try:
                things[name] = _called(kind, read.things(client, [name], place)[name], declared, store)
            except Unreadable as error:
                left_out.append(_refused(name, error))
    things["Organization"] = organizations
    every = {name: list(_apart(KINDS[name], rows, left_out)) for name, rows in things.items()}
    names = {name: {row.id: row.name for row in rows} for name, rows in every.items()}
    live = [read.with_names(KINDS[name], row, names) for name, rows in every.items() for row in rows]
    return Found(place=place, live=live, left_out=left_out)


def _reaches(client: Client, kind: Kind) -> bool:
    return client.has_management if kind.managed_by == "management" else client.has_data


def _called(kind: Kind, rows: Sequence[Live], declared: Declared, store: Store) -> Sequence[Live]:
    """Return resources without names under the names of the manifests whose credentials the store holds."""
    if not kind.nameless:
        return rows
    names = {store.id_of(credential_name(kind, each)): each.name for each in declared.things.get(kind.name, ())}
    return [structs.replace(row, name=names.get(row.id, row.name)) for row in rows]


def _apart(kind: Kind, rows: Sequence[Live], left_out: list[LeftOut]) -> Iterator[Live]:
    """Yield the resources that a manifest can name: not self-registered, and with a unique name."""
    counts = Counter(row.address for row in rows if not kind.self_made(row))
    for row in rows:
        if kind.self_made(row):
            left_out.append(LeftOut(address=row.address, id=row.id, reason="it registered itself"))
        elif counts[row.address] > 1:
            reason = f"{counts[row.address]} resources have this name"
            left_out.append(LeftOut(address=row.address, id=row.id, reason=reason))
        else:
            yield row


def _refused(kind: str, error: Unreadable) -> LeftOut:
    """Return that Stytch refuses to show a kind, for example of a product that is not enabled. Raise other errors."""
    fault = error.__cause__
    if not isinstance(fault, Rejected) or fault.status == UNAUTHORIZED:
        raise error
    return LeftOut(address=kind, reason=f"Stytch refuses to show it: {fault}")
