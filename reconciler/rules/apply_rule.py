"""One rule and one user: the cases in which it is about him (organizations found × rows × items), and what it gives."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from reconciler.expressions.compile import compiled_node
from reconciler.expressions.nodes import And, Node, Or
from reconciler.expressions.values import UNKNOWN, Mistyped
from reconciler.model import ORGANIZATION, Position, Problem, address, problem
from reconciler.rules.directory import Directory
from reconciler.rules.grant import CannotGrant, Grant
from reconciler.rules.join import Row
from reconciler.rules.match import Hit
from reconciler.rules.person import Address, Person, with_plain_addresses
from reconciler.rules.rule import Assignment, Case, Rule, RuleContext, RuleResult, Undecided

REDACTED = "redacted"
_NO_ROW = (Row(-1),)
_NO_ITEM = (None,)


def cases(rule: Rule, person: Person, context: RuleContext) -> Iterator[Case | Undecided]:
    """Yield every case in which a rule is about a user, and what keeps it from being told whether it is."""
    part = "match"
    scope = scope_of(rule, person)
    try:
        hits = rule.match.hits(person)
        if not hits:
            return
        part = "table"
        rows = rule.join.noted(person, scope, any_address=rule.match.any_address) if rule.join else _NO_ROW
        part = "when"
        if not rows or (rule.when and not rule.when.matches(scope)):
            return
    except Mistyped as odd:
        if not is_settled(rule, person):
            yield mistyped(rule, part, odd, person)
        return
    for hit in hits:
        yield from _of_hit(rule, hit, rows, person, scope, context)


def _of_hit(
    rule: Rule, hit: Hit, rows: Iterable[Row], person: Person, scope: Mapping[str, object], context: RuleContext
) -> Iterator[Case | Undecided]:
    owner = hit.owner
    if owner and (owner.shared or owner.public) and rule.match.lookup and (doubt := rule.match.lookup.doubt(owner)):
        yield Undecided(_about(doubt, person), owner.organizations)
        return
    for case in _around(rule, hit, rows, person, scope, context):
        if rule.each or rule.when_each:
            yield from _each(rule, case, person)
        else:
            yield case


def _around(
    rule: Rule, hit: Hit, rows: Iterable[Row], person: Person, scope: Mapping[str, object], context: RuleContext
) -> Iterator[Case]:
    """Yield the organizations of one hit × the rows, before they are split into items."""
    any_address = rule.match.any_address
    unverified = any_address and is_unproven(rule, person, hit.addresses)
    for slug in hit.owner.organizations if hit.owner else (None,):
        inner = scope
        if slug is not None and rule.reads_organization:
            inner = {**scope, "organization": _organization(slug, context.directory)}
        for row in rows:
            around = inner if row.number < 0 or not rule.join else {**inner, "row": rule.join.cells(row.number)}
            joined = unverified or (any_address and _unproven(row.addresses))
            yield Case(around, (*hit.addresses, *row.addresses), joined, slug, row.number)


def _each(rule: Rule, case: Case, person: Person) -> Iterator[Case | Undecided]:
    """Split a case by the items of ``each``, and ask ``when`` what it could not be asked before."""
    try:
        items = rule.each.items(case.scope) if rule.each else _NO_ITEM
    except Mistyped as odd:
        yield mistyped(rule, "each", odd, person, case.row)
        return
    for item in items:
        inner = _with_item(case, item) if rule.each else case
        try:
            if rule.when_each and not rule.when_each.matches(inner.scope):
                continue
        except Mistyped as odd:
            yield mistyped(rule, "when", odd, person, case.row)
            continue
        yield inner


def _with_item(case: Case, item: object) -> Case:
    scope = {**case.scope, "item": item}
    return Case(scope, case.addresses, case.unverified, case.organization, case.row, item)


def is_unproven(rule: Rule, person: Person, addresses: tuple[Address, ...]) -> bool:
    """Return whether a rule that takes any address rests on one, or on something, that nobody verified."""
    return _unproven(addresses) or (rule.reads_proof and person.has_unverified)


def _unproven(addresses: tuple[Address, ...]) -> bool:
    return bool(addresses) and not any(address.verified for address in addresses)


def _organization(slug: str, directory: Directory) -> Mapping[str, object]:
    return {**directory.declared[slug].spec, "name": slug}


def scope_of(rule: Rule, person: Person) -> Mapping[str, object]:
    """Return what the expressions of a rule see of a user."""
    scope = person.scope(any_address=rule.match.any_address)
    return with_plain_addresses(scope, person, any_address=rule.match.any_address) if rule.among else scope


def is_settled(rule: Rule, person: Person) -> bool:
    """Return whether some condition says no, so that it does not matter that another has data of the wrong type."""
    scope = scope_of(rule, person)
    try:
        if not rule.match.hits(person):
            return True
    except Mistyped:
        pass
    if rule.when and cannot_hold(rule.when.node, scope):
        return True
    try:
        return rule.join is not None and not rule.join.rows(person, scope, any_address=rule.match.any_address)
    except Mistyped:
        return False


def cannot_hold(node: Node, scope: Mapping[str, object]) -> bool:
    """Return whether a condition is false or unknown whatever stands where data has the wrong type."""
    if isinstance(node, And):
        return any(cannot_hold(term, scope) for term in node.terms)
    if isinstance(node, Or):
        return all(cannot_hold(term, scope) for term in node.terms)
    try:
        value = compiled_node(node)(scope)
    except (Mistyped, RecursionError):
        return False
    return value is False or value is UNKNOWN or value is None


def cases_before_when(rule: Rule, person: Person, context: RuleContext, *, split: bool = True) -> Iterator[Case]:
    """Yield the cases that ``when`` would be asked of; with ``split`` false, before they are split into items.

    Raises ``Mistyped`` where data of a wrong type hides them.
    """
    any_address = rule.match.any_address
    scope = scope_of(rule, person)
    rows = rule.join.rows(person, scope, any_address=any_address) if rule.join else _NO_ROW
    for hit in rule.match.hits(person):
        for case in _around(rule, hit, rows, person, scope, context):
            if split and rule.each:
                yield from (_with_item(case, item) for item in rule.each.items(case.scope))
            else:
                yield case


def mistyped(rule: Rule, part: str, odd: Mistyped, person: Person, row: int = -1) -> Undecided:
    """Return the problem of data of the wrong type, which leaves ``part`` of a rule open, and what that leaves open."""
    literal = [grant.target.slug for grant in rule.grants if grant.target.is_literal]
    slugs = tuple(dict.fromkeys(slug for slug in literal if slug))
    found = problem(
        odd.code,
        f"rule {rule.name}: {part} cannot be decided: {odd.message}",
        "correct the data, or the rule" if odd.code == "mistyped" else "plan live to decide it",
        *_places(rule, rule.at.get(part, rule.position), row),
        severity="problem",
        addresses=[address(ORGANIZATION, slug) for slug in slugs],
        users=(person.user_id,),
    )
    return Undecided(found, slugs if len(literal) == len(rule.grants) else None)


def _places(rule: Rule, position: Position, row: int) -> tuple[Position, ...]:
    """Return the place of a part of a rule, and of the table's row that it was about."""
    return (position, rule.join.table.at(row)) if rule.join and row >= 0 else (position,)


