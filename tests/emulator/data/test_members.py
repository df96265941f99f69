"""Members: addresses, roles, the soft delete, and their other fields."""

from typing import Any

import pytest

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.rbac import set_policy
from reconciler.emulator.seed.bulk import place_member
from reconciler.emulator.server.app import App
from tests.emulator.conftest import Api

ROOT = "/v1/b2b/organizations"
ACME = f"{ROOT}/acme"
MEMBERS = f"{ACME}/members"


@pytest.fixture
def acme(api: Api) -> Any:
    return api.organization()


def path(member: dict[str, Any]) -> str:
    return f"{MEMBERS}/{member['member_id']}"


def by_email(api: Api, address: str) -> tuple[int, Any]:
    return api("GET", f"{ACME}/member", query={"email_address": address})


def placed(api: Api, acme: Any, **fields: Any) -> Any:
    return place_member(
        api.app, {"organization_id": acme["organization_id"], "email_address": "ann@acme.com", **fields}
    )


def test_a_new_member_is_active_and_has_the_implicit_role(api: Api, acme: Any) -> None:
    answer = api.ok("POST", MEMBERS, {"email_address": "Ann@Acme.com", "name": "Ann"})
    member = answer["member"]
    assert answer["member_id"] == member["member_id"]
    assert answer["organization"] == acme
    assert member["status"] == "active"
    assert member["email_address"] == "ann@acme.com"
    assert not member["email_address_verified"]
    assert [role["role_id"] for role in member["roles"]] == ["stytch_member"]
    assert member["trusted_metadata"] == member["untrusted_metadata"] == {}


@pytest.mark.usefixtures("acme")
def test_a_member_may_be_pending(api: Api) -> None:
    assert api.member(create_member_as_pending=True)["status"] == "pending"


@pytest.mark.usefixtures("acme")
def test_one_member_for_each_address_in_an_organization(api: Api) -> None:
    api.member()
    again = {"email_address": "ANN@acme.com"}
    assert api.refused("POST", MEMBERS, again) == (400, "duplicate_member_email")
    api.organization("other")
    assert api.member(organization="other")["email_address"] == "ann@acme.com"


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("fields", "error_type"),
    [
        ({"email_address": "ann"}, "invalid_email"),
        ({"email_address": None}, "invalid_email"),
        ({"email_address": 7}, "invalid_email"),
        ({"email_address": f"{'a' * 260}@acme.com"}, "invalid_email"),
        ({"external_id": "a b"}, "bad_request"),
        ({"name": 7}, "bad_request"),
        ({"mfa_phone_number": "5551234"}, "invalid_phone_number"),
        ({"roles": ["king"]}, "invalid_role"),
        ({"roles": ["stytch_member"]}, "cannot_assign_default_rbac_role_id"),
        ({"roles": "stytch_admin"}, "bad_request"),
        ({"trusted_metadata": 1}, "metadata_invalid_format"),
        ({"untrusted_metadata": {"a": "x" * 5000}}, "metadata_too_large"),
        ({"mfa_enrolled": "yes"}, "invalid_set_mfa_enrollment"),
    ],
)
def test_what_is_not_allowed_is_refused(api: Api, fields: dict[str, Any], error_type: str) -> None:
    assert api.refused("POST", MEMBERS, {"email_address": "ann@acme.com", **fields}) == (400, error_type)
    assert api.search("members") == []


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize("name", ["unlink_email", "preserve_existing_sessions"])
def test_what_only_an_update_knows_is_true_or_false(api: Api, name: str) -> None:
    one = path(api.member())
    assert api.refused("PUT", one, {name: "yes"}) == (400, "bad_request")
    api.ok("PUT", one, {name: True})


@pytest.mark.usefixtures("acme")
def test_roles_are_sent_as_ids_and_answered_with_their_sources(api: Api, app: App) -> None:
    policy = {"roles": [{"role_id": "editor", "description": "", "permissions": []}]}
    set_policy(app.store, app.workspace.environment("B2B"), policy)
    member = api.member(roles=["editor", "stytch_admin", "editor"])
    direct = [{"type": "direct_assignment", "details": {}}]
    assert member["roles"] == [
        {"role_id": role, "sources": direct} for role in ("stytch_member", "editor", "stytch_admin")
    ]
    assert member["is_admin"]
    after = api.ok("PUT", path(member), {"roles": ["editor"]})["member"]
    assert [role["role_id"] for role in after["roles"]] == ["stytch_member", "editor"]
    assert not after["is_admin"]
    assert api.ok("PUT", path(member), {"name": "Ann"})["member"]["roles"] == after["roles"]
    assert [role["role_id"] for role in api.ok("PUT", path(member), {"roles": []})["member"]["roles"]] == [
        "stytch_member"
    ]


