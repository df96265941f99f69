"""What becomes of a resource of any kind but a member: held, created, updated, deleted, or left as it is.

Of a resource that is there, a secret that nobody knows holds only what must be sent with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET

from reconciler.diff.conflicts import doubt, lost_credential, would_be_refused, wrong_credential
from reconciler.diff.credentials import as_far_as_known, ends_otherwise, kept, may_be_lost, was_lost
from reconciler.diff.fields import created_fields, diff_fields, same
from reconciler.diff.ownership import Whose
from reconciler.diff.pairs import KnownCredentials, Match, Pair
from reconciler.diff.refusals import refused_resource
from reconciler.model import (
    Cause,
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
    Spec,
    Update,
)
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import as_declared, as_shown, credential_name
from reconciler.schema.traits import completed
from reconciler.schema.types import universal

NOTHING: Final = Diff()
UNFINISHED: Final = "not declared; created by an interrupted run of this repository, so it is not deleted"


def hold(_match: Match, conflicts: Sequence[Pair]) -> Iterator[Diff]:
    """Yield each resource of which nobody knows which live one it is, on hold."""
    for pair in conflicts:
        if pair.conflict:  # always, as compare gives only such pairs; mypy cannot know it
            yield _held(pair.declared, pair.conflict)


def create(match: Match, pair: Pair) -> Diff:
    """Return the create of a resource, and an update without an id for what must wait: apply knows the id by then."""
    kind, resource = match.kind, pair.declared
    if kind.deletes.has_lapsed(resource.spec, match.policy.known.now):
        return NOTHING
    late = {name: value for name, value in resource.spec.items() if name in kind.late}
    spec = {name: value for name, value in resource.spec.items() if name not in late}
    meanwhile: Mapping[str, Json] = {}
    if late:
        said = {**kind.create_values, **resource.initial, **spec}
        waits = kind.meanwhile(said, late)
        late |= {name: said[name] for name in waits}
        meanwhile = {name: value for name, value in waits.items() if value is not UNSET}
        spec = {**{name: value for name, value in spec.items() if name not in waits}, **meanwhile}
    initial = {name: value for name, value in resource.initial.items() if name not in late}
    specs = (*(completed(kind.spec, declared) for declared in (spec, initial)), kind.create_values)
    fields = created_fields(*specs, merged=kind.merged, keyed=kind.keyed)
    credential = tuple(kept(kind, resource))
    fields = tuple(field for field in fields if field.path not in {kept_at.path for kept_at in credential})
    made = Create(**_named(resource), fields=(*fields, *credential))
    if not late:
        return Diff(changes=(made,))
    then = tuple(diff_fields(late, meanwhile, merged=kind.merged, keyed=kind.keyed))
    return Diff(changes=(made, Update(**_named(resource), fields=then)))


def update(match: Match, pair: Pair) -> Diff:
    """Return what a live resource needs to be as declared, as far as that is known."""
    kind, known, live = match.kind, match.policy.known, pair.live
    if live is None:
        return NOTHING
    if pair.orphaned:
        return Diff(changes=(_renew(kind, pair.declared, live),))
    if kind.deletes.has_lapsed(pair.declared.spec, known.now):  # what is as declared ends by itself, any moment now
        return delete(match, pair) if _update(match, pair.declared, live) else NOTHING
    resource, doubts = as_far_as_known(kind, pair.declared, live, known)
    if may_be_lost(kind, resource, live, known):
        doubts.append(doubt(kind, resource, [live.id], known))
    elif (ends := ends_otherwise(kind, resource, live, known)) and not was_lost(kind, resource, live, known):
        doubts.append(wrong_credential(kind, resource, live, credential_name(kind, resource), ends))
    if lost := lost_credential(kind, resource, live, known):
        doubts.append(lost)
    held = [_doubtful(resource, problem, live.id) for problem in doubts]
    change = _update(match, resource, live)
    if change and (reason := refused_resource(kind, change, live)):
        held.append(_held(resource, would_be_refused(resource, reason), live.id))
        return Diff.total(held)
    if change is None and any(diff.held for diff in held):
        return Diff.total(held)
    settled = Diff(settled=(resource.address,), unchanged=1) if change is None else Diff(changes=(change,))
    return Diff.total((*held, settled)) if held else settled


def delete(match: Match, pair: Pair) -> Diff:
    """Return the delete of a resource that is declared absent; of what always exists, the reset."""
    kind, resource, live = match.kind, pair.declared, pair.live
    if live is None or is_default(kind, live):
        return NOTHING
    withheld_by = "protect" if resource.lifecycle.protect else None
    if kind.deletes.irrecoverable(live, match.live, match.policy.target):
        withheld_by = withheld_by or (None if resource.lifecycle.allow_delete == resource.name else "allow_delete")
    named = _named(resource)
    if match.marks:
        named["name"] = live.name  # as whoever writes it will look for it
    return Diff(changes=(Delete(**named, id=live.id, fields=_lost(kind, live), withheld_by=withheld_by),))


def leave(match: Match, live: Live) -> Diff:
    """Return what becomes of a live resource that nothing declares: ours may go, everybody else's stays."""
    kind, whose = match.kind, match.mark_of(live)[0]
    is_elsewhere = live.name in match.policy.elsewhere
    if whose is not Whose.OURS or is_elsewhere:
        if is_default(kind, live):
            return NOTHING
        reason = "declared for another environment only" if is_elsewhere else "not declared"
        reason = UNFINISHED if whose is Whose.BEGUN else reason
        return Diff(unmanaged=(Listed.of(live, reason, id=live.id),))
    if not match.policy.authoritative:
        return Diff(kept=(Listed.of(live, "no longer declared", id=live.id),))
    gone = Delete(kind=kind.name, namespace=live.namespace, name=live.name, id=live.id, fields=_lost(kind, live))
    return Diff(changes=(gone,))


