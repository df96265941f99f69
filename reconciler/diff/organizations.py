"""Match declared organizations with live ones; return what differs.

An organization is found by its external id if it declares one, by its slug, or by the slug it was renamed from. If
these lead to two live ones, that is a conflict, and everything in it is held. So is one that was
found by a slug alone and does not carry our mark, unless its manifest adopts it: end users can create organizations
with slugs of their choice.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from reconciler.diff.fields import created_fields, diff_fields
from reconciler.diff.hints import slug_changed, swapped, with_swap
from reconciler.diff.ownership import Owner, Whose, mark_of
from reconciler.expressions.text import fold
from reconciler.model import (
    Cause,
    Change,
    Create,
    Delete,
    Diff,
    FieldChange,
    Json,
    Listed,
    Live,
    Mark,
    Problem,
    Resource,
    ResourceKey,
    Spec,
    Update,
)

MERGED = ("trusted_metadata",)
IN_PARTS = ("allowed_oauth_tenants",)  # maps that Stytch takes whole, and that are managed key by key
SSO_JIT = "sso_jit_provisioning"
ALLOWED = "sso_jit_provisioning_allowed_connections"
INVITES = "email_invites"
UNFINISHED = "not declared; created by an interrupted run of this repository, so it is not deleted"


class _Index:
    """The live organizations by each name that can lead to one."""

    def __init__(self, live: Iterable[Live]) -> None:
        self.by_slug: dict[str, Live] = {}
        self.by_external_id: dict[str, Live] = {}
        self.by_folded_slug: dict[str, Live] = {}
        for item in live:
            self.by_slug[item.name] = item
            self.by_folded_slug[fold(item.name)] = item
            if external_id := item.spec.get("organization_external_id"):
                self.by_external_id[external_id] = item

    def is_by_external_id(self, resource: Resource, found: Live) -> bool:
        """Return whether the declared external id leads to a live organization."""
        return self.by_external_id.get(resource.spec.get("organization_external_id") or "") is found

    def lookalike(self, resource: Resource) -> Live | None:
        """Return the live organization whose slug differs from the declared one only by case."""
        return self.by_folded_slug.get(fold(resource.name))

    def candidates(self, resource: Resource) -> list[Live]:
        """Return every live organization that a declared one could be, each once."""
        found = (
            self.by_external_id.get(resource.spec.get("organization_external_id") or ""),
            self.by_slug.get(resource.name),
            self.by_slug.get(resource.renamed_from or ""),
        )
        return list({item.id: item for item in found if item}.values())


def led_to(desired: Iterable[Resource], live: Iterable[Live]) -> Mapping[str, Live]:
    """Return the live organization that each declared slug leads to, where it leads to one."""
    index = _Index(live)
    found = {resource.name: index.candidates(resource) for resource in desired}
    return {slug: candidates[0] for slug, candidates in found.items() if len(candidates) == 1}


def diff_organizations(
    desired: Sequence[Resource],
    live: Sequence[Live],
    *,
    owner: Owner,
    authoritative: bool,
    elsewhere: Collection[str],
    create_values: Spec,
    late: Collection[str] = (),
    adopt: bool = False,
) -> Diff:
    """Match ``desired`` with ``live`` and give the changes.

    ``adopt`` takes over every organization that a slug leads to, as ``adopt`` in a manifest does one.
    ``authoritative`` lets an organization that carries our mark and is declared nowhere be deleted; one that is
    declared for another environment only (``elsewhere``) is simply not managed here. ``create_values`` are sent
    with every create that does not say otherwise; ``late`` are the fields that name what lies in an organization,
    which a new one can have only once that is there: in a second change.
    """
    index = _Index(live)
    found = {resource.name: index.candidates(resource) for resource in desired}
    claims = Counter(item.id for candidates in found.values() for item in candidates)
    alike = {each.id for each in map(index.lookalike, (one for one in desired if not found[one.name])) if each}
    swaps = swapped(desired, index.by_external_id)
    ids: dict[ResourceKey, str] = {}
    new: set[str] = set()
    strangers: dict[str, Live] = {}
    changes: list[Change] = []
    problems: list[Problem] = []
    held: list[Listed] = []
    unchanged = 0
    for resource in desired:
        candidates = found[resource.name]
        if trouble := _trouble(resource, candidates, claims, index, owner):
            held.append(_held(resource, with_swap(trouble, swaps.get(resource.name, ())), problems))
        elif candidates and not (adopt or _is_proven(resource, candidates[0], index, owner)):
            held.append(_held(resource, _unproven(resource, candidates[0], owner), problems))
            strangers[resource.name] = candidates[0]
        elif not candidates:
            if resource.ensure == "present":
                new.add(resource.name)
                changes.extend(_create(resource, create_values, late))
        elif resource.ensure == "absent":
            changes.append(_delete(candidates[0], resource))
        else:
            ids[None, resource.name] = candidates[0].id
            update = _update(resource, candidates[0], owner) if resource.ensure == "present" else None
            changes.extend([update] if update else [])
            unchanged += update is None and resource.ensure == "present"
    ours = {item.id for item in live if mark_of(item, owner)[0] is Whose.OURS}
    begun = {item.id for item in live if mark_of(item, owner)[0] is Whose.BEGUN}
    unmanaged: list[Listed] = []
    kept: list[Listed] = []
    left: list[Live] = []
    for item in sorted(live, key=lambda item: item.name):
        if item.id in claims or (item.id in ours and item.id in alike):
            continue
        if item.id not in ours or item.name in elsewhere:
            reason = "declared for another environment only" if item.name in elsewhere else "not declared"
            reason = UNFINISHED if item.id in begun else reason
            unmanaged.append(Listed.of(item, reason, id=item.id))
            continue
        left.append(item)
        if authoritative:
            changes.append(_delete(item, None))
        else:
            kept.append(Listed.of(item, "no longer declared", id=item.id))
    return Diff(
        ids=ids,
        changes=tuple(changes),
        held=tuple(held),
        kept=tuple(kept),
        unmanaged=tuple(unmanaged),
        problems=(
            *problems,
            *slug_changed(_named(desired, {*new, *strangers}), left, strangers),
        ),
        unchanged=unchanged,
        managed=Counter({None: len(ours)}),
        strangers={(None, slug): item.id for slug, item in strangers.items()},
    )


def _named(desired: Iterable[Resource], names: Collection[str]) -> list[Resource]:
    return [resource for resource in desired if resource.name in names]


def _is_proven(resource: Resource, found: Live, index: _Index, owner: Owner) -> bool:
    """Return whether more than a slug says that a live organization is the declared one, or nothing needs to.

    The mark of a create that was cut short says so too, but permits no delete.
    """
    if resource.ensure == "external" or resource.adopt or index.is_by_external_id(resource, found):
        return True
    whose = mark_of(found, owner)[0]
    return whose is Whose.OURS if resource.ensure == "absent" else whose is not Whose.NOBODY


def _unproven(resource: Resource, found: Live, owner: Owner) -> Problem:
    begun = mark_of(found, owner)[0] is Whose.BEGUN
    carries = "carries only the mark of an interrupted create" if begun else "does not carry this repository's mark"
    takes, leaves = "takes it over", "`ensure: external` leaves it unmanaged"
    if resource.ensure == "absent":
        takes, leaves = "deletes it anyway", "removing the manifest keeps it"
    return resource.problem(
        "not-ours",
        f"{resource.address}: an organization with the slug {found.name} is live and {carries}",
        "end users can create organizations with slugs of their choice: "
        f"`adopt: true` in its manifest {takes}, {leaves}",
        severity="problem",
    )


def _trouble(
    resource: Resource, candidates: Sequence[Live], claims: Counter[str], index: _Index, owner: Owner
) -> Problem | None:
    """Return what keeps anybody from knowing which live organization ``resource`` is, if anything does."""
    if len(candidates) > 1:
        names = ", ".join(item.name for item in candidates)
        found = f"{resource.address} leads to several live organizations: {names}"
        hint = "its external id, slug and renamed_from must all lead to one organization, or to none"
    elif candidates and claims[candidates[0].id] > 1:
        found = f"{resource.address} and another manifest both lead to the live organization {candidates[0].name}"
        hint = "remove one of the two, or give it another external_id or renamed_from"
    elif candidates and resource.ensure != "external" and mark_of(candidates[0], owner)[0] is Whose.ANOTHER:
        found = f"{resource.address} carries the mark of another owner"
        hint = "two repositories must not manage one organization: declare it `ensure: external` in one of them"
    elif not candidates and (lookalike := index.lookalike(resource)):
        found = f"{resource.address} differs only by case from the live organization {lookalike.name}"
        hint = "write the slug as it is in Stytch, or add renamed_from to change its case"
    elif not candidates and resource.ensure == "external":
        found = f"{resource.address} is declared `ensure: external` but is not live"
        hint = "create it in the repository that manages it, or declare it without `ensure: external`"
    else:
        return None
    return resource.problem(
        "conflict" if candidates or resource.ensure != "external" else "missing-external",
        found,
        hint,
        severity="problem",
    )


def _held(resource: Resource, problem: Problem, problems: list[Problem]) -> Listed:
    problems.append(problem)
    return Listed.of(resource, problem.message, at=problem.at[:1])


def _create(resource: Resource, create_values: Spec, late: Collection[str]) -> Iterator[Change]:
    """Yield the create, and an update without an id for what must wait: apply knows the id by then."""
    waits = {name: value for name, value in resource.spec.items() if name in late}
    spec = {name: value for name, value in resource.spec.items() if name not in late}
    said = {**create_values, **resource.initial, **spec}
    before: dict[str, Json] = {}
    if ALLOWED in waits and said.get(SSO_JIT) == "RESTRICTED":
        waits[SSO_JIT] = "RESTRICTED"
        spec.pop(SSO_JIT, None)
        if said.get(INVITES) != "NOT_ALLOWED":
            before[SSO_JIT] = spec[SSO_JIT] = "NOT_ALLOWED"  # shut until it is restricted, as another way in is open
    initial = {name: value for name, value in resource.initial.items() if name not in waits}
    yield Create(
        kind=resource.kind,
        name=resource.name,
        fields=created_fields(spec, initial, create_values, merged=MERGED),
        mark=None,  # completed by apply, once Stytch has given the id
        causes=(_cause(resource),),
    )
    if waits:
        yield Update(
            kind=resource.kind,
            name=resource.name,
            fields=tuple(diff_fields(waits, before, merged=MERGED)),
            causes=(_cause(resource),),
        )


def _in_parts(desired: Spec, live: Spec) -> Spec:
    """Return a declared spec with what Stytch takes whole, and is managed in parts, as it will be."""
    parts = {name: live[name] for name in IN_PARTS if isinstance(live.get(name), dict)}
    return {
        name: {**parts[name], **value} if name in parts and isinstance(value, dict) else value
        for name, value in desired.items()
    }


def _update(resource: Resource, live: Live, owner: Owner) -> Update | None:
    ignore = [path[1:] for path in resource.lifecycle.ignore]
    fields = tuple(diff_fields(_in_parts(resource.spec, live.spec), live.spec, merged=MERGED, ignore=ignore))
    if live.name != resource.name:
        fields = (FieldChange(path=("organization_slug",), before=live.name, after=resource.name), *fields)
    whose, mark = mark_of(live, owner)
    adopts = whose is Whose.NOBODY or (mark is not None and mark.owner != owner.name)
    marks = adopts or whose is Whose.BEGUN  # whose create was cut short before its mark was complete
    if not fields and not marks:
        return None
    return Update(
        kind=resource.kind,
        name=resource.name,
        id=live.id,
        fields=fields,
        adopts=adopts,
        mark=Mark(owner=owner.name, organization=live.id) if marks else None,
        causes=(_cause(resource),),
    )


def _delete(live: Live, resource: Resource | None) -> Delete:
    return Delete(
        kind=live.kind,
        name=live.name,
        id=live.id,
        fields=tuple(
            FieldChange(path=(name,), before=live.spec[name])
            for name in ("organization_name", "organization_external_id")
            if live.spec.get(name)
        ),
        withheld_by="protect" if resource and resource.lifecycle.protect else None,
        causes=(_cause(resource),) if resource else (),
    )


def _cause(resource: Resource) -> Cause:
    return Cause(file=resource.position.file, line=resource.position.line)
