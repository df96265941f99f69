"""Credentials of what an earlier run deleted, and was cut short before it forgot them: they go from the store."""

from collections.abc import Iterator
from contextlib import suppress

from msgspec import structs

from reconciler.errors import StoreFailed, Unreadable
from reconciler.kinds import KINDS
from reconciler.model import Begun, Target
from reconciler.read.live import can_be_asked, read_organizations, read_resources
from reconciler.read.run import Run
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import made_name


def forget_dead(run: Run, target: Target, deleting: Begun) -> Iterator[str]:
    """Forget them, and yield each address at which a delete that was begun is settled: the resource is gone, or stays.

    ``deleting`` has the deletes that earlier runs began and never ended. What cannot be read completely is left for the
    next run, and so is what the store does not give up.
    """
    for name, kind in KINDS.items():
        addresses = [address for address in deleting if kind.credential and address.partition("/")[0] == name]
        if not addresses or not can_be_asked(kind, run.client, target):
            continue
        with suppress(Unreadable):
            there = _ids(run, kind, target)
            for address in addresses:
                with suppress(StoreFailed):
                    _forget(run, kind, address, frozenset(str(intent.id) for intent in deleting[address]) - there)
                    yield address


def _ids(run: Run, kind: Kind, target: Target) -> frozenset[str]:
    """Return the ids of everything of a kind, wherever it is."""
    if kind.namespace:
        organizations = {each.name: each.id for each in read_organizations(run.client)}
        target = structs.replace(target, organizations=organizations, lacks={})
    return frozenset(live.id for live in read_resources(run.client, [kind.name], target)[kind.name])


def _forget(run: Run, kind: Kind, address: str, dead: frozenset[str]) -> None:
    """Forget what is kept for a dead resource, under the name that a delete forgets."""
    path = address.partition("/")[2]
    key = path.partition("/")[::2] if kind.namespace else ("", path)
    name = path if kind.identity.id_is_key or kind.credential is None else made_name(kind, kind.credential, *key)
    if run.store.id_of(name) in dead:
        run.store.forget(name)