def test_roles_from_elsewhere_survive_an_update(api: Api, acme: Any) -> None:
    scim = {"role_id": "stytch_admin", "sources": [{"type": "scim_connection_group", "details": {"group_id": "g"}}]}
    member = placed(api, acme, roles=[scim])
    after = api.ok("PUT", path(member), {"roles": []})["member"]
    assert scim in after["roles"]


@pytest.mark.usefixtures("acme")
def test_a_deleted_member_is_hidden_but_kept(api: Api) -> None:
    member = api.member(external_id="7")
    assert api.ok("DELETE", path(member)) | {"request_id": ""} == {
        "member_id": member["member_id"],
        "status_code": 200,
        "request_id": "",
    }
    assert api.refused("DELETE", path(member)) == (404, "member_not_found")
    assert by_email(api, "ann@acme.com")[0] == 404
    query = {"member_id": member["member_id"]}
    assert api.refused("GET", f"{ACME}/member", query=query) == (404, "member_not_found")
    assert api.search("members") == []
    assert [each["member_id"] for each in api.search("members", ("statuses", ["deleted"]))] == [member["member_id"]]
    assert api.search("members", ("statuses", ["active"])) == []
    one = f"{ROOT}/members/dangerously_get/{member['member_id']}"
    assert api.refused("GET", one) == (404, "member_not_found")
    shown = api.ok("GET", one, query={"include_deleted": "true"})["member"]
    assert shown["status"] == "deleted"
    assert api.refused("PUT", path(member), {"name": "x"}) == (400, "action_available_only_for_active_members")
    again = api.member(external_id="7")
    assert again["member_id"] != member["member_id"]
    assert by_email(api, "ann@acme.com")[1]["member_id"] == again["member_id"]


def test_reactivation(api: Api, acme: Any) -> None:
    unverified = api.member("bea@acme.com")
    assert api.refused("PUT", f"{path(unverified)}/reactivate", {})[1] == "no_deleted_member_found_for_reactivation"
    api.ok("DELETE", path(unverified))
    assert api.refused("PUT", f"{path(unverified)}/reactivate", {})[1] == "email_unverified_for_reactivation"
    member = placed(api, acme, email_address_verified=True, external_id="7")
    api.ok("DELETE", path(member))
    assert api.refused("PUT", f"{MEMBERS}/7/reactivate", {}) == (404, "member_not_found")
    other = api.member()
    assert api.refused("PUT", f"{path(member)}/reactivate", {})[1] == "reactivation_email_belongs_to_another_member"
    api.ok("DELETE", path(other))
    assert api.ok("PUT", f"{path(member)}/reactivate", {})["member"]["status"] == "active"
    assert by_email(api, "ann@acme.com")[1]["member_id"] == member["member_id"]


def test_another_address_clears_the_password_and_retires_the_old_one(api: Api, acme: Any) -> None:
    member = placed(api, acme, email_address_verified=True, member_password_id="member-password-1")
    same = api.ok("PUT", path(member), {"email_address": "ANN@acme.com"})["member"]
    assert same["member_password_id"] == "member-password-1"
    after = api.ok("PUT", path(member), {"email_address": "Ann@new.com"})["member"]
    assert after["email_address"] == "ann@new.com"
    assert after["member_password_id"] == ""
    assert not after["email_address_verified"]
    assert [each["email_address"] for each in after["retired_email_addresses"]] == ["ann@acme.com"]
    taken = {"email_address": "ann@acme.com"}
    assert api.refused("POST", MEMBERS, taken) == (400, "retired_member_email")
    unlink = f"{path(member)}/unlink_retired_email"
    assert api.refused("POST", unlink, {"email_address": "x@acme.com"}) == (404, "email_not_found")
    email_id = after["retired_email_addresses"][0]["email_id"]
    unlinked = api.ok("POST", unlink, {"email_id": email_id})
    assert unlinked["organization_id"] == acme["organization_id"]
    assert unlinked["member"]["retired_email_addresses"] == []
    other = api.member()
    assert api.refused("PUT", path(member), taken) == (400, "duplicate_member_email")
    api.ok("PUT", path(other), {"email_address": "cem@acme.com", "unlink_email": True})
    back = api.ok("PUT", path(member), taken)["member"]
    assert back["email_address"] == "ann@acme.com"