def _about(doubt: Problem, person: Person) -> Problem:
    return replace(doubt, users=(person.user_id,))


def apply_rule(rule: Rule, person: Person, context: RuleContext) -> list[RuleResult]:
    """Return what a rule gives a user, and what it leaves open; nothing if it is not about him."""
    if rule.simple:
        try:
            return _applied_simply(rule, person, context)
        except Mistyped:
            pass  # said in full below
    results: list[RuleResult] = []
    for case in cases(rule, person, context):
        if isinstance(case, Case):
            results += [_granted(rule, grant, case, person, context.directory) for grant in rule.grants]
        else:
            results.append(case)
    if results:
        context.tally.matched.add(rule.number)
        if rule.exceptions:
            results = _unless_excepted(rule, results, person)
        if any(isinstance(one, Undecided) and one.problem.code == REDACTED for one in results):
            context.tally.unasked.add(rule.number)  # what matches nobody is unknown
    return results


def _applied_simply(rule: Rule, person: Person, context: RuleContext) -> list[RuleResult]:
    """Do for a simple rule what ``apply_rule`` does, at a third of the time: most rules of most files are."""
    match = rule.match
    hits = match.hits(person)
    if not hits:
        return []
    if rule.when:
        scope = person.scope(any_address=match.any_address or not rule.reads_proof)
        if not rule.when.matches(scope):
            return []
    context.tally.matched.add(rule.number)
    results: list[RuleResult] = []
    for hit in hits:
        owner, addresses = hit.owner, hit.addresses
        if owner and (owner.shared or owner.public) and match.lookup and (doubt := match.lookup.doubt(owner)):
            results.append(Undecided(_about(doubt, person), owner.organizations))
            continue
        unverified = match.any_address and is_unproven(rule, person, addresses)
        for found in owner.organizations if owner else (None,):
            for grant in rule.grants:
                slug = found if grant.target.found else grant.target.slug
                results.append(
                    Assignment(slug, rule, grant, addresses, grant.roles, grant.fields, grant.initial, unverified)
                )
    return results


