"""What is derived from a kind's spec: traits, normal form, messages, the editors' schema; and the kinds themselves."""

import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import UNSET, Struct, UnsetType

import reconciler.kinds
from reconciler.kinds import KINDS, member, organization
from reconciler.load.schemas import editor_schema
from reconciler.model import Position
from reconciler.schema.kind import ignorable, normalize_by_traits
from reconciler.schema.traits import (
    Clearable,
    CreateValue,
    Field,
    InParts,
    Keyed,
    Merged,
    Unordered,
    completed,
    fields_of,
)
from reconciler.schema.validate import is_valid, validation_errors
from reconciler.suggest import show, suggest_allowed

ROOT = Path(__file__).parent.parent.parent


class Spec(Struct, forbid_unknown_fields=True, kw_only=True):
    name: str | UnsetType = UNSET
    tags: Annotated[list[str] | UnsetType, Unordered()] = UNSET
    colour: Annotated[str | UnsetType | None, Clearable("an empty string", sends=""), CreateValue("red")] = UNSET


def test_a_field_is_declared_once() -> None:
    fields = fields_of(Spec)
    assert list(fields) == ["name", "tags", "colour"]
    assert fields["name"] == Field("name", str | UnsetType, ())
    assert fields["tags"].trait(Unordered) == Unordered()
    assert fields["tags"].trait(Merged) is None
    assert fields["colour"].trait(CreateValue) == CreateValue("red")


def test_what_a_kind_says_of_its_fields() -> None:
    kind = KINDS["Organization"]
    assert kind.merged == {"trusted_metadata"}
    assert kind.create_values == {"sso_jit_provisioning": "ALL_ALLOWED", "email_invites": "ALL_ALLOWED"}
    assert kind.cleared == {"organization_logo_url": ""}
    assert kind.update_only == {"sso_default_connection_id", "sso_jit_provisioning_allowed_connections"}
    assert KINDS["Member"].merged == {"trusted_metadata", "untrusted_metadata"}
    assert KINDS["Member"].notes["status"][0] == "status is set by Stytch and cannot be declared"


class Item(Struct, forbid_unknown_fields=True, kw_only=True):
    id: str
    note: str = ""
    flag: bool = False


class Part(Struct, forbid_unknown_fields=True, kw_only=True):
    items: list[Item] | UnsetType = UNSET
    other: str | UnsetType = UNSET


class Whole(Struct, forbid_unknown_fields=True, kw_only=True):
    keyed: Annotated[list[Item] | UnsetType, Keyed("id")] = UNSET
    merged: Annotated[Part | UnsetType, Merged()] = UNSET
    parts: Annotated[Part | UnsetType | None, InParts()] = UNSET
    plain: Part | UnsetType = UNSET


ITEMS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from("abc")}, optional={"note": st.sampled_from(["", "x"]), "flag": st.booleans()}
    ),
    unique_by=lambda item: item["id"],
)
PARTS = st.fixed_dictionaries({}, optional={"items": ITEMS, "other": st.sampled_from(["", "y"])})
WHOLES = st.fixed_dictionaries({}, optional={"keyed": ITEMS, "merged": PARTS, "parts": PARTS, "plain": PARTS})


@given(spec=WHOLES, live=WHOLES)
def test_what_is_left_out_of_an_item_is_as_it_is_live(spec: dict[str, Any], live: dict[str, Any]) -> None:
    live = completed(Whole, live)
    found = completed(Whole, spec, live)
    assert found.keys() == spec.keys()
    assert completed(Whole, found, live) == found
    there = {item["id"]: item for item in live.get("keyed", ())}
    for said, item in zip(spec.get("keyed", ()), found.get("keyed", ()), strict=True):
        assert item == {"note": "", "flag": False, **there.get(said["id"], {}), **said}
    if "parts" in spec:
        assert found["parts"].keys() == spec["parts"].keys() | live.get("parts", {}).keys()
    for name in ("merged", "plain"):
        assert found.get(name, {}).keys() == spec.get(name, {}).keys()


def test_every_file_of_kinds_is_registered() -> None:
    folder = Path(str(reconciler.kinds.__file__)).parent
    modules = {path.stem.replace("_", "") for path in folder.glob("[!_]*.py")}
    assert modules == {name.lower() for name in KINDS}


