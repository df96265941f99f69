"""Credentials that Stytch gives: where each is kept, and which were lost because a run was cut short."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from reconciler.model import FieldChange, Live, Resource
from reconciler.named_secrets import credential_name
from reconciler.schema import Kind

NOTHING_BEGUN: Final[Mapping[str, frozenset[str]]] = MappingProxyType({})


class Held(Struct, frozen=True, kw_only=True):
    """What the credential store and the journal know.

    ``id_of`` gives the id of the thing whose credential is kept under a name; ``last_four`` the last characters of the
    secret of a name, None where nobody knows it; ``begun`` the things whose creation, or rotation, an earlier run began
    and never ended, by address, with the ids that were there before; ``now`` is the time.
    """

    id_of: Callable[[str], str | None] = lambda _name: None
    last_four: Callable[[str], str | None] = lambda _name: None
    begun: Mapping[str, frozenset[str]] = NOTHING_BEGUN
    now: datetime = datetime.min.replace(tzinfo=UTC)


def kept(kind: Kind, resource: Resource) -> Iterator[FieldChange]:
    """Yield where the credential of a thing will be kept, if it has one."""
    if kind.credential and kind.credential.has_one(resource.spec):
        yield FieldChange(path=(kind.credential.field,), after={"secret": credential_name(kind, resource)})


def orphans(
    kind: Kind, resource: Resource, live: Iterable[Live], known: Container[str | None], held: Held
) -> Sequence[Live]:
    """Give what an interrupted create may have left behind: new since, kept by nobody, and never used."""
    before = held.begun.get(resource.address)
    if not kind.nameless or before is None or resource.ensure != "present":
        return ()
    return [each for each in live if each.id not in before and each.id not in known and not each.spec.get("used_at")]


def was_lost(kind: Kind, resource: Resource, live: Live, held: Held) -> bool:
    """Tell whether a run was cut short between Stytch's giving a credential and its being kept."""
    if not kind.credential or kind.credential.chosen or kind.nameless:
        return False
    if live.id in held.begun.get(resource.address, {live.id}) or not kind.credential.has_one(resource.spec):
        return False
    half_rotated = bool(live.spec.get(f"next_{kind.credential.field}_last_four"))
    return half_rotated or held.id_of(credential_name(kind, resource)) != live.id
