"""Expressions of rule files → compiled ones, with every mistake in them and a record of what they read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from reconciler.documents.document import Document
from reconciler.expressions.compile import Adapt, as_it_is
from reconciler.expressions.expression import Expression, compile_expression
from reconciler.expressions.nodes import Node, Read, ReadPath, children, spell
from reconciler.expressions.redaction import Redaction
from reconciler.expressions.template import OPEN, InvalidTree, Template, Tree, compile_template, compile_tree
from reconciler.expressions.values import ExpressionError
from reconciler.model import Json, Path, Position, Problem, Resource, Table, problem
from reconciler.rules.directory import Directory, Domains, domains_of
from reconciler.rules.row_index import RowIndex
from reconciler.rules.unused import Tally
from reconciler.suggest import suggest_existing

# What a Consumer user has (docs/stytch.md, "Consumer users").
USER_FIELDS: Final = frozenset(
    [
        "user_id",
        "external_id",
        "emails",
        "phone_numbers",
        "name",
        "trusted_metadata",
        "untrusted_metadata",
        "status",
        "roles",
        "created_at",
        "providers",
        "webauthn_registrations",
        "biometric_registrations",
        "totps",
        "crypto_wallets",
        "password",
        "is_locked",
        "lock_created_at",
        "lock_expires_at",
    ]
)
DECIDES: Final = "decides who gets what"
UNTRUSTED: Final = frozenset({"untrusted_metadata", "name"})
FREE: Final = frozenset({"name", "untrusted_metadata"})  # fields of a member that anybody's word may fill
PROOF: Final = frozenset({"emails", "phone_numbers"})


class Place(Struct, frozen=True):
    """A value in a rule file: its document and the path to it; or (``is_key``) the key there."""

    document: Document
    path: Path
    is_key: bool = False

    def below(self, *keys: str | int) -> "Place":
        """Return a place further down."""
        return Place(self.document, (*self.path, *map(str, keys)))

    @property
    def position(self) -> Position:
        """Return file, line and column."""
        return self.document.key_at(*self.path) if self.is_key else self.document.at(*self.path)

    @property
    def key(self) -> "Place":
        """Return the place of the key of this value."""
        return Place(self.document, self.path, is_key=True)

    def inside(self, offset: int) -> Position:
        """Return the position of a character of the string that stands here; of a key, where it begins."""
        return self.position if self.is_key else self.document.inside(self.path, offset)


class Draft(Struct, kw_only=True):
    """What the rules of all documents share while they are compiled.

    ``fields`` collects the user's fields that are read and where, ``paths`` all paths of users, and of rows after the
    table's name; ``domains`` what organizations list, by the path at
    which it was looked up; ``joined`` are tables by the columns that join; ``patterns`` numbers every ``email_regex``.
    """

    constants: Mapping[str, object]
    organizations: Sequence[Resource]
    directory: Directory
    organization_fields: frozenset[str]
    tables: Mapping[str, Table | None]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    fields: dict[str, list[Position]] = field(default_factory=dict)
    domains: dict[str, Domains] = field(default_factory=dict)
    patterns: dict[str, int] = field(default_factory=dict)
    joined: dict[tuple[str, Path, Path], RowIndex] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    paths: set[ReadPath] = field(default_factory=set)
    redaction: Redaction | None = None

    def adapting(self, table: Table | None = None) -> Adapt:
        """Return what makes an expression one over what is redacted, where it is."""
        return self.redaction.adapting(table.name if table else None) if self.redaction else as_it_is

    def index_of(self, table: Table, columns: Path, domains: Path) -> RowIndex:
        """Return the rows of a table by some columns, of which some hold ``domains``; indexed once for all rules."""
        key = (table.name, columns, domains)
        if key not in self.joined:
            self.joined[key] = RowIndex(table, columns, domains)
        return self.joined[key]


class Reader(Struct):
    """What the expressions of one rule may name, and what they turned out to read.

    ``allows_untrusted`` is the rule's ``untrusted: true``; ``public`` are the domains of nobody in particular that the
    rule takes for somebody's own, or (None) all of them.
    """

    draft: Draft
    roots: frozenset[str] = frozenset({"user"})
    table: Table | None = None
    allows_untrusted: bool = False
    public: frozenset[str] | None = frozenset()
    untrusted: bool = False
    proof: bool = False
    organization: bool = False
    reported: set[tuple[Position, str]] = field(default_factory=set)

    def refuse(self, code: str, message: str, hint: str, *at: Position) -> None:
        """Note an error at some places."""
        self.draft.problems.append(problem(code, message, hint, *at))

    def warn(self, code: str, message: str, hint: str, *at: Position) -> None:
        """Note a warning at some places."""
        self.draft.warnings.append(problem(code, message, hint, *at, severity="warning"))

    def reads(self, name: str, at: Position) -> None:
        """Note that a field of users is read."""
        self.draft.paths.add(("user", name))
        self.draft.fields.setdefault(name, []).append(at)

    def number_of(self, pattern: str) -> int:
        """Return the number of a pattern among those of all rules."""
        return self.draft.patterns.setdefault(pattern, len(self.draft.patterns))

    def domains_at(self, path: str, place: Place) -> Domains:
        """Return the domains that organizations list at a path, collected once."""
        if path not in self.draft.domains:
            found = domains_of(path, self.draft.organizations, place.position, self.draft.problems)
            self.draft.domains[path] = found
        return self.draft.domains[path]

    def expression(
        self, text: str, place: Place, *, decides: bool = True, roots: frozenset[str] | None = None
    ) -> Expression | None:
        """Compile a bare expression; None after saying what is wrong with it."""
        try:
            compiled = compile_expression(
                text, self.roots if roots is None else roots, self.draft.constants, self._adapt
            )
        except ExpressionError as wrong:
            self._wrong(wrong, place)
            return None
        self._note(compiled.node, place, 0, DECIDES if decides else "")
        return compiled

    def template(self, text: str, place: Place) -> Template | None:
        """Compile a string that decides something; None after saying what is wrong with it."""
        try:
            compiled = compile_template(text, self.roots, self.draft.constants, self._adapt)
        except ExpressionError as wrong:
            self._wrong(wrong, place)
            return None
        for piece, offset in expressions_in(compiled):
            self._note(piece.node, place, offset, DECIDES)
        return compiled

    def tree(self, value: Json, place: Place, *, decides: bool = False) -> Tree | None:
        """Compile the strings of a nested value; None after saying everything that is wrong with them.

        What does not decide are a member's fields by name, of which only a few are free to hold what users write.
        """
        try:
            compiled = compile_tree(value, self.roots, self.draft.constants, self._adapt)
        except InvalidTree as wrong:
            for path, mistake in wrong.errors:
                self._wrong(mistake, place.below(*path))
            return None
        for path, template in compiled.templates:
            for piece, offset in expressions_in(template):
                use = DECIDES if decides else _use(str(path[0]))
                self._note(piece.node, place.below(*path), offset, use)
        return compiled

    @property
    def _adapt(self) -> Adapt:
        return self.draft.adapting(self.table)

    def _wrong(self, wrong: ExpressionError, place: Place) -> None:
        self.refuse("expression", wrong.message, wrong.suggestion, place.inside(wrong.offset))

    def _note(self, node: Node, place: Place, offset: int, use: str) -> None:
        for path, start in _reads(node):
            at = place.inside(offset + start)
            if path[0] == "user":
                self.draft.paths.add(path)
                self._note_user(path, at, use)
            elif path[0] == "row":
                self.draft.paths.add(("row", self.table.name if self.table else "", *path[1:]))
                self._check_column(path, at)
            elif path[0] == "organization":
                self.organization = True
                self._check_organization(path, at)

    def _note_user(self, path: ReadPath, at: Position, use: str) -> None:
        read = USER_FIELDS if len(path) == 1 else frozenset({str(path[1])})
        for name in sorted(read):
            self.draft.fields.setdefault(name, []).append(at)
        for name in sorted(read - USER_FIELDS):
            message = f"`{spell(path)}`: users of Stytch have no field {name}"
            hint = suggest_existing(name, USER_FIELDS)
            self._once(problem("unknown-field", message, hint, at, severity="warning"))
        self.proof = self.proof or (bool(use) and not read.isdisjoint(PROOF))
        if use and not read.isdisjoint(UNTRUSTED):
            self.untrusted = True
            if not self.allows_untrusted:
                message = f"`{spell(path)}` can be changed by users themselves, but here it {use}"
                verb = "decide by" if use == DECIDES else "fill it from"
                hint = f"{verb} trusted_metadata; if this is intended, set `untrusted: true` in the rule"
                self._once(problem("untrusted", message, hint, at))

    def _check_column(self, path: ReadPath, at: Position) -> None:
        if self.table is None or len(path) == 1 or path[1] in self.table.columns:
            return
        message = f"the table {self.table.name} has no column {path[1]}"
        self._once(problem("unknown-column", message, suggest_existing(str(path[1]), self.table.columns), at))

    def _check_organization(self, path: ReadPath, at: Position) -> None:
        declared = self.draft.organization_fields
        if len(path) > 1 and path[1] not in declared:
            message = f"no organization declares {path[1]}"
            self._once(problem("unknown-field", message, suggest_existing(str(path[1]), declared), at))

    def _once(self, found: Problem) -> None:
        if (found.at[0], found.message) not in self.reported:
            self.reported.add((found.at[0], found.message))
            (self.draft.problems if found.severity == "error" else self.draft.warnings).append(found)


def _use(field: str) -> str:
    """Return what a value does in a field of a member, where users must not write it; "" where they may."""
    if field in FREE:
        return ""
    return DECIDES if field == "roles" else f"fills {field}, which decides or identifies"


def expressions_in(template: Template) -> Iterator[tuple[Expression, int]]:
    """Yield the expressions of a template, and at which character of it each begins."""
    after = 0
    for piece in template.pieces:
        if isinstance(piece, Expression):
            start = template.text.index(OPEN, after) + len(OPEN)
            yield piece, start
            after = start + len(piece.text)


def _reads(node: Node) -> Iterator[tuple[ReadPath, int]]:
    if isinstance(node, Read):
        yield node.path, node.span.start
    for child in children(node):
        yield from _reads(child)