@pytest.mark.parametrize("name", ["Organization", "Member"])
def test_every_field_is_documented(name: str) -> None:
    documentation = (ROOT / "docs/manifests.md").read_text(encoding="utf-8")
    fields = fields_of(KINDS[name].initial_spec)
    assert [field for field in fields if f"`{field}`" not in documentation] == []


@pytest.mark.openapi
@pytest.mark.parametrize(
    ("spec", "requests"),
    [
        (
            organization.OrganizationSpec,
            ["api_organization_v1_CreateRequest", "api_organization_v1_UpdateRequest"],
        ),
        (
            member.MemberInitial,
            [
                "api_organization_v1_organizations_members_CreateRequest",
                "api_organization_v1_organizations_members_UpdateRequest",
            ],
        ),
    ],
)
def test_every_field_that_the_vendor_lets_us_write_can_be_declared(spec: type[Struct], requests: list[str]) -> None:
    api = yaml.load(
        (Path(os.environ["STYTCH_RECONCILER_OPENAPI"]) / "api.yml").read_bytes(),
        Loader=yaml.CSafeLoader,  # a safe loader, in C
    )
    writable = set().union(*(api["components"]["schemas"][name]["properties"] for name in requests))
    not_fields = {"organization_id", "member_id", "organization_slug", "email_address"}  # ids and keys
    of_the_request = {"preserve_existing_sessions", "unlink_email"}  # how to update, not what a member is
    assert set(fields_of(spec)) == writable - not_fields - of_the_request


ORGANIZATIONS = st.fixed_dictionaries(
    {},
    optional={
        "email_allowed_domains": st.lists(st.sampled_from(["Acme.example", "acme.EXAMPLE", "müller.example", "b.c"])),
        "allowed_auth_methods": st.lists(st.sampled_from(["sso", "password", "magic_link"])),
        "allowed_oauth_tenants": st.fixed_dictionaries({}, optional={"slack": st.lists(st.sampled_from("ab"))}),
        "rbac_email_implicit_role_assignments": st.lists(
            st.fixed_dictionaries(
                {"domain": st.sampled_from(["A.example", "a.example"]), "role_id": st.sampled_from("xy")}
            )
        ),
        "trusted_metadata": st.dictionaries(st.text(max_size=3), st.lists(st.integers(), max_size=2), max_size=2),
    },
)


@given(spec=ORGANIZATIONS, random=st.randoms(use_true_random=False))
def test_the_normal_form_does_not_depend_on_order_and_is_its_own(spec: dict[str, Any], random: Any) -> None:
    normal = KINDS["Organization"].normalize(spec)
    assert KINDS["Organization"].normalize(normal) == normal
    shuffled = {
        key: random.sample(value, len(value)) if isinstance(value, list) else value for key, value in spec.items()
    }
    assert KINDS["Organization"].normalize(shuffled) == normal
    assert normal.get("trusted_metadata") == spec.get("trusted_metadata")


def test_the_normal_form() -> None:
    assert KINDS["Organization"].normalize(
        {
            "email_allowed_domains": ["b.example", "Müller.example", "B.EXAMPLE"],
            "rbac_email_implicit_role_assignments": [
                {"domain": "B.example", "role_id": "y"},
                {"domain": "b.example", "role_id": "x"},
            ],
            "allowed_auth_methods": None,
            "not_a_field": ["b", "a"],
        }
    ) == {
        "email_allowed_domains": ["b.example", "xn--mller-kva.example"],
        "rbac_email_implicit_role_assignments": [
            {"domain": "b.example", "role_id": "x"},
            {"domain": "b.example", "role_id": "y"},
        ],
        "allowed_auth_methods": None,
        "not_a_field": ["b", "a"],
    }
    assert normalize_by_traits(Spec, {"tags": ["b", "a", "b"]}) == {"tags": ["a", "b"]}


def problems_of(value: Any, shape: type[Struct], *, templates: bool = False) -> list[tuple[str, str]]:
    def place(*path: str) -> Position:
        return Position(".".join(path), 1)

    computed = (lambda _path: True) if templates else None
    found = validation_errors(value, shape, place, computed=computed)
    return [(problem.at[0].file, problem.message) for problem in found]


