"""Fields that Stytch may accept without applying them: each is a switch."""

from tests.emulator.behaving import behaving

ACME = "/v1/b2b/organizations/acme"


def test_blanks_around_a_name_may_be_cut_off() -> None:
    with behaving(trims_names=True) as api:
        assert api.organization(organization_name=" Acme ")["organization_name"] == "Acme"
        member = api.member(name="Ann ", trusted_metadata={"name": " kept "})
        assert (member["name"], member["trusted_metadata"]) == ("Ann", {"name": " kept "})


def test_false_may_be_taken_for_a_flag_that_nobody_set() -> None:
    with behaving(false_flag="ignored") as api:
        api.organization()
        member = f"{ACME}/members/{api.member(is_breakglass=True)['member_id']}"
        assert api.ok("PUT", member, {"is_breakglass": False})["member"]["is_breakglass"]


def test_what_an_update_cannot_do_without_is_taken_though_empty() -> None:
    with behaving(empty_list="ignored") as api:
        id_ = api.organization()["organization_id"]
        path = f"/v1/b2b/rbac/organizations/{id_}"
        assert api.ok("PUT", path, {"org_policy": {}})["org_policy"] == {"roles": []}
