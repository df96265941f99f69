"""Every document that people write, as a type: what keys there are, and of what type each value is.

What a document *means* is decided elsewhere: by ``reconciler.rules`` for MappingRules, by ``reconciler.load.templates``
for OrganizationSet, by ``reconciler.load.examine`` for resources in Stytch.
"""

from functools import cache
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, field

from reconciler.config.schema import Configuration, KindName, Limits
from reconciler.expressions.template import OPEN
from reconciler.kinds import KINDS, member
from reconciler.model import API_VERSION, ORGANIZATION, Ensure, Json, Path
from reconciler.rules.reader import USER_FIELDS
from reconciler.schema.kind import Kind
from reconciler.schema.traits import ApiVersion, Name, fields_of
from reconciler.schema.validate import Computed, json_schema_of, nowhere

Environments = Annotated[list[Name], Meta(min_length=1)]
Strings = str | list[str]


def _strict(name: str, *fields: Any, doc: str = "") -> type[Struct]:
    """Return a type without any other fields; ``doc`` is shown by editors."""
    documented = {"__doc__": doc} if doc else {}
    return defstruct(name, fields, namespace=documented, forbid_unknown_fields=True, kw_only=True)


def _document(kind: str, *fields: Any, doc: str = "") -> type[Struct]:
    """Return the type of the documents of a kind."""
    head = ("api_version", ApiVersion, field(name="apiVersion")), ("kind", Literal[kind])
    return _strict(kind, *head, *fields, doc=doc)


class EmailDomain(Struct, forbid_unknown_fields=True, kw_only=True):
    """Look the domain of an address up in a path of every organization's spec."""

    organization: Name
    subdomains: bool | UnsetType = UNSET
    shared: Literal["all"] | UnsetType = UNSET


