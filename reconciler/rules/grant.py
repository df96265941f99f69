"""One entry of ``assign``: which organization, which roles and fields, made for one user."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Struct

from reconciler.expressions.expression import Expression
from reconciler.expressions.template import Template, Tree
from reconciler.expressions.text import trimmed
from reconciler.expressions.values import Mistyped, kind_of, text_of
from reconciler.model import IMPLICIT_ROLE, MARK_KEY, Json, Path, Position
from reconciler.rules.directory import By, Directory
from reconciler.schema.types import ExternalId

_KEYS: Final[Mapping[By, str]] = {"slug": "slug", "name": "organization_name", "external_id": "external id"}

METADATA: Final = ("trusted_metadata", "untrusted_metadata")
# What Stytch takes for each field of a member (docs/stytch.md, "Members"); a list of roles is checked by itself.
FIELDS: Final[Mapping[str, Any]] = {
    "name": str,
    "trusted_metadata": dict[str, Any],
    "untrusted_metadata": dict[str, Any],
    "external_id": ExternalId | None,
    "is_breakglass": bool,
    "mfa_phone_number": Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{1,14}$(?!\n)")] | None,
    "mfa_enrolled": bool,
    "default_mfa_method": Literal["sms_otp", "totp"],
    "create_member_as_pending": bool,
}


class CannotGrant(Exception):
    """What keeps an entry from being made for a user: a problem that names no person.

    The message says what is wrong, or, where the rule ``gives`` what nobody can have, what that is.
    """

    def __init__(
        self, code: str, message: str, hint: str = "", *, gives: bool = False, organization: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.gives = gives
        self.organization = organization  # the slug that was computed, where the problem is about it


class TargetOrganization(Struct, frozen=True, kw_only=True):
    """Which organization: a literal one (``slug``; None if it is declared elsewhere only), or a template to render.

    ``found`` says that it is the one the rule's lookup found; ``proofs`` are the inputs of ``slugify`` in the template.
    """

    by: By
    position: Position
    slug: str | None = None
    template: Template | None = None
    found: bool = False
    proofs: tuple[Expression, ...] = ()

    @property
    def is_literal(self) -> bool:
        """Return whether the organization is the same for every user."""
        return self.template is None and not self.found

    def resolve(self, scope: Mapping[str, object], directory: Directory) -> str | None:
        """Return the organization's slug, or None if only other environments declare it; raises ``CannotGrant``."""
        if self.template is None:
            return self.slug
        try:
            value = self.template.render(scope)
            text = None if value is None else trimmed(text_of(value))
        except Mistyped as problem:
            raise CannotGrant(problem.code, f"the organization cannot be computed: {problem.message}") from None
        if not text:
            raise CannotGrant(
                "null-organization", "the computed organization is null or empty", "default(value, fallback)"
            )
        found = directory.find(self.by, text)
        if not found and text in directory.elsewhere[self.by]:
            return None
        if len(found) != 1:
            raise _not_one(self.by, text, found)
        (slug,) = found
        if directory.declared[slug].ensure == "absent":
            raise CannotGrant("absent-organization", f"{slug}, which is declared absent", gives=True, organization=slug)
        self._prove(scope, directory, slug)
        return slug

    def _prove(self, scope: Mapping[str, object], directory: Directory, slug: str) -> None:
        """Raise ``CannotGrant`` where a text became this slug by luck."""
        for proof in self.proofs:
            try:
                text = proof.evaluate(scope)
            except Mistyped as problem:  # of a slugify() whose value was not needed, or of a text beyond every limit
                why = f"it is unknown whether slugify() gives the right organization, {slug}: {problem.message}"
                raise CannotGrant(problem.code, why, "correct the data", organization=slug) from None
            if isinstance(text, str) and not directory.is_proven(slug, text):
                raise CannotGrant(
                    "unproven-slug",
                    f"slugify() gives {slug}, but the slug and the name of that organization both differ from the text",
                    "name the organization by {name: …} or {external_id: …}, or correct its organization_name",
                    organization=slug,
                )


