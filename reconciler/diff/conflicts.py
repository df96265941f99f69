"""The words of every conflict: what keeps anybody from knowing which live resource is meant, or from writing it."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from msgspec import structs

from reconciler.diff.fields import same
from reconciler.diff.ownership import Whose
from reconciler.diff.pairs import KnownCredentials
from reconciler.expressions.text import fold
from reconciler.model import (
    Live,
    Path,
    Position,
    Problem,
    Resource,
    Severity,
    Spec,
    problem,
)
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import (
    LAST_FOUR,
    credential_name,
    is_secret_name,
    secrets_needed,
)

SEVERAL: Final = 2
MANY: Final = 1000  # new organizations, among which a similar slug means nothing
EXTERNAL_ID: Final = "organization_external_id"

# What keeps anybody from knowing which live member a membership is.
ADDRESS_TAKEN: Final = "another live member has this user's address"
ANOTHER_OWNERS_MEMBER: Final = "the live member carries another owner's mark"
ANOTHER_USERS: Final = "the live member carries another user's mark"
CLAIMED_TWICE: Final = "several users or manifests claim the same member"
DISPUTED: Final = "the source has different records for this user"
EXTERNAL_ID_TAKEN: Final = "another live member has this user's external id"
EXTERNAL_ID_WANTED_TWICE: Final = "another member of this organization is to have the same external id"
EXTERNAL_IDS_SWAPPED: Final = (
    "its external id and another live member's are swapped: if the swap is intended, clear one of the two in Stytch"
)
IN_CONFLICT: Final = "because of a conflict it is unknown which member this user is"
KEPT_THOUGH_ABSENT: Final = "declared absent, but nothing is deleted in an organization that is `ensure: external`"
ODD: Final = "its record could not be read completely, so it is not changed"
SEVERAL_MARKED: Final = "several live members carry this user's mark"
SPELLED_DIFFERENTLY: Final = "several live members have this address, spelled differently"

# Why it is unknown what should become of a member.
MAY_BE_MEMBER: Final = (
    "a member record of this organization could not be read, so it is unknown whether this user is already a member"
)
NAMES_NOBODY: Final = (
    "no longer wanted, and its mark names no user and no member: the mark may be a copied one of another member or of "
    "the organization; `ensure: absent` on a Member removes it"
)
UNKNOWN_ROLES: Final = "because of a problem with this user's rules it is unknown which roles to withdraw"
UNKNOWN_WHETHER_HERE: Final = "because of a problem it is unknown whether this user belongs here"
UNREADABLE_USERS: Final = "the users cannot be read, so it is unknown whether this user still exists"


def _conflict(resource: Resource, message: str, hint: str, code: str = "conflict") -> Problem:
    return resource.problem(code, message, hint, severity="problem")


def _not_live(resource: Resource) -> Problem:
    message = f"{resource.address} is declared `ensure: external` but is not live"
    hint = "create it in the repository that manages it, or declare it without `ensure: external`"
    return _conflict(resource, message, hint, "missing-external")


def by_name(
    kind: Kind, resource: Resource, candidates: Sequence[Live], claimed: Mapping[str, Resource], namesake: Live | None
) -> Problem | None:
    """Return what keeps anybody from knowing which live resource the declared one is, or from having it so.

    ``claimed`` gives, by the ids of live resources, the declared ones that they are; ``namesake`` is a live one of the
    same name that registered itself.
    """
    name, is_present = resource.address, resource.ensure == "present"
    if len(candidates) > 1:
        message = f"{len(candidates)} live resources are named {name}, so it is unknown which one is declared"
        ids = ", ".join(sorted(live.id for live in candidates))
        return _conflict(resource, message, f"rename all but one of them in Stytch: {ids}")
    if candidates and candidates[0].id in claimed:
        message = f"{name} and {claimed[candidates[0].id].address} are the same live resource"
        return _conflict(resource, message, "remove one of the two manifests")
    if candidates:
        fixed = _fixed(kind, resource, candidates[0]) if is_present and kind.deletes.recreated_for is None else ()
        message = f"{name}: {', '.join(fixed)} cannot be changed after creation"
        hint = "declare the live value, or declare a new resource under another name"
        return _conflict(resource, message, hint, "create-only") if fixed else None
    if namesake:
        message = f"{name} is the name of {namesake.id}, which registered itself and is never managed"
        return _conflict(resource, message, "use another name, or delete that one in Stytch")
    if kind.identity.id_is_key and is_present and not is_secret_name(resource.name):
        message = f"{name} is not live, and Stytch assigns the ids"
        hint = "name a new one as it should be named in the credential store: letters, digits and _"
        return _conflict(resource, message, hint, "unknown-id")
    return _not_live(resource) if resource.ensure == "external" else None


def unknown_secret(resource: Resource, path: Path, name: str, severity: Severity, field: str = "") -> Problem:
    """Return the problem that nobody knows a secret, and what comes of that: the field is held, or not compared."""
    message = f"the secret {name} is neither in the environment variables nor in the credential store"
    if field and severity == "problem":
        message += f", so {field} is held although it differs"
    elif field:
        message += f", so it is unknown whether {field} has it"
    hint = f"set the environment variable {name}, or add it to the credential store"
    return resource.problem("unknown-secret", message, hint, path, severity=severity)


def unknown_in_new(kind: Kind, resource: Resource, known: KnownCredentials) -> Problem | None:
    """Return the unknown secret that a new resource needs: its create waits for it."""
    for path, name in secrets_needed(kind, resource) if resource.ensure == "present" else ():
        if known.last_four(name) is None:
            return unknown_secret(resource, path, name, "problem")
    return None


def taken_name(kind: Kind, resource: Resource, live: Iterable[Live], known: KnownCredentials) -> Problem | None:
    """Return a problem if a new credential would replace the credential of another resource in the store."""
    if kind.identity.id_is_key or not kind.credential or resource.ensure != "present":
        return None
    name = credential_name(kind, resource)
    stored = known.id_of(name)
    other = next((item for item in live if item.id == stored), None)
    if other is None:
        return None
    return _conflict(
        resource,
        f"{resource.address}: the credential store holds the credential of {other.address} as {name}",
        f"name another secret, {kind.credential.field}: {{secret: NAME}}, or remove {other.name} first",
    )


def _fixed(kind: Kind, resource: Resource, live: Live) -> list[str]:
    """Name the fields that differ and that Stytch takes at create only."""
    credential = kind.credential.field if kind.credential else ""
    names = sorted((kind.create_only & resource.spec.keys()) - {credential})
    return [name for name in names if not same(resource.spec[name], live.spec.get(name))]


def lost_credential(kind: Kind, resource: Resource, live: Live, known: KnownCredentials) -> Problem | None:
    """Return the problem that Stytch gave the credential of a live resource, and that no store holds it any more."""
    credential = kind.credential
    if credential is None or not credential.shown_once or resource.ensure != "present":
        return None
    if not credential.has_one(resource.spec):
        return None
    name = credential_name(kind, resource)
    if known.id_of(name) != live.id or not known.lost(name):
        return None
    return _conflict(
        resource,
        f"the {credential.field} of {resource.address} ({live.id}) was given to an earlier run as {name}, and "
        "is neither in the environment variables nor in the credential store",
        f"set the variable {name}, or restore the credential store; if the "
        f"value is lost, delete {live.id} in Stytch: "
        "the next apply creates another",
        "lost-credential",
    )


def wrong_credential(kind: Kind, resource: Resource, live: Live, name: str, ends: Iterable[str]) -> Problem:
    """Return the problem that what is known as ``name`` is not the credential whose ``ends`` Stytch shows."""
    field = kind.credential.field if kind.credential else ""
    if kind.identity.id_is_key:
        last_resort = f"delete {live.id} in Stytch: the next apply creates another"
    else:
        last_resort = f"rotate it in Stytch, and store the new one as {name}"
    return _conflict(
        resource,
        f"the {field} of {resource.address} ({live.id}) ends in {' or '.join(sorted(ends))}, but the value that is "
        f"known as {name} does not: it does not work",
        f"correct the variable {name}, or the value in the credential store; if nobody has the right one, "
        f"{last_resort}",
        "wrong-credential",
    )


def would_be_refused(resource: Resource, reason: str) -> Problem:
    """Return the problem that Stytch would refuse an update, with what is live besides."""
    message = f"{resource.address}: Stytch would refuse the update: {reason}"
    return _conflict(
        resource, message, "declare the other fields as well, or change them in Stytch", "would-be-refused"
    )


def made_before(
    kind: Kind, resource: Resource, live: Sequence[Live], known: KnownCredentials, in_use: str
) -> Problem | None:
    """Return a problem if it is unknown which of several live resources without a name is the declared one.

    ``live`` are those that no manifest claims. A single one is no sign of that: Stytch itself, or a person, made it
    with the environment. An id that is known and gone is none either: another machine may have made the next one.
    ``in_use`` is what Stytch shows of the secret that is in use: that one is not named.
    """
    if not kind.identity.id_is_key or resource.ensure != "present" or resource.address in known.begun:
        return None
    unknown = sorted(item.id for item in live if not in_use or item.spec.get(LAST_FOUR) != in_use)
    if len(live) < SEVERAL or not unknown:
        return None
    return _conflict(
        resource,
        f"{resource.address} may already exist: it is unknown whether it is {' or '.join(unknown)}",
        f"if it is, set the variable {resource.name} to its value, or bring back the file of ids that `apply` "
        "asks to commit; declare those that it is not by their ids, with `ensure: external`",
        "unknown-things",
    )


def doubt(kind: Kind, resource: Resource, ids: Iterable[str], known: KnownCredentials) -> Problem:
    """Return the problem that a run that was cut short may have created these resources, and what a person can do."""
    name, field = credential_name(kind, resource), kind.credential.field if kind.credential else ""
    among = ", ".join(sorted(ids))
    if kind.identity.id_is_key:
        message = f"{resource.address}: an interrupted run may have created {among}; there is no proof that it did"
        stored = f"if it is the right one, store its id as {name}_ID in the credential store, next to its value"
        hint = f"delete it in Stytch if it is not in use; or {stored}; or remove {_journals(resource, known)}"
    else:
        message = f"{resource.address}: an interrupted run may have created {among}, and nothing holds its {field}"
        hint = f"rotate it in Stytch, and store the value as {name} and the id as {name}_ID in the credential store"
        hint += f"; or delete it in Stytch, and the next apply creates it again; or remove {_journals(resource, known)}"
    return _conflict(resource, message, hint, "unproven")


def _journals(resource: Resource, known: KnownCredentials) -> str:
    names = sorted({intent.journal for intent in known.begun.get(resource.address, ())})
    return f".reconciler/{' and '.join(names)} to forget that run"


def several_orphans(resource: Resource, orphans: Sequence[Live]) -> Problem:
    """Return the problem that an interrupted run created one of several: somebody else made another of them."""
    names = ", ".join(sorted(orphan.id for orphan in orphans))
    message = f"{resource.address} was created by an interrupted run, and it is unknown which of these it is: {names}"
    return _conflict(resource, message, "in Stytch, delete those that are not in use")


def only_one(resource: Resource, other: Live) -> Problem:
    """Return the problem that a resource cannot be created while an undeclared one exists."""
    return problem(
        "only-one",
        f"{resource.address} cannot be created while {other.address} exists: Stytch allows only one",
        f"declare {other.address} with `ensure: absent`, or with its live values",
        Position(resource.position.file, resource.position.line),
        severity="problem",
        addresses=(resource.address, other.address),
    )


def not_ours(resource: Resource, live: Live, whose: Whose) -> Problem:
    """Return the problem that only its name says that a live organization is the declared one."""
    carries = (
        "carries only the mark of an interrupted create"
        if whose is Whose.BEGUN
        else "does not carry this repository's mark"
    )
    takes, leaves = "takes it over", "`ensure: external` leaves it unmanaged"
    if resource.ensure == "absent":
        takes, leaves = "deletes it anyway", "removing the manifest keeps it"
    return _conflict(
        resource,
        f"{resource.address}: an organization with the slug {live.name} is live and {carries}",
        "end users can create organizations with slugs of their choice: "
        f"`adopt: true` in its manifest {takes}, {leaves}",
        "not-ours",
    )


def by_external_id(
    resource: Resource, candidates: Sequence[Live], claims: Mapping[str, int], lookalike: Live | None, whose: Whose
) -> Problem | None:
    """Return what keeps anybody from knowing which live organization the declared one is, if anything does.

    ``claims`` counts, by the ids of live ones, the declared ones that lead there; the name of a ``lookalike`` differs
    only by case; ``whose`` says whose mark the first candidate carries.
    """
    name = resource.address
    if len(candidates) > 1:
        message = f"{name} leads to several live organizations: {', '.join(live.name for live in candidates)}"
        hint = "its external id, slug and renamed_from must all lead to one organization, or to none"
        return _conflict(resource, message, hint)
    if candidates and claims[candidates[0].id] > 1:
        message = f"{name} and another manifest both lead to the live organization {candidates[0].name}"
        return _conflict(resource, message, "remove one of the two, or give it another external_id or renamed_from")
    if candidates and resource.ensure != "external" and whose is Whose.ANOTHER:
        hint = "two repositories must not manage one organization: declare it `ensure: external` in one of them"
        return _conflict(resource, f"{name} carries the mark of another owner", hint)
    if not candidates and lookalike:
        message = f"{name} differs only by case from the live organization {lookalike.name}"
        hint = "write the slug as it is in Stytch, or add renamed_from to change its case"
        code = "missing-external" if resource.ensure == "external" else "conflict"
        return _conflict(resource, message, hint, code)
    return _not_live(resource) if not candidates and resource.ensure == "external" else None


def name_changed(new: Iterable[Resource], left: Sequence[Live], taken: Container[str] = ()) -> Iterator[Problem]:
    """Yield a warning for each marked organization that nobody declares any more, and that a new one may be.

    New is what is not live yet, or (``taken``, by slug) is somebody else's so far.
    """
    made = {resource.name: resource for resource in new}
    for live in left if made else ():
        like = [name for name, resource in made.items() if _name(resource.spec) == _name(live.spec) != ""]
        like = like or (get_close_matches(live.name, made, 1) if len(made) <= MANY else [])
        like = like or (list(made) if len(made) == len(left) == 1 else [])
        if len(like) == 1:
            resource = made[like[0]]
            then = "then its members stay"
            then += f"; the live {resource.name} must be deleted first" if resource.name in taken else ""
            yield problem(
                "slug-changed",
                f"{resource.address} is new, but {live.address}, which has our mark, is no longer declared",
                f"if they are the same, add renamed_from: {live.name} under metadata: {then}",
                resource.at("metadata", "name"),
                severity="warning",
                addresses=(resource.address, live.address),
            )


def swapped(desired: Iterable[Resource], by_external_id: Mapping[str, Live]) -> Mapping[str, tuple[Resource, ...]]:
    """Return, by slug, the declared organizations whose external ids are live with one another."""
    named = {resource.name: resource for resource in desired}
    follows: dict[str, str] = {}  # the slug with which a declared one's external id is live
    for name, resource in named.items():
        live = by_external_id.get(resource.spec.get(EXTERNAL_ID) or "")
        if live and live.name != name and live.name in named:
            follows[name] = live.name
    circles: dict[str, tuple[Resource, ...]] = {}
    for name in follows:
        circle = [name]
        while (after := follows.get(circle[-1])) and after not in circle:
            circle.append(after)
        if after == name:
            circles[name] = tuple(named[member] for member in sorted(circle))
    return circles


def with_swap(problem: Problem, circle: Sequence[Resource]) -> Problem:
    """Return the problem, reworded if it comes from swapped external ids."""
    if not circle:
        return problem
    names = ", ".join(resource.address for resource in circle)
    return structs.replace(
        problem,
        message=f"the external ids of {names} are swapped",
        hint="swap them back in the manifests; if the swap is intended, first give "
        "one of them a third external id and apply",
        addresses=(*problem.addresses, *(other.address for other in circle if other.address not in problem.addresses)),
    )


def _name(spec: Spec) -> str:
    return fold(str(spec.get("organization_name") or ""))
