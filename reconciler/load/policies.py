"""``kind: Policy`` → conditions over a change, compiled; and every mistake that would make one say nothing.

A policy that is misspelt would let everything through, so each name in a condition, and each word that a closed list is
compared with, must be one that there is.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from msgspec import Struct, structs

from reconciler.documents.document import Document
from reconciler.expressions.expression import Expression, compile_expression
from reconciler.expressions.nodes import Call, Compare, Literal, Node, Read, ReadPath, children, spell
from reconciler.expressions.redaction import Redaction
from reconciler.expressions.text import mailbox_or_text
from reconciler.expressions.values import ExpressionError
from reconciler.kinds import KINDS
from reconciler.model import KINDS_OF_POWER, MEMBER, ORGANIZATION, Json, Position, Problem, problem
from reconciler.schema.traits import fields_of
from reconciler.suggest import suggest_allowed

EFFECTS: Final = ("deny", "warn")
GUARD: Final = "policy:"  # how a guard begins that is a policy
ORIGINS: Final = frozenset({"git", "live", "users", "conflict"})
OF_CHANGE: Final = frozenset(
    {"kind", "action", "address", "namespace", "name", "id", "origin", "adopts", "replaces", "fields"}
    | {"before", "after"}
)
OF_ACCESS: Final = frozenset({"gains", "loses", "domain", "user", "grows"})
RIGHTS: Final = frozenset({"members", "roles"})
ROOTS: Final = frozenset({"change", "access", "organization"})


@cache
def fields() -> frozenset[str]:
    """Return the names of all fields of all kinds, which are imported for it: only where there is a policy."""
    return frozenset(name for kind in KINDS.values() for name in (*fields_of(kind.spec), *fields_of(kind.initial_spec)))


@cache
def names_below() -> Mapping[ReadPath, frozenset[str]]:
    """Return what may follow a path, where only some names may."""
    return {
        ("change",): OF_CHANGE,
        ("change", "before"): fields(),
        ("change", "after"): fields(),
        ("access",): OF_ACCESS,
        ("access", "gains"): RIGHTS,
        ("access", "loses"): RIGHTS,
        ("organization",): frozenset({"name", *fields_of(KINDS[ORGANIZATION].spec)}),
    }


@cache
def closed_words() -> Mapping[ReadPath, frozenset[str]]:
    """Return what a path may be, or its items, where these are words of ours; of a field's path the first part."""
    return {
        ("change", "kind"): frozenset(KINDS),
        ("change", "action"): frozenset({"create", "update", "delete"}),
        ("change", "origin"): ORIGINS,
        ("change", "fields"): fields(),
        ("access", "grows"): frozenset(KINDS_OF_POWER),
    }


class Policy(Struct, frozen=True, kw_only=True):
    """A condition on changes, and what becomes of those that meet it: denied, or with a warning.

    ``suppressed`` are the addresses of which it says nothing, each with the reason and its place. ``applied`` says that
    it is not that of these files, but of the revision that was applied last.
    """

    name: str
    denies: bool
    condition: Expression
    message: str
    suppressed: Mapping[str, tuple[str, Position]]
    at: Position
    applied: bool = False

    @property
    def guard(self) -> str:
        """Return what a change that it denies is withheld by."""
        return f"{GUARD}{self.name}"

    def says(self) -> tuple[object, ...]:
        """Return what tells it apart from another policy: not where it stands, nor why something is suppressed."""
        constants = tuple(sorted(path for path in self.condition.paths if path[0] not in ROOTS))
        values = [_value(self.condition.constants, path) for path in constants]
        return (self.name, self.denies, self.condition.text, str(values), tuple(sorted(self.suppressed)))

    def without_people(self, redaction: Redaction) -> "Policy":
        """Return the policy over changes in which people are hashed."""
        return structs.replace(
            self,
            condition=compile_expression(
                self.condition.text, ROOTS, self.condition.constants, redaction.adapting(table=None)
            ),
            suppressed={redaction.text(address): why for address, why in self.suppressed.items()},
        )