def is_excepted(rule: Rule, person: Person) -> bool:
    """Return whether the rule's document excepts a user; raises ``Mistyped`` if that is unknown."""
    odd: Mistyped | None = None
    for exception in rule.exceptions:
        try:
            if exception.hits(person):
                return True
        except Mistyped as mistake:
            odd = odd or mistake
    if odd:
        raise odd
    return False


def _unless_excepted(rule: Rule, results: list[RuleResult], person: Person) -> list[RuleResult]:
    try:
        # What stays is an assignment to nothing: somebody did speak of this user.
        return [_nothing(rule)] if is_excepted(rule, person) else results
    except Mistyped as odd:
        return [mistyped(rule, "except", odd, person)]


def _nothing(rule: Rule) -> Assignment:
    return Assignment(None, rule, rule.grants[0], (), (), {}, {}, unverified=False)


def _granted(rule: Rule, grant: Grant, case: Case, person: Person, directory: Directory) -> RuleResult:
    slug: str | None = None
    try:
        slug = case.organization if grant.target.found else grant.target.resolve(case.scope, directory)
        if slug is None:
            return Assignment(None, rule, grant, case.addresses, (), {}, {}, unverified=False, case=case)
        if rule.join and (doubt := rule.join.doubts.get(case.row)):
            return Undecided(_about(doubt, person), (slug,))
        return Assignment(
            slug,
            rule,
            grant,
            case.addresses,
            grant.roles_for(case.scope),
            grant.fields_for(case.scope),
            grant.initial_for(case.scope),
            case.unverified,
            case,
        )
    except CannotGrant as why:
        return _cannot_grant(rule, grant, case, person, why, slug)


def _cannot_grant(
    rule: Rule, grant: Grant, case: Case, person: Person, why: CannotGrant, slug: str | None
) -> Undecided:
    about = slug or why.organization
    found = problem(
        why.code,
        f"rule {rule.name}{' gives' if why.gives else ':'} {why.message}",
        why.hint,
        *_places(rule, grant.position, case.row),
        severity="problem",
        addresses=(address(ORGANIZATION, about),) if about else (),
        users=(person.user_id,),
    )
    open_ = slug or (why.organization if why.code in {"unproven-slug", "absent-organization"} else None)
    return Undecided(found, (open_,) if open_ else None)