def _not_one(by: By, text: str, found: tuple[str, ...]) -> CannotGrant:
    if found:
        message = f"{len(found)} organizations are named {text}: {', '.join(found)}"
        return CannotGrant("ambiguous-organization", message, "refer to it by its slug or external id")
    message = f"an organization that is declared nowhere: {_KEYS[by]} {text}"
    hint = "declare it (`ensure: external` if it is not managed here), or correct the data"
    return CannotGrant("unknown-organization", message, hint, gives=True, organization=text if by == "slug" else None)


class Grant(Struct, frozen=True, kw_only=True):
    """A compiled entry. ``roles``, ``fields`` and ``initial`` hold what needs no rendering, the trees what does."""

    target: TargetOrganization
    position: Position
    roles: tuple[str, ...] = ()
    fields: dict[str, Json] = {}  # msgspec copies an empty default
    initial: dict[str, Json] = {}  # as above
    role_tree: Tree | None = None
    field_tree: Tree | None = None
    initial_tree: Tree | None = None
    literals: frozenset[Path] = frozenset()  # fields and metadata keys whose value stands in the files

    @property
    def is_constant(self) -> bool:
        """Return whether nothing in the entry is rendered for a user."""
        return not (self.target.template or self.role_tree or self.field_tree or self.initial_tree)

    def roles_for(self, scope: Mapping[str, object]) -> tuple[str, ...]:
        """Return the roles for one user, sorted; raises ``CannotGrant``."""
        if self.role_tree is None:
            return self.roles
        return _roles(_rendered(self.role_tree, scope, "roles"))

    def fields_for(self, scope: Mapping[str, object]) -> dict[str, Json]:
        """Return the member's fields for one user; raises ``CannotGrant``."""
        return self.fields if self.field_tree is None else _fields(self.field_tree, scope)

    def initial_for(self, scope: Mapping[str, object]) -> dict[str, Json]:
        """Return what is sent at create only; raises ``CannotGrant``."""
        if self.initial_tree is None:
            return self.initial
        rendered = _fields(self.initial_tree, scope)
        if "roles" in rendered:
            rendered["roles"] = list(_roles(rendered["roles"]))
        return rendered


def _rendered(tree: Tree, scope: Mapping[str, object], what: str = "") -> Json:
    try:
        return tree.render(scope)
    except Mistyped as problem:
        named = what
        for key in problem.path:
            named += f"[{key}]" if isinstance(key, int) else f".{key}" if named else str(key)
        raise CannotGrant(problem.code, f"{named or 'a field'} cannot be computed: {problem.message}") from None


def _roles(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(role, str) and role for role in value):
        raise CannotGrant("role", f"the roles are computed as {_found(value)}; a list of role ids is needed")
    if IMPLICIT_ROLE in value:
        message = f"{IMPLICIT_ROLE}, which every member has and which cannot be given"
        raise CannotGrant("role", message, "leave it out", gives=True)
    return tuple(sorted(set(value)))


def _found(value: Json) -> str:
    if not isinstance(value, list):
        return kind_of(value)
    odd = next((role for role in value if not isinstance(role, str)), "")
    return f"a list that holds {kind_of(odd) if odd != '' else 'an empty string'}"


def _fields(tree: Tree, scope: Mapping[str, object]) -> dict[str, Json]:
    rendered = _rendered(tree, scope)
    fields: dict[str, Json] = rendered if isinstance(rendered, dict) else {}
    for name, value in fields.items():
        if name in FIELDS and not fits(name, value):
            raise CannotGrant("field", f"{name} is computed as {_unfit(value)}, which Stytch does not accept there")
    if is_marked(fields):
        message = f"trusted_metadata is computed with the key {MARK_KEY}, which is the reconciler's own mark"
        raise CannotGrant("reserved-key", message, "list the wanted keys one by one, or correct the data")
    return fields


def is_marked(fields: Mapping[str, Json]) -> bool:
    """Return whether fields of a member would write what is our mark's."""
    metadata = fields.get("trusted_metadata")
    return isinstance(metadata, dict) and MARK_KEY in metadata


def fits(field: str, value: Json) -> bool:
    """Return whether Stytch takes a value for a field of a member."""
    check: Callable[..., Any] = msgspec.convert
    try:
        check(value, FIELDS[field])
    except msgspec.ValidationError:
        return False
    return True


def _unfit(value: Json) -> str:
    return "a string with other characters or of another length" if isinstance(value, str) else kind_of(value)
