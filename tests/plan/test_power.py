"""What grows power: every field of every kind is decided about, and what narrows it is never called growth."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from reconciler.kinds import KINDS
from reconciler.model import KINDS_OF_POWER, Change, Create, Delete, FieldChange, Update
from reconciler.plan.effects import undone
from reconciler.plan.power import COMES, FIELDS, GOES, HARMLESS, LAPSE, grown
from reconciler.schema.traits import fields_of

SSO, ROLES = "sso_jit_provisioning", "rbac_email_implicit_role_assignments"


def field(path: str, before: Any = UNSET, after: Any = UNSET) -> FieldChange:
    return FieldChange(path=tuple(path.split(".")), before=before, after=after)


def update(kind: str, path: str, before: Any, after: Any) -> Update:
    return Update(kind=kind, name="x", id="x-1", fields=(field(path, before, after),))


def grows(change: Change) -> list[str]:
    return [what for what, _ in grown(change)]


def names(kind: str) -> set[str]:
    """The fields of a kind; of one that is managed key by key and has a type, its keys."""
    found = set()
    for name, each in fields_of(KINDS[kind].spec).items():
        types = getattr(each.hint, "__args__", (each.hint,))
        inner = [one for one in types if hasattr(one, "__struct_fields__") and name in KINDS[kind].merged]
        of_power = any(path.startswith(f"{name}.") for path in FIELDS.get(kind, {}))
        found |= {f"{name}.{key}" for key in inner[0].__struct_fields__} if inner and of_power else {name}
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_every_kind_is_decided_about(kind: str) -> None:
    decided = FIELDS.get(kind, {}).keys() | HARMLESS.get(kind, frozenset())
    assert decided - {KINDS[kind].key.name} == names(kind)
    assert not FIELDS.get(kind, {}).keys() & HARMLESS.get(kind, frozenset())


def test_the_table_names_only_what_there_is() -> None:
    assert FIELDS.keys() | HARMLESS.keys() | COMES.keys() | GOES.keys() | LAPSE <= set(KINDS)
    rows = {row.what for rows in FIELDS.values() for row in rows.values()}
    of_roles = {"admin", "admin_for_many", "role_for_many", "wider_role", "wider_scope"}
    assert rows | of_roles | {*COMES.values(), *GOES.values()} == set(KINDS_OF_POWER)


WIDER = [
    ("Organization", "mfa_policy", "REQUIRED_FOR_ALL", "OPTIONAL", "mfa"),
    ("Organization", "mfa_methods", "RESTRICTED", "ALL_ALLOWED", "mfa"),
    ("Organization", "auth_methods", "RESTRICTED", "ALL_ALLOWED", "sign_in"),
    ("Organization", "allowed_auth_methods", ["sso"], ["sso", "password"], "sign_in"),
    ("Organization", "email_allowed_domains", ["acme.example"], ["acme.example", "globex.example"], "domains"),
    ("Organization", "email_jit_provisioning", "NOT_ALLOWED", "RESTRICTED", "join"),
    ("Organization", SSO, "RESTRICTED", "ALL_ALLOWED", "join"),
    ("Organization", "allowed_oauth_tenants", {"slack": ["T1"]}, {"slack": ["T1"], "github": ["o"]}, "join"),
    ("Organization", "third_party_connected_apps_allowed_type", "NOT_ALLOWED", "ALL_ALLOWED", "client"),
    ("Member", "is_breakglass", False, True, "breakglass"),
    ("Member", "email_address", "ann@acme.example", "eve@acme.example", "address"),
    ("Member", "mfa_enrolled", True, False, "mfa"),
    ("M2MClient", "scopes", ["read:x"], ["read:x", "write:x"], "client"),
    ("M2MClient", "status", "inactive", "active", "client"),
    ("ConnectedApp", "full_access_allowed", False, True, "client"),
    ("ConnectedApp", "access_token_expiry_minutes", 60, 600, "session"),
    ("Environment", "user_impersonation_enabled", False, True, "impersonation"),
    ("Environment", "user_lock_threshold", 5, 50, "protection"),
    ("SDKConfig", "sso.enabled", True, False, "sso_off"),
    ("SDKConfig", "basic.allow_self_onboarding", False, True, "join"),
    ("SDKConfig", "cookies.http_only", "ENFORCED", "DISABLED", "protection"),
    ("PasswordStrengthConfig", "luds_min_password_length", 12, 8, "protection"),
    ("EventLogStreaming", "streaming_status", "ACTIVE", "DISABLED", "records"),
    ("DFPRule", "action", "BLOCK", "ALLOW", "protection"),
    ("Organization", ROLES, [], [{"domain": "acme.example", "role_id": "editor"}], "role_for_many"),
    ("Organization", ROLES, [], [{"domain": "acme.example", "role_id": "stytch_admin"}], "admin_for_many"),
]


@pytest.mark.parametrize(("kind", "path", "narrow", "wide", "what"), WIDER)
def test_what_permits_more_grows_and_what_permits_less_does_not(
    kind: str, path: str, narrow: Any, wide: Any, what: str
) -> None:
    assert grows(update(kind, path, narrow, wide)) == [what]
    if what != "address":
        assert grows(update(kind, path, wide, narrow)) == []


def test_sso_that_is_no_longer_the_default_and_a_connection_that_goes_are_sso_off() -> None:
    assert grows(update("Organization", "sso_default_connection_id", "okta", UNSET)) == ["sso_off"]
    assert grows(update("Organization", "sso_default_connection_id", UNSET, "okta")) == []
    assert grows(update("Organization", "allowed_auth_methods", ["password", "sso"], ["password"])) == ["sso_off"]
    assert grows(update("Organization", "allowed_auth_methods", ["sso"], ["password"])) == ["sign_in", "sso_off"]
    gone = Delete(kind="SSOConnection", namespace="acme", name="okta", fields=(field("issuer", "https://a.example"),))
    assert grows(gone) == ["sso_off"]


def test_a_list_that_takes_the_place_of_everything_narrows() -> None:
    def restricted(methods: list[str]) -> Update:
        fields = (field("auth_methods", "ALL_ALLOWED", "RESTRICTED"), field("allowed_auth_methods", [], methods))
        return Update(kind="Organization", name="acme", id="o-1", fields=fields)

    assert grows(restricted(["sso"])) == []
    assert grows(restricted(["password"])) == ["sso_off"]
    opened = (field("auth_methods", "RESTRICTED", "ALL_ALLOWED"), field("allowed_auth_methods", ["sso"], []))
    assert grows(Update(kind="Organization", name="acme", id="o-1", fields=opened)) == ["sign_in"]


def test_whoever_vouches_for_people_is_another_one() -> None:
    assert grows(update("SSOConnection", "issuer", "https://a.example", "https://b.example")) == ["voucher"]
    keys = update("TrustedTokenProfile", "pem_files", ["old"], ["old", "new"])
    assert grows(keys) == ["voucher"]
    assert grows(update("TrustedTokenProfile", "pem_files", ["old", "new"], ["old"])) == []


def test_a_value_that_is_not_known_is_taken_for_the_narrowest() -> None:
    assert grows(update("Organization", "mfa_policy", UNSET, "OPTIONAL")) == ["mfa"]
    assert grows(update("ConnectedApp", "access_token_expiry_minutes", "odd", 60)) == ["session"]


def test_what_is_new_opens_and_weakens_nothing() -> None:
    fields = (
        *(field("mfa_policy", after="OPTIONAL"), field("auth_methods", after="ALL_ALLOWED")),
        *(field(SSO, after="ALL_ALLOWED"), field("email_allowed_domains", after=["acme.example"])),
    )
    assert grows(Create(kind="Organization", name="acme", fields=fields)) == ["domains"]
    then = Update(kind="Organization", name="acme", fields=(field(SSO, "NOT_ALLOWED", "RESTRICTED"),))
    assert grows(then) == [], "the second half of a create"


@pytest.mark.parametrize("kind", COMES)
def test_what_permits_something_by_being_there(kind: str) -> None:
    assert COMES[kind] in grows(Create(kind=kind, name="x"))
    assert grows(Delete(kind=kind, name="x")) in ([], [GOES.get(kind)])


def test_a_rule_against_fraud_that_goes() -> None:
    assert grows(Delete(kind="DFPRule", name="x", fields=(field("action", "BLOCK"),))) == ["protection"]
    assert grows(Delete(kind="DFPRule", name="x", fields=(field("action", "ALLOW"),))) == []
    assert grows(Create(kind="DFPRule", name="x", fields=(field("action", after="BLOCK"),))) == []
    assert grows(Create(kind="DFPRule", name="x", fields=(field("action", after="ALLOW"),))) == ["protection"]


def test_a_setting_that_is_reset() -> None:
    reset = field("luds_min_password_length", 20, 8)
    assert grows(Delete(kind="PasswordStrengthConfig", name="default", fields=(reset,))) == ["protection"]


def permissions(*actions: str) -> dict[str, Any]:
    return {"role_id": "editor", "scope": "read", "permissions": [{"resource_id": "doc", "actions": [*actions]}]}


@pytest.mark.parametrize(
    ("path", "what"), [("custom_roles.editor", "wider_role"), ("custom_scopes.read", "wider_scope")]
)
def test_a_role_and_a_scope_that_permit_more(path: str, what: str) -> None:
    few, many = permissions("read"), permissions("read", "write")
    assert grows(update("RBACPolicy", path, few, many)) == [what]
    ((_, changed),) = grown(update("RBACPolicy", path, few, many))
    assert changed == field(f"{path}.permissions", ["doc: read"], ["doc: read", "doc: write"])
    assert grows(update("RBACPolicy", path, many, few)) == []
    assert grows(update("RBACPolicy", path, UNSET, many)) == [], "nobody has a role that is new"
    assert grows(update("RBACPolicy", path, many, UNSET)) == []


@pytest.mark.parametrize("path", ["stytch_member", "stytch_member.permissions"])
def test_a_role_of_stytchs_own_that_permits_more(path: str) -> None:
    few, many = permissions("read"), permissions("*")
    before, after = (few, many) if path == "stytch_member" else (few["permissions"], many["permissions"])
    assert [*grown(update("RBACPolicy", path, before, after))] == [
        ("wider_role", field("stytch_member.permissions", ["doc: read"], ["doc: *"]))
    ]


def test_a_new_admin() -> None:
    assert grows(update("Member", "roles", ["editor"], ["editor", "stytch_admin"])) == ["admin"]
    assert grows(update("Member", "roles", ["stytch_admin"], [])) == []
    assert grows(update("Member", "roles", [], ["editor"])) == []


@pytest.mark.parametrize("page", ["commands.md", "json.md"])
def test_every_growth_of_power_is_documented(page: str) -> None:
    text = (Path(__file__).parent.parent.parent / "docs" / page).read_text(encoding="utf-8")
    assert [what for what in KINDS_OF_POWER if f"`{what}`" not in text] == []


def test_what_somebody_did_by_hand_is_the_opposite_of_its_repair() -> None:
    extra = Delete(kind="Member", namespace="acme", name="eve@acme.example", fields=(field("roles", ["stytch_admin"]),))
    assert grows(undone(extra)) == ["admin"]
    assert grows(undone(update("Organization", "mfa_policy", "OPTIONAL", "REQUIRED_FOR_ALL"))) == ["mfa"]
    assert grows(undone(update("Organization", "mfa_policy", "REQUIRED_FOR_ALL", "OPTIONAL"))) == []
    missing = Create(
        kind="SSOConnection", namespace="acme", name="okta", fields=(field("issuer", after="https://a.example"),)
    )
    assert grows(undone(missing)) == ["sso_off"]
    lower = (field("luds_min_password_length", 8, 20),)
    reset = Delete(kind="PasswordStrengthConfig", name="default", id="default", fields=lower)
    assert grows(undone(reset)) == ["protection"]
    assert undone(undone(extra)) == extra