def is_default(kind: Kind, live: Live) -> bool:
    """Return whether a resource that always exists is as it was before anybody set it."""
    return bool(kind.identity.singletons) and not list(_reset(kind, live))


def _reset(kind: Kind, live: Live) -> Iterator[FieldChange]:
    return diff_fields(kind.fill(kind.defaults, live.spec), live.spec, merged=kind.merged, keyed=kind.keyed)


def _held(resource: Resource, conflict: Problem, id: str | None = None) -> Diff:
    """Hold a declared resource, or what cannot be written of it."""
    held = Listed.of(resource, conflict.message, id=id, at=conflict.at[:1])
    return Diff(problems=(conflict,), held=(held,))


def _doubtful(resource: Resource, doubt: Problem, id: str) -> Diff:
    """Return what a doubt about a live resource comes to: a problem holds what cannot be written, a warning nothing."""
    return _held(resource, doubt, id) if doubt.severity == "problem" else Diff(problems=(doubt,))


def _renew(kind: Kind, resource: Resource, orphan: Live) -> Update:
    """Recreate a resource whose credential was lost with the response to its create, unless it can be read again."""
    lost = kind.credential is not None and kind.credential.shown_once
    return Update(**_named(resource), id=orphan.id, fields=tuple(kept(kind, resource)), replaces=lost)


def _update(match: Match, resource: Resource, live: Live) -> Update | None:
    kind, known = match.kind, match.policy.known
    whole = completed(kind.spec, _comparable(kind, resource, known), live.spec)
    desired = _with_line_ends(kind, kind.fill(whole, live.spec), live.spec)
    ignore = [path[1:] for path in resource.lifecycle.ignore]
    changes = list(diff_fields(desired, live.spec, merged=kind.merged, keyed=kind.keyed, ignore=ignore))
    if live.name != resource.name and not kind.identity.id_is_key:
        changes.insert(0, FieldChange(path=(kind.key.name,), before=live.name, after=resource.name))
    if was_lost(kind, resource, live, known):
        changes.extend(kept(kind, resource))
    adopts, mark = _mark(match, live)
    if not changes and mark is None:
        return None
    changes.extend(_filled_in(kind, changes, desired, live))
    fields = tuple(as_declared(kind, change, resource.spec) for change in changes)
    recreated_for = kind.deletes.recreated_for
    touches_fixed = any(change.path[0] in kind.create_only for change in changes)
    anew = recreated_for is not None and (touches_fixed or recreated_for(changes))
    there = match.marks[live.id][1] if live.id in match.marks else None
    return Update(
        **_named(resource),
        id=live.id,
        fields=fields,
        replaces=anew,
        adopts=adopts,
        mark=mark,
        written=there.written if there else "",
    )


def _mark(match: Match, live: Live) -> tuple[bool, Mark | None]:
    """Return whether an update adopts the resource, and the mark that it writes, where that is not there already."""
    if live.id not in match.marks:
        return False, None
    owner, (whose, mark) = match.policy.owner, match.marks[live.id]
    adopts = whose is Whose.NOBODY or (mark is not None and mark.owner != owner.name)
    is_incomplete = whose is Whose.BEGUN  # its create was cut short before its mark was complete
    return adopts, Mark(owner=owner.name, organization=live.id) if adopts or is_incomplete else None


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
    """Return what is declared, and would be another value once Stytch has filled it in: it is sent again."""
    changed = {change.path[0] for change in changes}
    others = {other for name in changed for other in kind.fills_in.get(name, ())} - changed
    return [
        FieldChange(path=(name,), before=live.spec[name], after=desired[name])
        for name in sorted(others & desired.keys() & live.spec.keys())
        if same(desired[name], live.spec[name])
    ]


def _comparable(kind: Kind, resource: Resource, known: KnownCredentials) -> Spec:
    """Return the declared spec as Stytch would show it, without what it never shows; for a half-made one, all of it."""
    left_out = {kind.credential.field} if kind.credential else set()
    if resource.address not in known.begun:
        left_out |= {name for name, seal in kind.secret_fields.items() if not seal.readable}
    spec = {name: value for name, value in resource.spec.items() if name not in left_out}
    return as_shown(kind, spec, known.last_four)


def _lost(kind: Kind, live: Live) -> tuple[FieldChange, ...]:
    """Return what is lost with a resource, as far as it is shown and must still be so when it is deleted."""
    if kind.identity.singletons:
        return tuple(_reset(kind, live))
    if kind.deletes.shown:
        shown = ((name, live.spec.get(name)) for name in kind.deletes.shown)
        return tuple(FieldChange(path=(name,), before=value) for name, value in shown if value)
    plain = {name: value for name, value in live.spec.items() if not isinstance(value, dict | list)}
    return tuple(
        FieldChange(path=(name,), before=value)
        for name, value in sorted(plain.items())
        if name not in kind.secret_fields
    )


def _named(resource: Resource) -> dict[str, Any]:
    position = resource.position
    return {
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
        "causes": () if resource.omitted else (Cause(file=position.file, line=position.line),),
    }