def test_a_value_of_the_right_shape_has_no_problems() -> None:
    right: dict[str, Any] = {"name": "x", "tags": [], "colour": None}
    assert is_valid(right, Spec)
    assert problems_of(right, Spec) == []


def test_every_mistake_is_found_at_once() -> None:
    assert sorted(problems_of({"name": 1, "tags": ["a", 2], "colour": [], "size": 1}, Spec)) == [
        ("colour", "colour is a list; expected a string or null"),
        ("name", "name is the number 1; expected a string"),
        ("size", "unknown key size"),
        ("tags.1", "tags[1] is the number 2; expected a string"),
    ]


def test_expressions_may_stand_for_any_value_where_they_are_allowed() -> None:
    templated = {"tags": "${{ split(row.tags, ';') }}", "name": "x", "colour": ["${{ a }}"]}
    assert not is_valid(templated, Spec)
    assert [path for path, _message in problems_of(templated, Spec, templates=True)] == ["colour"]
    del templated["colour"]
    assert problems_of(templated, Spec, templates=True) == []


class Odd(Struct, forbid_unknown_fields=True):
    """msgspec refuses keys that JSON Schema as msgspec writes it lets through."""

    sizes: dict[Annotated[int, msgspec.Meta(ge=10)], str]


def test_nothing_that_the_type_forbids_passes_because_json_schema_cannot_say_it() -> None:
    assert problems_of({"sizes": {"x": "y"}}, Odd)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("organisation_name", "did you mean organization_name?"),
        ("Organization-Name", "did you mean organization_name?"),
        ("org", "did you mean organization_name?"),
        ("zzz", "expected one of mfa_policy, organization_name"),
    ],
)
def test_near_misses(word: str, hint: str) -> None:
    assert suggest_allowed(word, ["organization_name", "mfa_policy"]) == hint


def test_values_are_shown_short() -> None:
    assert show("a\nb") == '"a\\nb"'
    assert show(None) == "null"
    assert show({"a": 1}) == "a map"
    assert len(show("x" * 1000)) == 60


@pytest.mark.parametrize(
    ("kind", "path", "may"),
    [
        ("Organization", "spec.mfa_policy", True),
        ("Organization", "spec.trusted_metadata.tier", True),
        ("Organization", "spec.mfa_policy.x", False),
        ("Organization", "spec.roles", False),
        ("Organization", "metadata.name", False),
        ("Organization", "spec", False),
        ("Member", "spec.untrusted_metadata.a", True),
    ],
)
def test_what_lifecycle_ignore_may_name(kind: str, path: str, may: bool) -> None:  # noqa: FBT001 # a case's answer
    assert ignorable(KINDS[kind], tuple(path.split("."))) is may


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("Member", "Ann@Bücher.example ", "ann@xn--bcher-kva.example", True),
        ("Member", "\u212aim@acme.example", "kim@acme.example", False),
        ("Organization", "Acme", "acme", True),
        ("Organization", "\u212a8s", "k8s", False),
        ("RedirectURL", "https://a.example/A", "https://a.example/a", False),
    ],
)
def test_when_two_names_are_the_same(kind: str, one: str, other: str, same: bool) -> None:  # noqa: FBT001 # an answer
    assert (KINDS[kind].identity.canonical_name(one) == KINDS[kind].identity.canonical_name(other)) is same


def test_the_schema_for_editors_accepts_the_worked_example_and_not_a_mistake() -> None:
    schema = editor_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    files = [ROOT / "reconciler.yaml", *sorted(ROOT.glob("manifests/*.yaml")), *sorted(ROOT.glob("rules/*.yaml"))]
    documents = [
        document
        for file in files
        for document in yaml.load_all(file.read_bytes(), Loader=yaml.CSafeLoader)  # a safe loader, in C
    ]
    assert {"Organization", "Member", "OrganizationSet", "MappingRules", "Configuration"} <= {
        document["kind"] for document in documents
    }
    for document in documents:
        assert list(validator.iter_errors(document)) == []
        assert list(validator.iter_errors({**document, "oops": 1}))
