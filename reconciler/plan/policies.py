"""Policies over changes: which are denied, which come with a warning, and of which a policy cannot tell.

What a policy cannot tell, because a value that it compares is missing, it denies: a policy that let such a change
through would not hold.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from msgspec import structs

from reconciler.diff.fields import created_fields
from reconciler.expressions.compile import compiled_node
from reconciler.expressions.expression import explain
from reconciler.expressions.nodes import And, Node, ReadPath, paths_of
from reconciler.expressions.values import UNKNOWN, Mistyped, Unknown, truth
from reconciler.kinds import KINDS
from reconciler.load.policies import ROOTS, Policy
from reconciler.load.repository import Declared
from reconciler.model import Change, Changes, Create, GuardResult, Problem, Resource, problem
from reconciler.model.packed import Chunk
from reconciler.plan.scope import Readers, readers_of, scope_of

NAMED: Final = 5  # changes that a problem names
LISTED: Final = 20  # declared resources that a policy is said to deny
# What a chunk of changes has in common, so that many need not be looked at one by one.
IN_COMMON: Final = frozenset({("change", "kind"), ("change", "action"), ("change", "namespace")})

Judged = tuple[Changes, tuple[GuardResult, ...], tuple[Problem, ...]]


def judge(changes: Changes, policies: Sequence[Policy], organizations: Iterable[Resource] = ()) -> Judged:
    """Return the changes, those withheld that a policy denies, what each policy saw, and what should be known of it.

    ``organizations`` are the declared ones.
    """
    courts = [_Court(policy) for policy in policies]
    declared = {one.name: one for one in organizations}
    chunks: list[Chunk] = []
    for chunk in changes.chunks:
        here = [court for court in courts if court.may_hold(chunk)]
        if here:
            paths = frozenset[ReadPath]().union(*(court.policy.condition.paths for court in here))
            judged = partial(_judged, courts=here, read=readers_of(paths), declared=declared)
            chunks += Changes([chunk]).altered(judged).chunks
        else:
            chunks.append(chunk)
    problems = (found for court in courts for found in court.problems())
    return Changes(chunks), tuple(court.result() for court in courts), tuple(problems)


def would_deny(declared: Declared) -> Iterator[Problem]:
    """Yield a warning for each declared resource that a policy would deny if it were created as declared.

    What is live already may stay as it is, so that this is no error.
    """
    policies = [policy for policy in declared.safeguards.policies if policy.denies]
    organizations = {one.name: one for one in declared.organizations}
    resources = [one for one in declared.resources if one.ensure == "present"]
    for policy in policies:
        read, more = readers_of(policy.condition.paths), 0
        denied = (one for one in resources if _would_be_denied(one, policy, read, organizations))
        for number, one in enumerate(denied):
            more = max(0, number + 1 - LISTED)
            if not more:
                message = f"{policy.message}: policy {policy.name} denies the create of a {one.kind} like this"
                hint = "correct it; or, if it is meant, suppress its address in the policy, with a reason"
                yield one.problem("policy", message, hint, severity="warning")
        if more:
            message = f"policy {policy.name} denies the create of {more:,} more resources"
            yield problem("policy", message, "", policy.at, severity="warning")


def _would_be_denied(resource: Resource, policy: Policy, read: Readers, organizations: Mapping[str, Resource]) -> bool:
    kind = KINDS[resource.kind]
    specs = (resource.spec, resource.initial, kind.create_values)
    fields = created_fields(*specs, merged=kind.merged, keyed=kind.keyed)
    create = Create(kind=resource.kind, namespace=resource.namespace, name=resource.name, fields=fields)
    if create.address in policy.suppressed:
        return False
    return _truth_of(policy.condition.evaluate, scope_of(create, read, organizations)) is True


def _judged(change: Change, courts: Sequence["_Court"], read: Readers, declared: Mapping[str, Resource]) -> Change:
    """Return a change, withheld by the first policy that denies it."""
    scope = scope_of(change, read, declared)
    denying = [court.policy.guard for court in courts if court.denies(change, scope)]
    return structs.replace(change, withheld_by=denying[0]) if denying and not change.withheld_by else change


class _Court:
    """A policy, and what it said so far."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.met = self.undecided = self.suppressed = 0
        self.first: list[str] = []
        self._why = ""
        self._evaluate = policy.condition.evaluate
        self._terms = tuple(map(compiled_node, _terms_in_common(policy.condition.node)))
        self._may_hold: dict[tuple[object, ...], bool] = {}

    def may_hold(self, chunk: Chunk) -> bool:
        """Return whether the policy may say anything of changes that have so much in common."""
        key = (chunk.kind, chunk.action, chunk.namespace)
        if self._terms and key not in self._may_hold:
            about = {"kind": chunk.kind, "action": chunk.action.action, "namespace": chunk.namespace}
            self._may_hold[key] = not any(_truth_of(term, {"change": about}) is False for term in self._terms)
        return self._may_hold.get(key, True)

    def denies(self, change: Change, scope: Mapping[str, object]) -> bool:
        """Return whether the policy denies a change, and note what it said of it."""
        value = _truth_of(self._evaluate, scope)
        if value is False:
            return False
        if change.address in self.policy.suppressed:
            self.suppressed += 1
            return False
        if value is UNKNOWN:
            self.undecided += 1
            self._why = self._why or _why(self.policy, scope)
        else:
            self.met += 1
        if len(self.first) < NAMED:
            self.first.append(change.address)
        return self.policy.denies

    def result(self) -> GuardResult:
        """Return what the policy saw."""
        notes = [f"{self.undecided:,} undecided"] if self.undecided else []
        notes += [f"{self.suppressed:,} suppressed"] if self.suppressed else []
        notes += ["as it was applied last"] if self.policy.applied else []
        seen = f"{self.policy.message} ({', '.join([*notes, str(self.policy.at)])})"
        is_ok = not (self.policy.denies and (self.met or self.undecided))
        return GuardResult(name=self.policy.guard, ok=is_ok, seen=seen)

    def problems(self) -> Iterator[Problem]:
        """Yield what should be known: what comes with a warning, and what the policy cannot tell."""
        name, at = self.policy.name, self.policy.at
        if self.met and not self.policy.denies:
            message = f"{self.policy.message} (policy {name}, {_counted(self.met)})"
            yield problem("policy", message, "", at, severity="warning", addresses=self.first)
        if self.undecided:
            outcome = "which it withholds" if self.policy.denies else "which it warns of"
            message = f"policy {name} cannot tell of {_counted(self.undecided)}, {outcome}: {self._why}"
            hint = "begin with what the policy is about, such as change.kind == 'Member', and say what a missing value "
            hint += "means: default(value, fallback)"
            yield problem("policy-undecided", message, hint, at, severity="warning", addresses=self.first)


def _terms_in_common(node: Node) -> Iterator[Node]:
    """Yield the terms of which one that is false decides a condition, and that read only what a chunk has in common."""
    for term in node.terms if isinstance(node, And) else (node,):
        if isinstance(term, And):
            yield from _terms_in_common(term)
        elif {path for path in paths_of(term) if path[0] in ROOTS} <= IN_COMMON:
            yield term


def _truth_of(run: Callable[[Mapping[str, object]], Any], scope: Mapping[str, object]) -> bool | Unknown:
    try:
        return truth(run(scope))
    except Mistyped:
        return UNKNOWN


def _why(policy: Policy, scope: Mapping[str, object]) -> str:
    """Return why a condition is neither true nor false."""
    for term in explain(policy.condition, scope):
        if term.value is UNKNOWN:
            missing = [f"`{path}` is null" for path, value in term.reads if value is None]
            return term.problem or ", ".join(missing) or f"`{term.text}` is unknown"
    return "its value is no truth value"


def _counted(number: int) -> str:
    return f"{number:,} change{'s' if number != 1 else ''}"