class Except(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whom no rule of the document is about, by any of the user's addresses."""

    email: Strings | UnsetType = UNSET
    email_domain: Strings | UnsetType = UNSET
    email_regex: Strings | UnsetType = UNSET
    user_id: Strings | UnsetType = UNSET
    external_id: Strings | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class Match(Except, forbid_unknown_fields=True, kw_only=True):
    """Whom a rule is about: the keys are AND, the values of each OR."""

    email_domain: Strings | EmailDomain | UnsetType = UNSET  # type: ignore[assignment] # more than of an exception
    verified: Literal["any"] | UnsetType = UNSET


class Join(Struct, forbid_unknown_fields=True, kw_only=True):
    """A table, and which column of it equals which path in the user."""

    name: Name
    join: Annotated[dict[str, Name], Meta(min_length=1)]


class ByOtherKey(Struct, forbid_unknown_fields=True, kw_only=True):
    """An organization by its name or external id instead of its slug."""

    name: Name | UnsetType = UNSET
    external_id: Name | UnsetType = UNSET


# What a rule gives: an organization, a member's fields there, and what is sent only at create.
Assignment = _strict(
    "Assignment",
    ("organization", Name | ByOtherKey),
    ("initial", member.MemberInitial | UnsetType, UNSET),
    *((name, field.hint, UNSET) for name, field in fields_of(member.MemberSpec).items()),
)


class Rule(Struct, forbid_unknown_fields=True, kw_only=True):
    """Condition → membership."""

    name: Name
    assign: Annotated[list[Assignment], Meta(min_length=1)]  # type: ignore[valid-type] # made by defstruct
    match: Match | UnsetType = UNSET
    when: str | UnsetType = UNSET
    each: str | UnsetType = UNSET
    table: Join | UnsetType = UNSET
    fallback: Literal["organization", "user"] | UnsetType = UNSET
    untrusted: bool | UnsetType = UNSET
    public_domains: Annotated[list[Name], Meta(min_length=1)] | Literal["allow"] | UnsetType = UNSET


class RulesSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """The rules of one document, and whom none of them is about."""

    rules: Annotated[list[Rule], Meta(min_length=1)]
    except_: list[Except] | UnsetType = field(name="except", default=UNSET)


class UserAddress(Struct, forbid_unknown_fields=True, kw_only=True):
    """An address of a user; only a verified one proves anything."""

    email: str
    verified: bool
    email_id: str | UnsetType = UNSET


class UserNumber(Struct, forbid_unknown_fields=True, kw_only=True):
    """A phone number of a user; only a verified one proves anything."""

    phone_number: str
    verified: bool
    phone_id: str | UnsetType = UNSET


_OF_USERS: Final[dict[str, Any]] = {
    "emails": list[UserAddress],
    "phone_numbers": list[UserNumber],
    "roles": list[str] | None,
    **dict.fromkeys(("name", "trusted_metadata", "untrusted_metadata"), dict[str, Any] | None),
    **dict.fromkeys(("external_id", "status", "created_at"), str | None),
}
TestedUser = _strict(
    "TestedUser",
    ("user_id", Name),
    *((name, _OF_USERS.get(name, Any) | UnsetType, UNSET) for name in sorted(USER_FIELDS - {"user_id"})),
    doc="A user as a Consumer project has it.",
)


class ExpectedMembership(Struct, forbid_unknown_fields=True, kw_only=True):
    """An organization by its slug, and the user's roles there: exactly these, where they are given."""

    organization: Name
    roles: list[Name] | UnsetType = UNSET


class Expectation(Struct, forbid_unknown_fields=True, kw_only=True):
    """All memberships of a user, the rules that give them, and the organizations in which a problem holds the user."""

    user: Name
    memberships: list[ExpectedMembership]
    rules: list[Name] | UnsetType = UNSET
    held: list[Name] | Literal["any"] | UnsetType = UNSET


class RuleTestSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Users, what the rules must make of each, and tables that take the place of the real ones."""

    users: Annotated[list[TestedUser], Meta(min_length=1)]  # type: ignore[valid-type] # made by defstruct
    expect: Annotated[list[Expectation], Meta(min_length=1)]
    tables: dict[str, list[dict[str, Any]]] | UnsetType = UNSET


class NamedMetadata(Struct, forbid_unknown_fields=True, kw_only=True):
    """The metadata of a document that is no thing in Stytch."""

    name: Name
    environments: Environments | UnsetType = UNSET


class Check(Struct, forbid_unknown_fields=True, kw_only=True):
    """What betrays that a step was done: that a kind can be read, or a value (``equals``, or any) in a live thing."""

    kind: KindName  # type: ignore[valid-type] # made of what is registered
    name: Name | UnsetType = UNSET
    path: Name | UnsetType = UNSET
    equals: Any | UnsetType = UNSET


class ManualStepSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a person must do and where; ``required`` keeps a run from ending well while it is open."""

    what: Name
    where: Name
    required: bool = False
    done: bool = False
    check: Check | UnsetType = UNSET


class Suppression(Struct, forbid_unknown_fields=True, kw_only=True):
    """A resource of which a policy says nothing, and why."""

    address: Name
    reason: Name


class PolicySpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A condition over a change: one that meets ``deny`` is withheld, one that meets ``warn`` is reported."""

    message: Name
    deny: Name | UnsetType = UNSET
    warn: Name | UnsetType = UNSET
    suppress: Annotated[list[Suppression], Meta(min_length=1)] | UnsetType = UNSET


class OnlyName(Struct, forbid_unknown_fields=True, kw_only=True):
    """The metadata of a document whose spec says for which environment it is."""

    name: Name


class ApprovalSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A higher limit of one guard, once, until the end of a day (UTC), for the changes of one digest, or any."""

    guard: Literal[Limits.__struct_fields__]  # type: ignore[valid-type] # the settings under ``guards:``
    environment: Name
    up_to: Annotated[float, Meta(gt=0)]
    until: Name
    digest: Annotated[
        str, Meta(pattern=r"^(any|sha256:[0-9a-f]{64})$(?!\n)", description="an operations digest of a plan, or any")
    ]


class AcceptedDriftSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Fields of a resource that may differ from what is declared, until the end of a day (UTC)."""

    address: Name
    fields: Annotated[list[Name], Meta(min_length=1)]
    environment: Name
    reason: Name
    until: Name


def _parts(kind: Kind) -> list[Any]:
    """Return the fields of a manifest of a kind below ``metadata``."""
    parts: list[Any] = [
        ("spec", kind.spec | UnsetType, UNSET),
        ("initial", kind.initial_spec | UnsetType, UNSET),
        ("lifecycle", kind.lifecycle | UnsetType, UNSET),
        ("ensure", Ensure | UnsetType, UNSET),
    ]
    if kind.identity.adoptable:
        parts.append(("adopt", bool | UnsetType, UNSET))
    if kind.deletes.restorable:
        parts.append(("restore", bool | UnsetType, UNSET))
    return parts


class TemplateMetadata(Struct, forbid_unknown_fields=True, kw_only=True):
    """The metadata of each organization of a set; ``name`` is a template."""

    name: Name
    renamed_from: Name | UnsetType = UNSET
    environments: Environments | UnsetType = UNSET


OrganizationTemplate = _strict(
    "OrganizationTemplate",
    ("metadata", TemplateMetadata),
    *_parts(KINDS[ORGANIZATION]),
    doc="An Organization whose strings may hold ``${{ }}`` over ``row``.",
)
Override = _strict("Override", *_parts(KINDS[ORGANIZATION]), doc="What differs for one organization of a set.")


class SetSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """A table, what to make of each row, and exceptions by slug."""

    table: Name
    template: OrganizationTemplate  # type: ignore[valid-type] # made by defstruct
    overrides: dict[str, Override] | UnsetType = UNSET  # type: ignore[valid-type] # as above


def _of_kind(kind: Kind) -> type[Struct]:
    """Return the type of the manifests of a kind."""
    metadata: list[Any] = [("name", kind.key.type), ("environments", Environments | UnsetType, UNSET)]
    if kind.namespace:
        metadata.append(("namespace", Name))
    if kind.identity.renamable:
        metadata.append(("renamed_from", kind.key.type | UnsetType, UNSET))
    own = ("metadata", _strict(f"{kind.name}Metadata", *metadata))
    return _document(kind.name, own, *_parts(kind))


TEMPLATED: Final = frozenset({"OrganizationSet", "MappingRules"})  # expressions in them are over rows and users
JUDGING: Final = ("Policy", "Approval", "AcceptedDrift")  # by which changes are judged: they say what they say
_AT_A_FIELD: Final = 6  # parts of the path to a field of an assignment: spec, rules, 0, assign, 0, roles


def computed_in(kind: str) -> Computed:
    """Return what tells at which paths of a document an expression may stand for a value."""
    special = {"OrganizationSet": _in_a_set, "MappingRules": _in_rules, "RuleTest": nowhere}
    return {**special, **dict.fromkeys(JUDGING, nowhere)}.get(kind, _in_a_manifest)


def _in_a_manifest(path: Path) -> bool:
    """Return whether a path is not about what the document is, where it counts, or a part as a whole."""
    if len(path) <= 1:
        return path in (("ensure",), ("restore",), ("adopt",))
    return path[0] in ("metadata", "spec", "initial", "lifecycle") and path[:2] != ("metadata", "environments")


def _in_a_set(path: Path) -> bool:
    return path[:2] == ("spec", "template") and (path[2:4] == ("metadata", "environments") or _in_a_manifest(path[2:]))


def _in_rules(path: Path) -> bool:
    """Return whether a path is in what rules give, or in conditions, whose expressions the rules check."""
    if path[:2] != ("spec", "rules"):
        return False
    return path[3:] in (("when",), ("each",)) or (path[3:5] == ("table", "join") and path[5:] != ()) or _is_given(path)


def _is_given(path: Path) -> bool:
    return path[3:4] == ("assign",) and len(path) >= _AT_A_FIELD and path[5:] != ("initial",)


OF_OURS: Final = {  # what is no resource in Stytch: the type of its spec, and what it is
    "OrganizationSet": (SetSpec, "Many organizations from the rows of a table."),
    "MappingRules": (RulesSpec, "Rules: which user belongs to which organization."),
    "RuleTest": (RuleTestSpec, "Users, and what the rules must make of them."),
    "ManualStep": (ManualStepSpec, "What no API does: a person must, in Stytch's dashboard."),
    "Policy": (PolicySpec, "What no change may do, or what a reviewer is told of those that do."),
    "Approval": (ApprovalSpec, "What a guard may let through, once."),
    "AcceptedDrift": (AcceptedDriftSpec, "What may differ from what is declared, for a while."),
}
DOCUMENTS: Final = (*KINDS, *OF_OURS)  # the kinds of documents that ``manifests/`` and ``rules/`` may hold


@cache
def document_type(kind: str) -> type[Struct]:
    """Return the type of the documents of a kind, one of ``DOCUMENTS``."""
    if kind in KINDS:
        return _of_kind(KINDS[kind])
    spec, doc = OF_OURS[kind]
    metadata = OnlyName if "environment" in spec.__struct_fields__ else NamedMetadata
    return _document(kind, ("metadata", metadata), ("spec", spec), doc=doc)


SCHEMA_ID: Final = "https://json-schema.org/draft/2020-12/schema"


TEMPLATE: Final = {"type": "string", "pattern": OPEN.replace("$", "\\$").replace("{", "\\{")}


def editor_schema() -> dict[str, Json]:
    """Return one JSON Schema for every file that people write; an editor picks the part by ``kind``."""
    every = {kind: document_type(kind) for kind in DOCUMENTS}
    every["Configuration"] = Configuration
    return {
        "$schema": SCHEMA_ID,
        "title": f"{API_VERSION} documents",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"apiVersion": {"const": API_VERSION}, "kind": {"enum": sorted(every)}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in sorted(every)
        ],
        "$defs": {name: _schema(name, each) for name, each in sorted(every.items())},
    }


def _schema(name: str, document_type: type[Struct]) -> dict[str, Json]:
    schema = json_schema_of(document_type)
    if name in TEMPLATED:
        schema["properties"]["spec"] = _or_template(schema["properties"]["spec"])
    return schema


def _or_template(schema: Json) -> Json:
    """Let every value also be a string that holds an expression."""
    if isinstance(schema, list):
        return [_or_template(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "object" or "anyOf" in schema:
        inside = {key: _or_template(value) for key, value in schema.items() if key in ("items", "anyOf")}
        if isinstance(schema.get("properties"), dict):
            inside["properties"] = {key: _or_template(value) for key, value in schema["properties"].items()}
        return {**schema, **inside}
    if schema.get("type") == "array":
        schema = {**schema, "items": _or_template(schema.get("items", {}))}
    return {"anyOf": [schema, TEMPLATE]} if schema else schema
