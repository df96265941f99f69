"""MappingRules documents → ``Rules``: everything that can be known before the first user is read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.documents.document import Document
from reconciler.errors import InvalidInput
from reconciler.expressions.expression import Expression, compile_expression
from reconciler.expressions.nodes import Read, spell
from reconciler.expressions.redaction import Redaction
from reconciler.expressions.text import domain_label
from reconciler.expressions.values import ExpressionError
from reconciler.model import Cause, Json, Position, Problem, Resource, Table, problem
from reconciler.rules.compile_grant import compile_grant
from reconciler.rules.directory import directory_of
from reconciler.rules.index import ASKED, Filings, index_of
from reconciler.rules.join import compile_join
from reconciler.rules.match import Match, compile_match, filings_of
from reconciler.rules.patterns import Patterns
from reconciler.rules.person import by_hand, comparing_addresses
from reconciler.rules.reader import PROOF, UNTRUSTED, Draft, Place, Reader
from reconciler.rules.rule import ALWAYS, UNLESS_ANYWHERE, UNLESS_IN_ORGANIZATION, Rule, RuleContext, Rules, watch_of
from reconciler.schema.domains import why_nobodys

MOST_ASKED: Final = 100  # rules that every user is asked without a warning
_SHOWN: Final = 5  # of more, so many are named
ROUNDS: Final = {None: ALWAYS, "organization": UNLESS_IN_ORGANIZATION, "user": UNLESS_ANYWHERE}


class RuleSources(Struct, frozen=True, kw_only=True):
    """What rules are compiled from: their documents, and whatever these may name.

    ``elsewhere`` are the slugs of organizations that only other environments declare, ``organizations_elsewhere`` as
    many of them as are known. A table that is None could not be read: rules that join it are only checked.
    ``external_id`` is the expression for the external ids of members, from the place ``external_id_at``.
    With a ``redaction`` all of it, but for the expressions, and the users are redacted.
    """

    documents: Sequence[Document]
    organizations: Sequence[Resource]
    members: Sequence[Resource] = ()
    elsewhere: frozenset[str] = frozenset()
    organizations_elsewhere: Sequence[Resource] = ()
    tables: Mapping[str, Table | None] = {}  # msgspec copies an empty default
    environment: str
    variables: Mapping[str, Json] = {}  # as above
    external_id: str | None = None
    external_id_at: Position
    redaction: Redaction | None = None


def compile_rules(sources: RuleSources) -> Rules:
    """Compile every rule of an environment; raises ``InvalidInput`` with every problem of all of them."""
    organizations = sources.organizations
    draft = Draft(
        constants={"vars": dict(sources.variables), "environment": sources.environment},
        organizations=organizations,
        directory=directory_of(organizations, sources.elsewhere, sources.organizations_elsewhere),
        organization_fields=frozenset({"name"}).union(*(one.spec for one in organizations)),
        tables=sources.tables,
        redaction=sources.redaction,
    )
    drafted = [rule for document in sources.documents for rule in _rules_in(document, draft)]
    external_id = None
    if sources.external_id is not None:
        external_id = _external_id(sources.external_id, sources.external_id_at, draft)
    if draft.problems:
        raise InvalidInput(sorted(draft.problems, key=lambda problem: (problem.at, problem.message)))
    drafted.sort(key=lambda rule: (rule.round, rule.position))
    rules = tuple(replace(rule, number=number) for number, rule in enumerate(drafted))
    filed = [filings_of(rule.match, rule.when) for rule in rules]
    draft.warnings.extend(_not_indexed(rules, filed))
    context = RuleContext(
        draft.directory, Patterns(tuple(draft.patterns), redacted=sources.redaction is not None), draft.tally
    )
    return Rules(
        rules=rules,
        context=context,
        index=index_of(enumerate(filed)),
        watch=watch_of(rules),
        by_hand=by_hand(sources.members),
        any_address=any(rule.match.any_address for rule in rules),
        external_id=external_id,
        external_id_field=_field_alone(external_id),
        causes=tuple(Cause(file=rule.position.file, line=rule.position.line, rule=rule.name) for rule in rules),
        paths=frozenset(draft.paths),
        reads={name: tuple(sorted(set(places))) for name, places in sorted(draft.fields.items())},
        warnings=tuple(sorted(draft.warnings, key=lambda one: (one.at, one.message))),
        problems=tuple(_doubted_domains(rules)),
    )


def _not_indexed(rules: Sequence[Rule], filed: Sequence[Filings | None]) -> Iterator[Problem]:
    """Yield one warning where so many rules are asked of every user that it takes long."""
    slow = [
        rule for rule, found in zip(rules, filed, strict=True) if not rule.join and (not found or found.rank == ASKED)
    ]
    if len(slow) > MOST_ASKED:
        message = f"{len(slow):,} rules have no condition that is indexed, so every user is asked each of them"
        hint = "add one to each, such as a comparison with a literal (docs/rules.md#conditions-that-are-indexed)"
        places = [rule.at["when"] if rule.when else rule.position for rule in slow[:_SHOWN]]
        yield problem("unindexed-rules", message, hint, *places, severity="warning")


def _rules_in(document: Document, draft: Draft) -> Iterator[Rule]:
    spec = document.body["spec"]
    reader = Reader(draft, allows_untrusted=True, public=None)  # who is excepted gets less, never more
    exceptions = tuple(
        compile_match(exception, Place(document, ("spec", "except", str(index))), reader, excepts=True)
        for index, exception in enumerate(spec.get("except") or ())
    )
    for index, exception in enumerate(exceptions):
        if not exception.keys:
            at = document.at("spec", "except", str(index))
            draft.problems.append(
                problem("no-condition", "this exception has no condition", "remove it, or add a condition", at)
            )
    names: dict[str, Place] = {}
    for index, body in enumerate(spec["rules"]):
        place = Place(document, ("spec", "rules", str(index)))
        first = names.setdefault(body["name"], place)
        if first is not place:
            earlier = first.below("name").position
            message = f"the rule {body['name']} exists twice; first at {earlier}"
            hint = "rename one of the two"
            draft.problems.append(problem("duplicate", message, hint, place.below("name").position, earlier))
        rule = _rule(body, place, draft, exceptions)
        if rule:
            yield rule


def _rule(body: Mapping[str, Any], place: Place, draft: Draft, exceptions: tuple[Match, ...]) -> Rule | None:
    before = len(draft.problems)
    inner = frozenset(_inner_roots(body))
    table = draft.tables.get(body["table"]["name"]) if body.get("table") else None
    reader = Reader(draft, inner | {"user"}, table, allows_untrusted=body.get("untrusted") is True)
    reader.public = _public_domains(body, place, reader)
    match = compile_match(body.get("match") or {}, place.below("match"), reader)
    join = compile_join(body["table"], place.below("table"), reader) if body.get("table") else None
    when = _expression(body, "when", place, reader, reader.roots)
    when, among = comparing_addresses(when) if when else (None, False)
    each = _expression(body, "each", place, reader, reader.roots - {"item"})
    grants = [compile_grant(entry, place.below("assign", index), reader) for index, entry in enumerate(body["assign"])]
    _check_effects(body, place, reader, asks_nothing=not match.keys, is_right=len(draft.problems) == before)
    if len(draft.problems) > before or (body.get("table") and join is None):
        return None
    asked_of_each = when is not None and any(path[0] in inner for path in when.paths)
    always = when is not None and when.constant and when.evaluate({}) is True
    entries = tuple(grant for grant in grants if grant)
    simple = not (exceptions or join or each or asked_of_each or among) and all(one.is_constant for one in entries)
    by_domain = simple and match.by_domain and when is None
    return Rule(
        number=0,
        name=body["name"],
        position=place.below("name").position,
        at={part: place.below(part).position for part in ("match", "when", "each", "table")}
        | {"except": place.document.at("spec", "except")},
        round=ROUNDS[body.get("fallback")],
        match=match,
        grants=entries,
        exceptions=exceptions,
        join=join,
        when=None if always or asked_of_each else when,
        when_each=when if asked_of_each else None,
        each=each,
        among=among,
        simple=simple,
        by_domain={} if by_domain else None,
        reads_proof=reader.proof,
        reads_organization=reader.organization,
        untrusted=reader.untrusted,
    )


def _inner_roots(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what expressions of a rule can name beside the user."""
    if body.get("each") is not None:
        yield "item"
    if body.get("table") is not None:
        yield "row"
    if isinstance((body.get("match") or {}).get("email_domain"), dict):
        yield "organization"


