"""Credentials that Stytch generates: where each is stored, and which an interrupted run lost.

What such a run left behind is renewed only with proof that it is the very resource: the id that Stytch's response gave,
and for a credential that can be rotated the last characters that it had then. What may as well be somebody else's is
held.
"""

from collections.abc import Container, Iterable, Iterator, Sequence

from msgspec import structs

from reconciler.diff.conflicts import unknown_secret
from reconciler.diff.fields import same
from reconciler.diff.pairs import KnownCredentials
from reconciler.model import FieldChange, Intent, Json, Live, Problem, Resource, Severity
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import LAST_FOUR, credential_name, names_in, replaced


def kept(kind: Kind, resource: Resource) -> Iterator[FieldChange]:
    """Yield where the credential of a resource will be kept, if it has one."""
    if kind.credential and kind.credential.has_one(resource.spec):
        yield FieldChange(path=(kind.credential.field,), after={"secret": credential_name(kind, resource)})


def orphans(
    kind: Kind, resource: Resource, live: Iterable[Live], taken: Container[str | None], known: KnownCredentials
) -> tuple[Sequence[Live], Sequence[Live]]:
    """Return what an interrupted create left behind, and what it may have left behind; nobody has kept either."""
    begun = known.begun.get(resource.address, ())
    if not kind.identity.id_is_key or not begun or resource.ensure != "present":
        return (), ()
    left = [item for item in live if item.id not in taken]
    made = {intent.made for every in known.begun.values() for intent in every}
    ours = [item for item in left if any(item.id == intent.made for intent in begun)]
    return ours, [
        item for item in left if item.id not in made and any(_may_have_made(intent, item.id) for intent in begun)
    ]


def was_lost(kind: Kind, resource: Resource, live: Live, known: KnownCredentials) -> bool:
    """Return whether a run was provably cut short between Stytch's giving a credential and its being kept."""
    begun = known.begun.get(resource.address, ())
    if not begun or not _is_given(kind, resource):
        return False
    name, now, following = credential_name(kind, resource), _shown(kind, live), _shown(kind, live, "next_")
    is_kept = known.id_of(name) == live.id
    given = {last_four for intent in begun if intent.made == live.id for last_four in intent.given}
    if following:
        return following in given or (is_kept and known.last_four(name) == following)
    return not is_kept and now in given


def may_be_lost(kind: Kind, resource: Resource, live: Live, known: KnownCredentials) -> bool:
    """Return whether a run may have been cut short between the two, and nothing proves it."""
    begun = known.begun.get(resource.address, ())
    if not begun or not _is_given(kind, resource) or was_lost(kind, resource, live, known):
        return False
    if _shown(kind, live, "next_"):
        return any(live.id in (intent.id, intent.made) or _may_have_made(intent, live.id) for intent in begun)
    is_kept = known.id_of(credential_name(kind, resource)) == live.id
    return not is_kept and any(_may_have_made(intent, live.id) for intent in begun)


def ends_otherwise(kind: Kind, resource: Resource, live: Live, known: KnownCredentials) -> frozenset[str]:
    """Return how a credential ends as Stytch shows it, if what is at hand for the resource does not end so."""
    if (
        kind.credential is None
        or resource.ensure != "present"
        or known.id_of(name := credential_name(kind, resource)) != live.id
    ):
        return frozenset()
    shown = {_shown(kind, live), _shown(kind, live, "next_")} - {""}
    if not kind.credential.shown_once:
        shown = {live.id[-4:]}
    return frozenset(shown) if known.at_hand(name) not in {None, *shown} and shown else frozenset()


def _may_have_made(intent: Intent, id: str) -> bool:
    """Return whether a resource came after a run had noted what was there, and before it knew what it made."""
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
    return str(live.spec.get(f"{which}{field}_{LAST_FOUR}") or live.spec.get(f"{which}{LAST_FOUR}") or "")


def as_far_as_known(
    kind: Kind, resource: Resource, live: Live, known: KnownCredentials
) -> tuple[Resource, list[Problem]]:
    """Return a declared resource without what nobody can send, for want of a secret, and say what that is.

    What differs and must be sent with the secret is held; where all the rest of a field is as declared, only the secret
    itself cannot be compared.
    """
    problems: list[Problem] = []
    spec = dict(resource.spec)
    for field, seal in kind.secret_fields.items():
        names = dict(names_in(spec.get(field), (field,)))
        if not seal.readable and resource.address not in known.begun:
            continue  # it is neither compared nor sent, so nobody asks for it
        unknown = {path: name for path, name in names.items() if known.last_four(name) is None}
        if not unknown:
            continue
        shown = replaced(spec.pop(field), lambda name: {LAST_FOUR: known.last_four(name)})
        waits = not seal.readable or not same(_assumed(shown, live.spec.get(field)), live.spec.get(field))
        severity: Severity = "problem" if waits else "warning"
        problems += [unknown_secret(resource, ("spec", *path), name, severity, field) for path, name in unknown.items()]
    return structs.replace(resource, spec=spec), problems


def _assumed(declared: Json, live: Json) -> Json:
    """Return a declared value with each unknown secret taken for the live one."""
    if declared == {LAST_FOUR: None}:
        return live
    if isinstance(declared, dict) and isinstance(live, dict):
        return {key: _assumed(value, live.get(key)) for key, value in declared.items()}
    return declared
