"""Match the declared resources of one kind with live ones; return what differs.

A thing is found by the id that the credential store holds for it, unless its name is its id and cannot change, by its
name, or by the name it was renamed from.
Several live resources with one name are a conflict, and the declared one is held. Of a
thing that is there, a secret that nobody knows holds only what must be sent with it.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import Any, Final

from reconciler.diff.conflicts import as_far_as_known, lost_credential, made_before, taken_name, unknown_secret
from reconciler.diff.conflicts import trouble as trouble_of
from reconciler.diff.credentials import Held, doubt, kept, may_be_lost, orphans, was_lost
from reconciler.diff.draft import Draft
from reconciler.diff.fields import created_fields, diff_fields, same
from reconciler.model import (
    Cause,
    Create,
    Delete,
    Diff,
    FieldChange,
    Json,
    Listed,
    Live,
    Position,
    Problem,
    Resource,
    ResourceKey,
    Spec,
    Target,
    Update,
    problem,
)
from reconciler.schema.kind import Kind
from reconciler.schema.left_out import completed
from reconciler.schema.secret_names import as_declared, as_shown, credential_name
from reconciler.schema.types import universal

SHOWN: Final = 4  # characters of a secret that Stytch goes on showing


def diff_things(kind: Kind, desired: Sequence[Resource], live: Sequence[Live], target: Target, held: Held) -> Diff:
    """Compare what is declared of a kind with what is live of it."""
    strangers = {(each.namespace, each.name): each for each in live if kind.identity.registered_itself(each)}
    live = [each for each in live if not kind.identity.registered_itself(each)]
    index = _Index(kind, live)
    result = Draft(ids=index.ids())
    claimed: dict[str, Resource] = {}
    known = {held.id_of(credential_name(kind, each)) for each in desired} if kind.credential else set()
    for resource in desired:
        candidates = index.candidates(resource, held)
        namesake = strangers.get((resource.namespace, resource.name))
        trouble = trouble_of(kind, resource, candidates, claimed, namesake) or (
            None if candidates else unknown_secret(kind, resource, held) or taken_name(kind, resource, live, held)
        )
        if trouble:
            _hold(result, resource, trouble)
            for each in candidates:
                claimed.setdefault(each.id, resource)
            continue
        found = candidates[0] if candidates else None
        ours, doubtful = orphans(kind, resource, live, known, held) if found is None else ((), ())
        if ours or doubtful:
            claimed.update((each.id, resource) for each in (ours or doubtful))
            if ours:
                _take_in(result, kind, resource, ours)
            else:
                _hold(result, resource, doubt(kind, resource, [each.id for each in doubtful], held))
            continue
        if found is not None:
            claimed[found.id] = resource
            result.ids[resource.namespace, resource.name] = found.id
            result.managed[resource.namespace] += 1
        elif unclear := made_before(kind, resource, _unclaimed(live, known, desired), held, target.secret_last_four):
            _hold(result, resource, unclear)
            continue
        _settle(result, kind, resource, found, live, target, held)
    if kind.identity.one_per_parent:
        _make_room(result, [each for each in live if each.id not in claimed])
    result.unmanaged.extend(
        Listed.of(each, "not declared", id=each.id)
        for each in sorted(live, key=lambda each: (each.address, each.id))
        if each.id not in claimed and not (kind.identity.singletons and is_default(kind, each))
    )
    return result.done()


def _unclaimed(live: Sequence[Live], known: Container[str | None], desired: Sequence[Resource]) -> list[Live]:
    """Return the live things that neither the store nor a manifest knows."""
    declared = {each.name for each in desired}
    return [each for each in live if each.id not in known and each.name not in declared]


def _make_room(result: Draft, others: Sequence[Live]) -> None:
    """Hold a create where only one can exist, and an undeclared one exists."""
    there = {each.namespace: each for each in others}
    for change in [each for each in result.changes if isinstance(each, Create) and each.namespace in there]:
        other = there[change.namespace]
        found = f"{change.address} cannot be created while {other.address} exists: Stytch allows only one"
        at = tuple(Position(cause.file, cause.line) for cause in change.causes)
        result.changes.remove(change)
        result.held.append(Listed.of(change, found, at=at))
        result.problems.append(
            problem(
                "only-one",
                found,
                f"declare {other.address} with `ensure: absent`, or with its live values",
                *at,
                severity="problem",
                addresses=(change.address, other.address),
            )
        )


def is_default(kind: Kind, live: Live) -> bool:
    """Return whether a thing that is always there is as it was before anybody set it."""
    reset = kind.fill(kind.defaults, live.spec)
    return not list(diff_fields(reset, live.spec, merged=kind.merged, keyed=kind.keyed))


class _Index:
    """The live things by each name that can lead to one."""

    def __init__(self, kind: Kind, live: Iterable[Live]) -> None:
        self._kind = kind
        self._by_id: dict[str, Live] = {}
        self._by_key: defaultdict[ResourceKey, list[Live]] = defaultdict(list)
        for each in live:
            self._by_id[each.id] = each
            self._by_key[each.namespace, each.name].append(each)

    def ids(self) -> dict[ResourceKey, str]:
        """Return the ids of the things that a name leads to."""
        return {key: every[0].id for key, every in self._by_key.items() if len(every) == 1}

    def candidates(self, resource: Resource, held: Held) -> list[Live]:
        """Return every live thing that a declared one could be, each once."""
        has_own_id = self._kind.credential and (self._kind.identity.id_is_key or self._kind.identity.renamable)
        known = held.id_of(credential_name(self._kind, resource)) if has_own_id else None
        if known in self._by_id:
            return [self._by_id[known]]
        if self._kind.identity.id_is_key and (shown := held.last_four(credential_name(self._kind, resource))):
            # Where the store is gone, or another one, the value that is at hand still tells which it is.
            alike = [each for each in self._by_id.values() if self._shown(each) == shown]
            if len(alike) == 1:
                return alike
        found = self._by_key[resource.namespace, resource.name]
        if not found and resource.renamed_from:
            found = self._by_key[resource.namespace, resource.renamed_from]
        return list(found)

    def _shown(self, live: Live) -> Json:
        """Return the last characters of a thing's credential, which may be its id."""
        told_by_id = self._kind.credential is not None and not self._kind.credential.shown_once
        return live.id[-SHOWN:] if told_by_id else live.spec.get("last_four")


