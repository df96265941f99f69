"""The assignments of one user in one organization → one membership, or the conflict that prevents it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.expressions.values import same
from reconciler.model import ORGANIZATION, Json, Membership, Path, Position, Resource, Severity, address, problem
from reconciler.rules.grant import METADATA
from reconciler.rules.person import Address, HandWritten, Person
from reconciler.rules.problems import Undecided, these
from reconciler.rules.rule import Assignment


def membership_of(
    person: Person,
    slug: str,
    assignments: Sequence[Assignment],
    written: Sequence[tuple[Address, HandWritten]],
    external_id: str | None,
) -> Membership | list[Undecided]:
    """Make the membership, or say what keeps it from being made: nothing, where a hand-written Member forbids it.

    ``written`` are the Members by hand in this organization that stand on an address of the user; ``external_id`` is
    what a member gets who is given no other.
    """
    declared: HandWritten | None = None
    if written:
        if any(one.member.ensure == "absent" for _address, one in written):
            return []
        own_address, declared = written[0]
        if declared.member.ensure == "external":
            return _held(person, slug, declared.member, "left-alone")
        if not own_address.verified and not any(one.rule.match.any_address for one in assignments):
            return _held(person, slug, declared.member, "unproven-member")
    addresses = admissible(person, assignments, written[0][0] if declared else None)
    if not addresses:
        return _no_address(person, slug, assignments)
    by_hand = declared.member if declared else None
    if len(assignments) == 1 and by_hand is None:
        (alone,) = assignments
        numbers: tuple[int, ...] = (alone.rule.number,)
        roles, fields, initial = alone.roles, alone.fields, alone.initial
        unverified, untrusted = alone.unverified, alone.rule.untrusted
    else:
        merged = _merged(person, slug, assignments, by_hand)
        if isinstance(merged, list):
            return merged
        fields, initial = merged
        numbers = tuple(sorted({one.rule.number for one in assignments}))
        roles = _roles(by_hand.spec if by_hand else {}, (one.roles for one in assignments))
        unverified = any(one.unverified for one in assignments)
        untrusted = any(one.rule.untrusted for one in assignments)
    if external_id is not None and "external_id" not in fields and "external_id" not in initial:
        fields = {**fields, "external_id": external_id}
    return Membership(
        organization=slug,
        addresses=tuple([one.text for one in addresses]),
        user=person.user_id,
        verified=tuple([one.verified for one in addresses]),
        rules=numbers,
        roles=roles,
        fields=fields,
        initial=initial,
        declared=declared.number if declared else -1,
        unverified=unverified or not addresses[0].verified,
        untrusted=untrusted,
    )


def _roles(stated: Mapping[str, Json], given: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Unite roles."""
    return tuple(sorted({*(stated.get("roles") or ()), *(role for roles in given for role in roles)}))


def admissible(person: Person, assignments: Sequence[Assignment], own: Address | None) -> Sequence[Address]:
    """Return the admissible addresses, best first.

    First that of a hand-written Member (``own``); then those that an ``email*`` key or a join matched, verified ones
    first; then the user's other verified ones; last, if a rule says ``verified: any``, the others: each in the user's
    order.
    """
    if len(person.addresses) == 1 and person.addresses[0].verified:
        return person.addresses
    any_address = any(one.rule.match.any_address for one in assignments)
    matched = {found for one in assignments for found in one.addresses}
    allowed = [one for one in person.addresses if one.verified or any_address or one == own]
    return sorted(allowed, key=lambda one: (own is not None and one != own, one not in matched, not one.verified))


def _merged(
    person: Person, slug: str, assignments: Sequence[Assignment], by_hand: Resource | None
) -> tuple[dict[str, Json], dict[str, Json]] | list[Undecided]:
    """Put the fields of several assignments together, those of a hand-written Member over all; or say what differs."""
    stated = dict(_flat(by_hand.spec, by_hand.initial)) if by_hand else {}
    given: dict[Path, list[tuple[Json, Assignment]]] = {}
    for one in assignments:
        for path, value in _flat(one.fields, one.initial):
            if path not in stated:
                given.setdefault(path, []).append((value, one))
    contradictions = []
    for path, values in sorted(given.items()):
        first, rule = values[0]
        other = next((other for value, other in values if not same(first, value)), None)
        if other:
            contradictions.append(_contradiction(person, slug, path, rule, other))
    if contradictions:
        return contradictions
    fields, initial = _nested({**{path: values[0][0] for path, values in given.items()}, **stated})
    roles = _roles(by_hand.initial if by_hand else {}, (one.initial.get("roles") or () for one in assignments))
    return fields, {**initial, "roles": list(roles)} if roles else initial


def _flat(spec: Mapping[str, Json], initial: Mapping[str, Json]) -> Iterator[tuple[Path, Json]]:
    """Yield every field by its path, metadata key by key; roles unite and are none."""
    for part, fields in (("spec", spec), ("initial", initial)):
        for name, value in fields.items():
            if name in METADATA and isinstance(value, Mapping) and value:
                yield from (((part, name, key), inner) for key, inner in value.items())
            elif name != "roles":
                yield (part, name), value


def _nested(flat: Mapping[Path, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    parts: dict[str, dict[str, Json]] = {"spec": {}, "initial": {}}
    for path, value in sorted(flat.items()):
        part, name, *key = path
        if key and isinstance(inner := parts[part].setdefault(name, {}), dict):
            inner[key[0]] = value
        else:
            parts[part][name] = value
    return parts["spec"], parts["initial"]


def _contradiction(person: Person, slug: str, path: Path, one: Assignment, other: Assignment) -> Undecided:
    in_files = path[1:] if path[0] == "spec" else path
    rules = sorted({one.rule.name, other.rule.name})
    who = f"the rule {rules[0]} gives" if len(rules) == 1 else f"the rules {these(rules)} give"
    return _undecided(
        person,
        slug,
        "contradicting-rules",
        f"{who} different values for {'.'.join(in_files)} in {slug}",
        "let only one of them set it, or write a Member manifest, which takes precedence",
        sorted({one.grant.position, other.grant.position}),
        "error" if in_files in one.grant.literals and in_files in other.grant.literals else "problem",
    )


def _held(person: Person, slug: str, member: Resource, code: str) -> list[Undecided]:
    """Hold a membership because of a hand-written Member."""
    if code == "left-alone":
        message, hint = "a Member manifest has `ensure: external`, so no rule writes this member", ""
    else:
        message = "a Member manifest has an address of this user that is not verified, so it may be another person"
        hint = "let the user verify the address; or set `verified: any` in the rule's match"
    return [_undecided(person, slug, code, message, hint, (member.position,))]


def _no_address(person: Person, slug: str, assignments: Sequence[Assignment]) -> list[Undecided]:
    names = sorted({one.rule.name for one in assignments})
    message = f"{'rule' if len(names) == 1 else 'rules'} {these(names)}: a member needs an address, and this "
    message += "user has none that is verified"
    hint = "let the user verify one; or set `verified: any` in the rule's match"
    at = sorted({one.grant.position for one in assignments})
    return [_undecided(person, slug, "no-admissible-address", message, hint, at)]


def _undecided(
    person: Person,
    slug: str,
    code: str,
    message: str,
    hint: str,
    at: Iterable[Position],
    severity: Severity = "problem",
) -> Undecided:
    organization, users = address(ORGANIZATION, slug), (person.user_id,)
    found = problem(code, message, hint, *at, severity=severity, addresses=(organization,), users=users)
    return Undecided(found, (slug,))