def _check_effects(
    body: Mapping[str, Any], place: Place, reader: Reader, *, asks_nothing: bool, is_right: bool
) -> None:
    """Refuse an ``untrusted`` without effect; warn of a rule without a condition."""
    if body.get("untrusted") is True and not reader.untrusted and is_right:
        message = "untrusted has no effect: nothing that users write decides or identifies in this rule"
        reader.refuse("no-effect", message, "remove it", place.below("untrusted").key.position)
    if asks_nothing and not (body.get("table") or body.get("when") or body.get("each")):
        message, hint = f"the rule {body['name']} matches every user", 'if this is intended, write when: "true"'
        reader.warn("no-condition", message, hint, place.below("name").position)


def _public_domains(body: Mapping[str, Any], place: Place, reader: Reader) -> frozenset[str] | None:
    """Return the domains of nobody in particular that a rule takes for somebody's own; None: all of them."""
    said = body.get("public_domains")
    if said is None:
        return frozenset()
    here = place.below("public_domains")
    joined = (body.get("table") or {}).get("join") or {}
    if "email_domain" not in (body.get("match") or {}) and not any("domain(" in text for text in joined.values()):
        message = "public_domains applies only to email_domain, which this rule does not use"
        reader.refuse("no-effect", message, "remove it", here.key.position)
    if said == "allow":
        return None
    labels = [domain_label(one) for one in said]
    for index, label in enumerate(labels):
        at = here.below(index).position
        if label is None:
            message = f"{said[index]!r} is not a domain name"
            reader.refuse("not-a-domain", message, "write it as acme.example", at)
        elif not why_nobodys(label):
            message = f"{label} is no mail provider's domain and no public suffix, so it counts anyway"
            reader.refuse("no-effect", message, "remove it", at)
    return frozenset(filter(None, labels))


