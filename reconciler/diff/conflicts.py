"""Problems of declared resources: an ambiguous live one, fields that cannot change, unknown secrets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

from msgspec import structs

from reconciler.diff.credentials import Held
from reconciler.diff.fields import same
from reconciler.diff.identity import Seat
from reconciler.diff.member_changes import KIND
from reconciler.diff.ownership import Present
from reconciler.model import (
    Cause,
    Json,
    Listed,
    Live,
    Membership,
    Path,
    Position,
    Problem,
    Resource,
    Severity,
    address,
    problem,
)
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import (
    LAST_FOUR,
    credential_name,
    is_secret_name,
    names_in,
    replaced,
    secrets_needed,
)

IN_CONFLICT: Final = "because of a conflict it is unknown which member this user is"
ANOTHER_OWNERS: Final = "the live member carries another owner's mark"


def listed(organization: str, item: Present, reason: str, at: tuple[Position, ...] = ()) -> Listed:
    """List a live member that is left alone."""
    return Listed(
        kind=KIND,
        namespace=organization,
        name=item.address,
        reason=reason,
        id=item.member.member_id,
        at=at,
        users=(item.mark.user,) if item.mark and item.mark.user else (),
    )


def to_come(organization: str, seat: Seat, causes: Iterable[Cause], reason: str, id_: str | None = None) -> Listed:
    """List somebody who is wanted and is not made a member."""
    return Listed(
        kind=KIND,
        namespace=organization,
        name=seat.address,
        reason=reason,
        id=id_,
        at=places(causes),
        users=(seat.membership.user,) if seat.membership.user else (),
    )


def conflict(
    organization: str, seats: Sequence[Seat], causes: Callable[[Membership], tuple[Cause, ...]]
) -> tuple[Problem, Listed]:
    """Return the one problem of the memberships in conflict at an address, and list the live member there."""
    text = "; ".join(sorted({seat.trouble for seat in seats if seat.trouble}))
    name = address(KIND, organization, seats[0].address)
    at = tuple(sorted({place for seat in seats for place in places(causes(seat.membership))}))
    users = tuple(sorted({seat.membership.user for seat in seats if seat.membership.user}))
    found = problem("conflict", f"{name}: {text}", "", *at, severity="problem", addresses=(name,), users=users)
    id_ = next((seat.present.member.member_id for seat in seats if seat.present), None)
    return found, Listed(
        kind=KIND, namespace=organization, name=seats[0].address, reason=text, id=id_, at=at, users=users
    )


def another_owners(organization: str, item: Present, declared: Resource) -> Problem:
    """Return the problem of a member that is declared absent but that another repository manages."""
    name = address(KIND, organization, item.address)
    return problem(
        "conflict",
        f"{name}: {ANOTHER_OWNERS}",
        "two repositories must not manage one member: remove it in the repository that manages it",
        declared.position,
        severity="problem",
        addresses=(name,),
    )


def notice(
    code: str,
    severity: Severity,
    text: str,
    organization: str,
    live_address: str,
    membership: Membership,
    causes: Iterable[Cause],
) -> Problem:
    """Return a problem about one membership, with the places it comes from."""
    name = address(KIND, organization, live_address)
    return problem(
        code,
        f"{name}: {text}",
        "",
        *places(causes),
        severity=severity,
        addresses=(name,),
        users=(membership.user,) if membership.user else (),
    )


def places(causes: Iterable[Cause]) -> tuple[Position, ...]:
    """Return where causes are written."""
    return tuple(Position(cause.file, cause.line) for cause in causes)


def cause_of(resource: Resource) -> Cause:
    """Return the cause that a hand-written manifest is."""
    return Cause(file=resource.position.file, line=resource.position.line)


SEVERAL: Final = 2


def trouble(
    kind: Kind,
    resource: Resource,
    candidates: Sequence[Live],
    claimed: Mapping[str, Resource],
    namesake: Live | None,
) -> Problem | None:
    """Return what keeps anybody from knowing which live thing ``resource`` is, or from having it so."""
    code = "conflict"
    if len(candidates) > 1:
        found = f"{len(candidates)} live resources are named {resource.address}, so it is unknown which one is declared"
        hint = f"rename all but one of them in Stytch: {', '.join(sorted(each.id for each in candidates))}"
    elif candidates and candidates[0].id in claimed:
        found = f"{resource.address} and {claimed[candidates[0].id].address} are the same live resource"
        hint = "remove one of the two manifests"
    elif not candidates and namesake:
        found = f"{resource.address} is the name of {namesake.id}, which registered itself and is never managed"
        hint = "use another name, or delete that one in Stytch"
    elif (
        kind.identity.id_is_key
        and not candidates
        and resource.ensure == "present"
        and not is_secret_name(resource.name)
    ):
        found, code = f"{resource.address} is not live, and Stytch assigns the ids", "unknown-id"
        hint = "name a new one as it should be named in the credential store: letters, digits and _"
    elif not candidates and resource.ensure == "external":
        found, code = f"{resource.address} is declared `ensure: external` but is not live", "missing-external"
        hint = "create it in the repository that manages it, or declare it without `ensure: external`"
    elif (
        candidates
        and resource.ensure == "present"
        and kind.deletes.recreated_for is None
        and (fixed := _fixed(kind, resource, candidates[0]))
    ):
        found = f"{resource.address}: {', '.join(fixed)} cannot be changed after creation"
        hint = "declare the live value, or declare a new resource under another name"
        code = "create-only"
    else:
        return None
    return resource.problem(code, found, hint, severity="problem")


def unknown_secret(kind: Kind, resource: Resource, held: Held) -> Problem | None:
    """Return the unknown secret that a new resource needs: its create waits for it."""
    for path, name in secrets_needed(kind, resource) if resource.ensure == "present" else ():
        if held.last_four(name) is None:
            return _unknown(resource, path, name, "problem")
    return None


def as_far_as_known(kind: Kind, resource: Resource, live: Live, held: Held) -> tuple[Resource, Sequence[Problem]]:
    """Return a declared thing without what nobody can send, for want of a secret, and say what that is.

    What differs and must be sent with the secret is held; where all the rest of a field is as declared, only the secret
    itself cannot be compared.
    """
    problems: list[Problem] = []
    spec = dict(resource.spec)
    for field, seal in kind.secret_fields.items():
        names = dict(names_in(spec.get(field), (field,)))
        if not seal.readable and resource.address not in held.begun:
            continue  # it is neither compared nor sent, so nobody asks for it
        unknown = {path: name for path, name in names.items() if held.last_four(name) is None}
        if not unknown:
            continue
        shown = replaced(spec.pop(field), lambda name: {LAST_FOUR: held.last_four(name)})
        waits = not seal.readable or not same(_assumed(shown, live.spec.get(field)), live.spec.get(field))
        if waits:
            problems += [_unknown(resource, ("spec", *path), name, "problem", field) for path, name in unknown.items()]
        else:
            problems += [_unknown(resource, ("spec", *path), name, "warning", field) for path, name in unknown.items()]
    return structs.replace(resource, spec=spec), problems


def _assumed(declared: Json, live: Json) -> Json:
    """Return a declared value with each unknown secret taken for the live one."""
    if declared == {LAST_FOUR: None}:
        return live
    if isinstance(declared, dict) and isinstance(live, dict):
        return {key: _assumed(value, live.get(key)) for key, value in declared.items()}
    return declared


def _unknown(
    resource: Resource, path: Path, name: str, severity: Literal["problem", "warning"], field: str = ""
) -> Problem:
    found = f"the secret {name} is neither in the environment variables nor in the credential store"
    if field and severity == "problem":
        found += f", so {field} is held although it differs"
    elif field:
        found += f", so it is unknown whether {field} has it"
    hint = f"set the environment variable {name}, or add it to the credential store"
    return resource.problem("unknown-secret", found, hint, path, severity=severity)


def taken_name(kind: Kind, resource: Resource, live: Iterable[Live], held: Held) -> Problem | None:
    """Return a problem if a new credential would replace the credential of another resource in the store."""
    if kind.identity.id_is_key or not kind.credential or resource.ensure != "present":
        return None
    name = credential_name(kind, resource)
    known = held.id_of(name)
    other = next((each for each in live if each.id == known), None)
    if other is None:
        return None
    return resource.problem(
        "conflict",
        f"{resource.address}: the credential store holds the credential of {other.address} as {name}",
        f"name another secret, {kind.credential.field}: {{secret: NAME}}, or remove {other.name} first",
        severity="problem",
    )


def _fixed(kind: Kind, resource: Resource, live: Live) -> list[str]:
    """Name the fields that differ and that Stytch takes at create only."""
    credential = kind.credential.field if kind.credential else ""
    names = sorted((kind.create_only & resource.spec.keys()) - {credential})
    return [name for name in names if not same(resource.spec[name], live.spec.get(name))]


def lost_credential(kind: Kind, resource: Resource, live: Live, held: Held) -> Problem | None:
    """Return the problem that Stytch gave the credential of a live thing, and that no store holds it any more."""
    credential = kind.credential
    if credential is None or not credential.shown_once or resource.ensure != "present":
        return None
    if not credential.has_one(resource.spec):
        return None
    name = credential_name(kind, resource)
    if held.id_of(name) != live.id or not held.lost(name):
        return None
    return resource.problem(
        "lost-credential",
        f"the {credential.field} of {resource.address} ({live.id}) was given to an earlier run as {name}, and "
        "is neither in the environment variables nor in the credential store",
        f"set the variable {name}, or restore the credential store; if the "
        f"value is lost, delete {live.id} in Stytch: "
        "the next apply creates another",
        severity="problem",
    )


def made_before(kind: Kind, resource: Resource, live: Sequence[Live], held: Held, in_use: str) -> Problem | None:
    """Return a problem if it is unknown which of several live resources without a name is the declared one.

    ``live`` are those that no manifest claims. A single one is no sign of that: Stytch itself, or a person, made it
    with the environment. An id that is known and gone is none either: another machine may have made the next one.
    ``in_use`` is what Stytch shows of the secret that is in use: that one is not named.
    """
    if not kind.identity.id_is_key or resource.ensure != "present" or resource.address in held.begun:
        return None
    unknown = sorted(each.id for each in live if not in_use or each.spec.get(LAST_FOUR) != in_use)
    if len(live) < SEVERAL or not unknown:
        return None
    return resource.problem(
        "unknown-things",
        f"{resource.address} may already exist: it is unknown whether it is {' or '.join(unknown)}",
        f"if it is, set the variable {resource.name} to its value, or bring back the file of ids that `apply` "
        "asks to commit; declare those that it is not by their ids, with `ensure: external`",
        severity="problem",
    )