def policy_of(document: Document, constants: Mapping[str, Json], problems: list[Problem]) -> Policy | None:
    """Return the policy of a valid document; None, and why in ``problems``, where it says nothing that can be meant."""
    spec = document.body["spec"]
    stated = [effect for effect in EFFECTS if effect in spec]
    found: list[Problem] = []
    if len(stated) != 1:
        message = "deny and warn are both stated" if stated else "neither deny nor warn is stated"
        at = [document.key_at("spec", effect) for effect in stated] or [document.key_at("spec")]
        found.append(problem("contradiction", message, "state one of the two, with the condition", *at))
    suppressed = _suppressed(document, spec.get("suppress") or (), found)
    conditions = [_condition(document, effect, constants, found) for effect in stated]
    problems += found
    if found or conditions[0] is None:
        return None
    return Policy(
        name=document.name,
        denies=stated == ["deny"],
        condition=conditions[0],
        message=spec["message"],
        suppressed=suppressed,
        at=document.at("spec", *stated),
    )


def _condition(
    document: Document, effect: str, constants: Mapping[str, Json], problems: list[Problem]
) -> Expression | None:
    try:
        compiled = compile_expression(document.body["spec"][effect], ROOTS, constants)
    except ExpressionError as wrong:
        at = document.inside(("spec", effect), wrong.offset)
        problems.append(problem("expression", wrong.message, wrong.suggestion, at))
        return None
    if compiled.constant:
        message = "the condition is the same for every change"
        hint = "name what it is about: change, access or organization"
        problems.append(problem("no-effect", message, hint, document.at("spec", effect)))
    for message, hint, offset in dict.fromkeys(_mistakes(compiled.node)):
        problems.append(problem("unknown-path", message, hint, document.inside(("spec", effect), offset)))
    return compiled


def _mistakes(node: Node) -> Iterator[tuple[str, str, int]]:
    """Yield each name and each word in a condition that is none, with a hint and where it stands."""
    match node:
        case Read(path=path):
            yield from _unknown_names(path, node.span.start)
        case Compare(left=left, right=right):
            for side, other in ((left, right), (right, left)):
                if isinstance(side, Read) and isinstance(other, Literal):
                    yield from _unknown_words(side.path, other)
        case Call(function=function, arguments=(Read(path=path), Literal() as literal)) if function.name == "contains":
            yield from _unknown_words(path, literal)
    for child in children(node):
        yield from _mistakes(child)


def _unknown_names(path: ReadPath, offset: int) -> Iterator[tuple[str, str, int]]:
    for length in range(1, len(path)):
        known = names_below().get(path[:length])
        if known is not None and path[length] not in known:
            hint = suggest_allowed(str(path[length]), known)
            yield f"`{spell(path[:length])}` has no `{path[length]}`", hint, offset


def _unknown_words(path: ReadPath, literal: Literal) -> Iterator[tuple[str, str, int]]:
    known = closed_words().get(path)
    words = literal.value if isinstance(literal.value, list) else [literal.value]
    for word in words if known is not None else ():
        if isinstance(word, str) and known is not None and _first(path, word) not in known:
            verb = "is never" if path[0] == "change" and path[1] != "fields" else "never holds"
            yield f"`{spell(path)}` {verb} {word}", suggest_allowed(_first(path, word), known), literal.span.start


def _first(path: ReadPath, word: str) -> str:
    return word.partition(".")[0] if path[-1] == "fields" else word


def _suppressed(
    document: Document, entries: Sequence[Mapping[str, str]], problems: list[Problem]
) -> Mapping[str, tuple[str, Position]]:
    """Return the addresses of which a policy says nothing, as changes have them."""
    found: dict[str, tuple[str, Position]] = {}
    for index, entry in enumerate(entries):
        at = document.at("spec", "suppress", str(index), "address")
        address = canonical_address(entry["address"], at, problems)
        if address in found:
            problems.append(problem("duplicate", "this address is suppressed twice", "remove one of the two", at))
        found[address] = entry["reason"], at
    return found


def canonical_address(address: str, at: Position, problems: list[Problem]) -> str:
    """Return an address as changes have it; add to ``problems`` why it can be that of no resource."""
    kind, *key = address.split("/", 2)
    if kind not in KINDS:
        problems.append(problem("unknown-kind", f"there is no kind {kind}", suggest_allowed(kind, KINDS), at))
    elif not all(key) or len(key) < (2 if KINDS[kind].namespace else 1):
        form = f"{kind}/ORGANIZATION/NAME" if KINDS[kind].namespace else f"{kind}/NAME"
        problems.append(problem("wrong-value", f"this is no address of a {kind}", f"write {form}, as in plans", at))
    return "/".join((kind, key[0], mailbox_or_text(key[1]))) if kind == MEMBER and len(key) == len("sl") else address


def _value(constants: Mapping[str, object], path: ReadPath) -> object:
    value: object = constants
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