def _take_in(result: Draft, kind: Kind, resource: Resource, orphans: Sequence[Live]) -> None:
    """Replace the orphan; where there are several, somebody else made one of them, and nothing is done."""
    if len(orphans) == 1:
        result.changes.append(_renew(kind, resource, orphans[0]))
        return
    names = ", ".join(sorted(each.id for each in orphans))
    found = f"{resource.address} was created by an interrupted run, and it is unknown which of these it is: {names}"
    hint = "in Stytch, delete those that are not in use"
    _hold(result, resource, resource.problem("conflict", found, hint, severity="problem"))


def _hold(result: Draft, resource: Resource, problem: Problem, id: str | None = None) -> None:
    """Hold a declared thing, or what cannot be written of it."""
    result.problems.append(problem)
    result.held.append(Listed.of(resource, problem.message, id=id, at=problem.at[:1]))


def _settle(
    result: Draft,
    kind: Kind,
    resource: Resource,
    found: Live | None,
    live: Sequence[Live],
    target: Target,
    held: Held,
) -> None:
    """Add the change that a declared thing needs, if any."""
    lapsed = kind.deletes.has_lapsed(resource.spec, held.now)
    if lapsed and found is not None and _update(kind, resource, found, held) is None:
        return  # it ends by itself, any moment now
    if resource.ensure == "absent" or lapsed:
        if found is not None and not (kind.identity.singletons and is_default(kind, found)):
            result.changes.append(_delete(kind, resource, found, kind.deletes.irrecoverable(found, live, target)))
        return
    if resource.ensure == "external":
        return
    if found is None:
        result.changes.append(_create(kind, resource))
        return
    resource, unknown = as_far_as_known(kind, resource, found, held)
    doubtful = [doubt(kind, resource, [found.id], held)] if may_be_lost(kind, resource, found, held) else []
    doubtful += [lost] if (lost := lost_credential(kind, resource, found, held)) else []
    for doubted in (*unknown, *doubtful):
        if doubted.severity == "problem":
            _hold(result, resource, doubted, found.id)
        else:
            result.problems.append(doubted)
    if update := _update(kind, resource, found, held):
        result.changes.append(update)
    elif not any(problem.severity == "problem" for problem in (*unknown, *doubtful)):
        result.settled.append(resource.address)


def _create(kind: Kind, resource: Resource) -> Create:
    specs = (*(completed(kind.spec, each) for each in (resource.spec, resource.initial)), kind.create_values)
    fields = created_fields(*specs, merged=kind.merged, keyed=kind.keyed)
    credential = tuple(kept(kind, resource))
    fields = tuple(each for each in fields if each.path not in {one.path for one in credential})
    return Create(**_named(resource), fields=(*fields, *credential))


