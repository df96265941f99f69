"""What keeps a declared thing from being settled: which live one it is, what cannot be changed, what nobody knows."""

from collections.abc import Iterable, Mapping, Sequence

from reconciler.diff.credentials import Held
from reconciler.diff.fields import same
from reconciler.model import Live, Problem, Resource
from reconciler.named_secrets import credential_name, is_secret_name, secrets_needed
from reconciler.schema import Kind


def trouble(
    kind: Kind,
    resource: Resource,
    candidates: Sequence[Live],
    claimed: Mapping[str, Resource],
    namesake: Live | None,
) -> Problem | None:
    """Say what keeps anybody from knowing which live thing ``resource`` is, or from having it so."""
    code = "conflict"
    if len(candidates) > 1:
        found = f"{len(candidates)} live things are called {resource.address}, and nobody can say which is meant"
        hint = f"rename all but one of them in Stytch: {', '.join(sorted(each.id for each in candidates))}"
    elif candidates and candidates[0].id in claimed:
        found = f"{resource.address} and {claimed[candidates[0].id].address} are the same live thing"
        hint = "remove one of the two manifests"
    elif not candidates and namesake:
        found = f"{resource.address} is the name of {namesake.id}, which registered itself: it is never ours"
        hint = "declare another name, or delete that one in Stytch"
    elif kind.nameless and not candidates and resource.ensure == "present" and not is_secret_name(resource.name):
        found, code = f"{resource.address} is not live, and ids are given by Stytch", "unknown-id"
        hint = "a new one has a name in the credential store: letters, digits and _"
    elif not candidates and resource.ensure == "external":
        found, code = f"{resource.address} is declared `ensure: external` but is not live", "missing-external"
        hint = "create it where it is managed, or declare it without `ensure: external`"
    elif (
        candidates
        and resource.ensure == "present"
        and not kind.replaceable
        and (fixed := _fixed(kind, resource, candidates[0]))
    ):
        found = f"{resource.address}: {', '.join(fixed)} cannot be changed once the thing is made"
        hint = "declare what is live, or a new thing under another name"
        code = "create-only"
    else:
        return None
    at = (resource.position,)
    return Problem(code=code, severity="problem", message=found, hint=hint, at=at, addresses=(resource.address,))


def unknown_secret(kind: Kind, resource: Resource, held: Held) -> Problem | None:
    """Say which secret that a thing is to be sent with nobody knows: it can be neither compared nor written."""
    for path, name in secrets_needed(kind, resource) if resource.ensure == "present" else ():
        if held.last_four(name) is None:
            return Problem(
                code="unknown-secret",
                severity="problem",
                message=f"the secret {name} is neither in the environment nor in the credential store",
                hint=f"set the environment variable {name}, or keep it in the credential store",
                at=(resource.at(*path),),
                addresses=(resource.address,),
            )
    return None


def taken_name(kind: Kind, resource: Resource, live: Iterable[Live], held: Held) -> Problem | None:
    """Say that the credential of a thing that is to be made would take the place of another one's in the store."""
    if kind.nameless or not kind.credential or resource.ensure != "present":
        return None
    name = credential_name(kind, resource)
    known = held.id_of(name)
    other = next((each for each in live if each.id == known), None)
    if other is None:
        return None
    return Problem(
        code="conflict",
        severity="problem",
        message=f"{resource.address}: the credential store holds the credential of {other.address} as {name}",
        hint=f"name another secret, {kind.credential.field}: {{secret: NAME}}, or take {other.name} away first",
        at=(resource.position,),
        addresses=(resource.address,),
    )


def _fixed(kind: Kind, resource: Resource, live: Live) -> list[str]:
    """Name the fields that differ and that Stytch takes at create only."""
    credential = kind.credential.field if kind.credential else ""
    names = sorted((kind.create_only & resource.spec.keys()) - {credential})
    return [name for name in names if not same(resource.spec[name], live.spec.get(name))]
