"""Credentials that Stytch generates: where each is stored, and which an interrupted run lost.

What such a run left behind is renewed only with proof that it is the very thing: the id that Stytch's answer gave, and
for a credential that can be rotated the last characters that it had then. What may as well be somebody else's is held.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from reconciler.model import FieldChange, Intent, Live, Problem, Resource
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import credential_name

NOTHING_BEGUN: Final[Mapping[str, tuple[Intent, ...]]] = MappingProxyType({})


class Held(Struct, frozen=True, kw_only=True):
    """What the credential store and the journal know.

    ``id_of`` gives the id of the thing whose credential is kept under a name; ``last_four`` the last characters of the
    secret of a name, None where nobody knows it; ``begun`` the things whose creation, or rotation, an earlier run began
    and never ended, by address; ``lost`` whether the credential of a name was given once and is nowhere now; ``now`` is
    the time.
    """

    id_of: Callable[[str], str | None] = lambda _name: None
    last_four: Callable[[str], str | None] = lambda _name: None
    begun: Mapping[str, tuple[Intent, ...]] = NOTHING_BEGUN
    lost: Callable[[str], bool] = lambda _name: False
    now: datetime = datetime.min.replace(tzinfo=UTC)


def kept(kind: Kind, resource: Resource) -> Iterator[FieldChange]:
    """Yield where the credential of a thing will be kept, if it has one."""
    if kind.credential and kind.credential.has_one(resource.spec):
        yield FieldChange(path=(kind.credential.field,), after={"secret": credential_name(kind, resource)})


def orphans(
    kind: Kind, resource: Resource, live: Iterable[Live], known: Container[str | None], held: Held
) -> tuple[Sequence[Live], Sequence[Live]]:
    """Return what an interrupted create left behind, and what it may have left behind; nobody has kept either."""
    begun = held.begun.get(resource.address, ())
    if not kind.identity.id_is_key or not begun or resource.ensure != "present":
        return (), ()
    left = [each for each in live if each.id not in known]
    ours = [each for each in left if any(each.id == intent.made for intent in begun)]
    return ours, [each for each in left if each not in ours and any(_may_have_made(one, each.id) for one in begun)]


def was_lost(kind: Kind, resource: Resource, live: Live, held: Held) -> bool:
    """Return whether a run was provably cut short between Stytch's giving a credential and its being kept."""
    begun = held.begun.get(resource.address, ())
    if not begun or not _is_given(kind, resource):
        return False
    name, now, following = credential_name(kind, resource), _shown(kind, live), _shown(kind, live, "next_")
    is_kept = held.id_of(name) == live.id
    given = {each for intent in begun if intent.made == live.id for each in intent.given}
    if following:
        return following in given or (is_kept and held.last_four(name) == following)
    return not is_kept and now in given


def may_be_lost(kind: Kind, resource: Resource, live: Live, held: Held) -> bool:
    """Return whether a run may have been cut short so, and nothing proves it."""
    begun = held.begun.get(resource.address, ())
    if not begun or not _is_given(kind, resource) or was_lost(kind, resource, live, held):
        return False
    if _shown(kind, live, "next_"):
        return any(live.id in (intent.id, intent.made) or _may_have_made(intent, live.id) for intent in begun)
    is_kept = held.id_of(credential_name(kind, resource)) == live.id
    return not is_kept and any(_may_have_made(intent, live.id) for intent in begun)


def doubt(kind: Kind, resource: Resource, ids: Iterable[str], held: Held) -> Problem:
    """Return the problem that a run that was cut short may have made these things, and what a person can do."""
    name, field = credential_name(kind, resource), kind.credential.field if kind.credential else ""
    among = ", ".join(sorted(ids))
    if kind.identity.id_is_key:
        found = f"{resource.address}: an interrupted run may have created {among}; there is no proof that it did"
        known = f"if it is the right one, store its id as {name}_ID in the credential store, next to its value"
        hint = f"delete it in Stytch if it is not in use; or {known}; or remove {_journals(resource, held)}"
    else:
        found = f"{resource.address}: an interrupted run may have created {among}, and nothing holds its {field}"
        hint = f"rotate it in Stytch, and store the value as {name} and the id as {name}_ID in the credential store"
        hint += f"; or delete it in Stytch, and the next apply creates it again; or remove {_journals(resource, held)}"
    return resource.problem("unproven", found, hint, severity="problem")


def _journals(resource: Resource, held: Held) -> str:
    names = sorted({intent.journal for intent in held.begun.get(resource.address, ())})
    return f".reconciler/{' and '.join(names)} to forget that run"


def _may_have_made(intent: Intent, id: str) -> bool:
    """Return whether a thing came after a run had noted what was there, and before it knew what it made."""
    return intent.there is not None and id not in intent.there and intent.made is None


def _is_given(kind: Kind, resource: Resource) -> bool:
    credential = kind.credential
    return (
        credential is not None
        and not (credential.chosen or kind.identity.id_is_key)
        and credential.has_one(resource.spec)
    )


def _shown(kind: Kind, live: Live, which: str = "") -> str:
    field = kind.credential.field if kind.credential else ""
    return str(live.spec.get(f"{which}{field}_last_four") or "")