@pytest.mark.usefixtures("acme")
def test_only_active_members_change_their_address(api: Api) -> None:
    member = api.member(create_member_as_pending=True)
    change = {"email_address": "b@acme.com"}
    assert api.refused("PUT", path(member), change) == (400, "email_updates_available_only_for_active_members")
    assert api.ok("PUT", path(member), {"name": "Ann"})["member"]["status"] == "pending"


@pytest.mark.usefixtures("acme")
def test_external_ids_are_unique_in_the_organization_and_serve_as_ids(api: Api) -> None:
    member = api.member(external_id="user|7")
    assert api.ok("PUT", f"{MEMBERS}/user%7C7", {"name": "Ann"})["member_id"] == member["member_id"]
    assert api.ok("GET", f"{ACME}/member", query={"member_id": "user|7"})["member_id"] == member["member_id"]
    second = {"email_address": "b@acme.com", "external_id": "user|7"}
    assert api.refused("POST", MEMBERS, second) == (400, "duplicate_member_external_id")
    api.organization("other")
    api.member("b@acme.com", "other", external_id="user|7")
    api.ok("PUT", path(member), {"external_id": "user|7"})
    assert "external_id" not in api.ok("DELETE", f"{path(member)}/external_id")["member"]
    assert api.refused("PUT", f"{MEMBERS}/user%7C7", {}) == (404, "member_not_found")


@pytest.mark.usefixtures("acme")
def test_a_member_is_of_its_organization_only(api: Api) -> None:
    member = api.member()
    api.organization("other")
    elsewhere = f"{ROOT}/other/members/{member['member_id']}"
    assert api.refused("PUT", elsewhere, {}) == (404, "member_not_found")
    assert api.refused("DELETE", elsewhere) == (404, "member_not_found")
    assert api.refused("PUT", f"{ROOT}/nowhere/members/x", {}) == (404, "organization_not_found")


@pytest.mark.usefixtures("acme")
def test_a_get_names_one_key(api: Api) -> None:
    for query in ({}, {"member_id": "a", "email_address": "b@c.de"}):
        assert api.refused("GET", f"{ACME}/member", query=query) == (400, "invalid_member_get_fields")


@pytest.mark.usefixtures("acme")
def test_the_mfa_phone_number_is_deleted_before_it_is_set_anew(api: Api) -> None:
    member = api.member(mfa_phone_number="+14155550100", mfa_enrolled=True)
    other = {"mfa_phone_number": "+14155550101"}
    assert api.refused("PUT", path(member), other) == (400, "duplicate_member_phone_number_for_member")
    api.ok("PUT", path(member), {"mfa_phone_number": "+14155550100", "default_mfa_method": "sms_otp"})
    without = api.ok("DELETE", f"{MEMBERS}/mfa_phone_numbers/{member['member_id']}")["member"]
    assert (without["mfa_phone_number"], without["default_mfa_method"], without["mfa_enrolled"]) == ("", "", True)
    assert api.ok("PUT", path(member), other)["member"]["mfa_phone_number"] == "+14155550101"


@pytest.mark.usefixtures("acme")
def test_the_default_mfa_method_needs_its_factor(api: Api) -> None:
    member = api.member()
    for method, error in (("totp", "default_mfa_member_missing_factor"), ("fax", "invalid_mfa_default_method")):
        assert api.refused("PUT", path(member), {"default_mfa_method": method}) == (400, error)
    both = {"default_mfa_method": "sms_otp", "mfa_phone_number": "+14155550100"}
    assert api.ok("PUT", path(member), both)["member"]["default_mfa_method"] == "sms_otp"


def test_passwords_and_totp_are_deleted(api: Api, acme: Any) -> None:
    member = placed(api, acme, member_password_id="p-1", totp_registration_id="t-1", default_mfa_method="totp")
    assert api.ok("DELETE", f"{MEMBERS}/passwords/p-1")["member"]["member_password_id"] == ""
    assert api.refused("DELETE", f"{MEMBERS}/passwords/p-1") == (404, "password_not_found")
    without = api.ok("DELETE", f"{path(member)}/totp")["member"]
    assert (without["totp_registration_id"], without["default_mfa_method"]) == ("", "")