def _renew(kind: Kind, resource: Resource, orphan: Live) -> Update:
    """Recreate a resource whose credential was lost with the response to its create, unless it can be read again."""
    lost = kind.credential is not None and kind.credential.shown_once
    return Update(**_named(resource), id=orphan.id, fields=tuple(kept(kind, resource)), replaces=lost)


def _update(kind: Kind, resource: Resource, live: Live, held: Held) -> Update | None:
    whole = completed(kind.spec, _comparable(kind, resource, held), live.spec)
    desired = _with_line_ends(kind, kind.fill(whole, live.spec), live.spec)
    ignore = [path[1:] for path in resource.lifecycle.ignore]
    changes = [
        *diff_fields(desired, live.spec, merged=kind.merged, keyed=kind.keyed, ignore=ignore),
        *(
            [FieldChange(path=(kind.key.name,), before=live.name, after=resource.name)]
            if _renamed(kind, resource, live)
            else ()
        ),
        *(kept(kind, resource) if was_lost(kind, resource, live, held) else ()),
    ]
    if not changes:
        return None
    changes.extend(_filled_in(kind, changes, desired, live))
    fields = tuple(as_declared(kind, change, resource.spec) for change in changes)
    recreated_for = kind.deletes.recreated_for
    touches_fixed = any(change.path[0] in kind.create_only for change in changes)
    anew = recreated_for is not None and (touches_fixed or recreated_for(changes))
    return Update(**_named(resource), id=live.id, fields=fields, replaces=anew)


def _with_line_ends(kind: Kind, desired: Spec, live: Spec) -> Spec:
    """Return a declared spec with each long text as it is live where the two differ by nothing but line ends."""
    return {name: _as_ended(value, live.get(name)) if name in kind.texts else value for name, value in desired.items()}


def _as_ended(value: Json, live: Json) -> Json:
    if isinstance(value, dict) and isinstance(live, dict):
        return {key: _as_ended(inner, live.get(key)) for key, inner in value.items()}
    if isinstance(value, str) and isinstance(live, str) and universal(value) == universal(live):
        return live
    return value


def _filled_in(kind: Kind, changes: Sequence[FieldChange], desired: Spec, live: Live) -> list[FieldChange]:
    """Return what is declared, and would be another thing once Stytch has filled it in: it is sent again."""
    changed = {change.path[0] for change in changes}
    others = {name for one in changed for name in kind.fills_in.get(one, ())} - changed
    return [
        FieldChange(path=(name,), before=live.spec[name], after=desired[name])
        for name in sorted(others & desired.keys() & live.spec.keys())
        if same(desired[name], live.spec[name])
    ]


def _renamed(kind: Kind, resource: Resource, live: Live) -> bool:
    """Return whether a thing that was found otherwise than by its name has another one."""
    return not kind.identity.id_is_key and live.name != resource.name


def _comparable(kind: Kind, resource: Resource, held: Held) -> Spec:
    """Return the declared spec as Stytch would show it, without what it never shows; for a half-made one, all of it."""
    left_out = {kind.credential.field} if kind.credential else set()
    if resource.address not in held.begun:
        left_out |= {name for name, seal in kind.secret_fields.items() if not seal.readable}
    spec = {name: value for name, value in resource.spec.items() if name not in left_out}
    return as_shown(kind, spec, held.last_four)


def _delete(kind: Kind, resource: Resource, live: Live, irrecoverable: str) -> Delete:
    protected = "protect" if resource.lifecycle.protect else None
    if irrecoverable and resource.lifecycle.allow_delete != resource.name:
        protected = protected or "allow_delete"
    shown = {name: value for name, value in live.spec.items() if name not in kind.secret_fields and not _odd(value)}
    fields = tuple(FieldChange(path=(name,), before=value) for name, value in sorted(shown.items()))
    if kind.identity.singletons:
        reset = kind.fill(kind.defaults, live.spec)
        fields = tuple(diff_fields(reset, live.spec, merged=kind.merged, keyed=kind.keyed))
    return Delete(**_named(resource), id=live.id, fields=fields, withheld_by=protected)


def _odd(value: object) -> bool:
    return isinstance(value, dict | list)


def _named(resource: Resource) -> dict[str, Any]:
    position = resource.position
    return {
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
        "causes": (Cause(file=position.file, line=position.line),),
    }