def _expression(
    body: Mapping[str, Any], key: str, place: Place, reader: Reader, roots: frozenset[str]
) -> Expression | None:
    text = body.get(key)
    return None if text is None else reader.expression(text, place.below(key), roots=roots)


def _external_id(text: str, at: Position, draft: Draft) -> Expression | None:
    try:
        compiled = compile_expression(text, frozenset({"user"}), draft.constants, draft.adapting())
    except ExpressionError as wrong:
        draft.problems.append(problem("expression", f"members.external_id: {wrong.message}", wrong.suggestion, at))
        return None
    for path in compiled.paths:
        if path[0] == "user" and (len(path) == 1 or path[1] in UNTRUSTED):
            message = (
                f"members.external_id: `{spell(path)}` can be changed by users "
                "themselves, but here it identifies a member"
            )
            hint = "use user_id, external_id or trusted_metadata"
            draft.problems.append(problem("untrusted", message, hint, at))
        if path[0] == "user" and len(path) > 1:
            draft.paths.add(path)
            draft.fields.setdefault(str(path[1]), []).append(at)
    return compiled


def _field_alone(expression: Expression | None) -> str | None:
    if expression is None or not isinstance(expression.node, Read):
        return None
    _user, *keys = expression.node.path
    return keys[0] if len(keys) == 1 and isinstance(keys[0], str) and keys[0] not in PROOF else None


def _doubted_domains(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Yield each domain that makes nobody a member once, wherever a rule would have it make somebody one."""
    lookups = [rule.match.lookup for rule in rules if rule.match.lookup]
    doubts = {
        doubt: None
        for lookup in sorted(lookups, key=lambda one: one.path)
        for owner in lookup.domains.owners()
        if (doubt := lookup.doubt(owner))
    }
    yield from doubts