def test_a_claimed_domain_is_closed_to_other_organizations() -> None:
    app = App(behaviour=Behaviour(claimed_domains=True))
    api = Api(app)
    api.organization(claimed_email_domains=["Acme.com"])
    api.organization("other")
    api.member()
    refused = api.refused("POST", f"{ROOT}/other/members", {"email_address": "bea@acme.com"})
    app.close()
    assert refused == (400, "action_not_allowed_email_domain_is_claimed")


def set_up(behaviour: Behaviour) -> tuple[Api, Any]:
    api = Api(App(behaviour=behaviour))
    api.organization()
    return api, api.member(
        "Ann@acme.com", external_id="7", name="Ann", mfa_phone_number="+14155550100", mfa_enrolled=True
    )


def test_addresses_may_keep_their_case() -> None:
    api, member = set_up(Behaviour(lower_emails=False))
    assert member["email_address"] == "Ann@acme.com"
    assert by_email(api, "ann@ACME.com")[0] == 200
    api.app.close()


def test_an_empty_name_clears_or_is_ignored() -> None:
    for setting, name in (("clears", ""), ("ignored", "Ann")):
        api, member = set_up(Behaviour(empty_string=setting))  # type: ignore[arg-type] # the two values of the switch
        assert api.ok("PUT", path(member), {"name": ""})["member"]["name"] == name
        api.app.close()


def test_deleting_twice_and_the_external_id_of_a_deleted_member() -> None:
    api, member = set_up(Behaviour(second_delete="accepted", deleted_frees_external_id=False, get_shows_deleted=True))
    api.ok("DELETE", path(member))
    api.ok("DELETE", path(member))
    again = {"email_address": "ann@acme.com", "external_id": "7"}
    assert api.refused("POST", MEMBERS, again) == (400, "duplicate_member_external_id")
    shown = api.ok("GET", f"{ACME}/member", query={"member_id": member["member_id"]})
    assert shown["member"]["status"] == "deleted"
    api.app.close()


def test_mfa_where_it_is_required() -> None:
    api, member = set_up(Behaviour(mfa_unenrol_refused=True, mfa_phone_delete_unenrols=True))
    api.ok("PUT", ACME, {"mfa_policy": "REQUIRED_FOR_ALL"})
    assert api.refused("PUT", path(member), {"mfa_enrolled": False}) == (400, "invalid_set_mfa_enrollment")
    without = api.ok("DELETE", f"{MEMBERS}/mfa_phone_numbers/{member['member_id']}")["member"]
    assert not without["mfa_enrolled"]
    api.app.close()


def test_invites_may_bind_creates() -> None:
    api, _ = set_up(Behaviour(invites_bind_create=True))
    api.ok("PUT", ACME, {"email_invites": "RESTRICTED", "email_allowed_domains": ["acme.com"]})
    api.member("bea@acme.com")
    other = {"email_address": "cem@other.com"}
    assert api.refused("POST", MEMBERS, other) == (400, "invalid_email_for_invites")
    api.app.close()


def test_unset_fields_and_empty_metadata() -> None:
    api, member = set_up(Behaviour(unset_fields="null", empty_metadata="absent"))
    assert member["scim_registration"] is None
    assert "trusted_metadata" not in member
    assert api.ok("PUT", path(member), {"trusted_metadata": {"a": 1}})["member"]["trusted_metadata"] == {"a": 1}
    api.app.close()


@pytest.mark.usefixtures("acme")
def test_an_email_update_that_starts_changes_nothing(api: Api) -> None:
    ann = api.member()
    api.member("bea@acme.com")
    start = f"{path(ann)}/start_email_update"
    assert api.ok("POST", start, {"email_address": "ann@new.com"})["member"] == ann
    assert api.ok("GET", f"{MEMBERS[:-1]}", query={"member_id": ann["member_id"]})["member"] == ann
    for address, error in (
        ("ann", "invalid_email"),
        (None, "invalid_email"),
        ("bea@acme.com", "duplicate_member_email"),
    ):
        assert api.refused("POST", start, {"email_address": address}) == (400, error)
    pending = api.member("cem@acme.com", create_member_as_pending=True)
    refused = api.refused("POST", f"{path(pending)}/start_email_update", {"email_address": "cem@new.com"})
    assert refused == (400, "email_updates_available_only_for_active_members")
