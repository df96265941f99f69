"""Exports as Stytch's utility writes them, policies, and made-up users."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.seed.bulk import load_members, load_users, members, place_organization, users
from reconciler.emulator.seed.exports import read_users
from reconciler.emulator.seed.population import CASES, population
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from tests.emulator.conftest import Api

ANN: dict[str, Any] = {
    "user_id": "user-test-1",
    "status": "active",
    "created_at": "2021-01-01T00:00:00Z",
    "name": {"first_name": "Ann", "middle_name": "", "last_name": "Abel"},
    "emails": [{"email_id": "email-1", "email": "Ann@acme.com", "verified": True}],
    "trusted_metadata": {"note": 'a "quoted", text\nof two lines'},
}
BEA: dict[str, Any] = {"user_id": "user-test-2", "status": "pending", "emails": []}


def cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace('"', '""') + '"'


def as_csv() -> str:
    """Return two pages, each with the header."""
    columns = ["user_id", "status", "created_at", "name", "emails", "trusted_metadata"]
    header = ",".join(columns) + "\n"
    rows = [",".join(cell(user[name]) if name in user else "" for name in columns) + "\n" for user in (ANN, BEA)]
    return header + rows[0] + header + rows[1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("users.json", f"[{json.dumps(ANN)},{json.dumps(BEA)}]"),
        ("users.json", f"[,{json.dumps(ANN)},,{json.dumps(BEA, indent=2)},\n]"),
        ("users.jsonl", f"{json.dumps(ANN)}\n\n{json.dumps(BEA)}\n"),
        ("users.csv", as_csv()),
        ("users.csv", "\ufeff" + as_csv()),
    ],
    ids=["array", "stray-commas", "lines", "csv", "csv-bom"],
)
def test_every_form_of_an_export_is_read(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    assert list(read_users(file)) == [ANN, BEA]
    app = make(Options(users=file))
    assert [{name: user[name] for name in given} for user, given in zip(users(app), (ANN, BEA), strict=True)] == [
        ANN,
        BEA,
    ]
    shown = Api(app).ok("GET", "/v1/users/user-test-1")
    assert shown["emails"] == ANN["emails"]
    app.close()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("users.json", '[{"user_id": "1"}, {]', "users.json:1: not JSON"),
        ("users.jsonl", '{"user_id": "1"}\n{', "users.jsonl:2: not JSON"),
        ("users.jsonl", "7\n", "users.jsonl:1: a user must be a JSON object"),
        ("users.jsonl", "{}\n", "a user has no user_id"),
        ("users.jsonl", '{"user_id": "1"}\n{"user_id": "1"}\n', "two rows have the same id"),
        ("users.json", '["x"]', "cannot be read as Stytch users"),
        ("users.csv", 'user_id,emails\n1,"[{""email"": 7}]"\n', "cannot be read as Stytch users"),
    ],
)
def test_an_invalid_export_is_reported(tmp_path: Path, name: str, text: str, told: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(ValueError, match="users") as raised:
        make(Options(users=file))
    assert told in str(raised.value)


def test_a_database_that_is_opened_again_has_its_users(tmp_path: Path) -> None:
    options = Options(database=tmp_path / "stytch.db", synthetic_users=20)
    for _ in range(2):
        app = make(options)
        assert len(users(app)) == 20
        app.close()


@pytest.mark.parametrize(
    "document",
    [
        {"roles": [{"role_id": "editor"}], "resources": [{"resource_id": "doc", "actions": ["read"]}]},
        {"policy": {"roles": [{"role_id": "editor"}], "resources": [{"resource_id": "doc", "actions": ["read"]}]}},
        {
            "custom_roles": [{"role_id": "editor", "description": "", "permissions": []}],
            "custom_resources": [{"resource_id": "doc", "available_actions": ["read"]}],
            "stytch_admin": {"permissions": []},
        },
    ],
    ids=["data", "answer", "management"],
)
def test_a_policy_is_read_in_each_form(tmp_path: Path, document: Any) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(document))
    app = make(Options(rbac_policy=file))
    api = Api(app)
    policy = api.ok("GET", "/v1/b2b/rbac/policy")["policy"]
    assert {role["role_id"] for role in policy["roles"]} == {"stytch_member", "stytch_admin", "editor"}
    assert {"resource_id": "doc", "description": "", "actions": ["read"]} in policy["resources"]
    api.organization()
    assert [role["role_id"] for role in api.member(roles=["editor"])["roles"]] == ["stytch_member", "editor"]
    app.close()


@pytest.mark.parametrize("text", ["[]", "{roles: 7}", "{roles: [{}]}", "{stytch_admin: 7}", "{"])
def test_an_invalid_policy_is_reported(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"policy\.yaml"):
        make(Options(rbac_policy=file))


def test_a_population_is_the_same_for_a_seed() -> None:
    assert list(population(50, 1)) == list(population(50, 1))
    assert list(population(50, 1)) == list(population(60, 1))[:50]
    assert list(population(50, 1)) != list(population(50, 2))


def test_a_population_has_the_awkward_cases(api: Api) -> None:
    made = list(population(1_000, 3, domains=["acme.com", "other.com"]))
    assert load_users(api.app, api.app.workspace.environment("CONSUMER"), made) == 1_000
    assert len({user["user_id"] for user in made}) == 1_000
    seen = Counter(
        case
        for user in made
        for case, holds in {
            "several": len(user["emails"]) > 2,
            "phone only": bool(user["phone_numbers"]) and not user["emails"],
            "unverified": any(not email["verified"] for email in user["emails"]),
            "other case": len({email["email"].lower() for email in user["emails"]}) < len(user["emails"]),
            "passkey": bool(user["webauthn_registrations"]),
            "totp": bool(user["totps"]),
            "oauth": bool(user["providers"]),
            "wallet": bool(user["crypto_wallets"]),
            "pending": user["status"] == "pending",
            "password": user["password"] is not None,
            "nameless": not user["name"]["first_name"],
        }.items()
        if holds
    )
    assert len(seen) == 11
    assert len(CASES) == 12
    found = api.search("users", limit=1000)
    assert [user["user_id"] for user in found] == [user["user_id"] for user in made]


def test_members_are_loaded_at_once(api: Api) -> None:
    organization = place_organization(api.app, {"organization_slug": "acme"})["organization_id"]
    rows = [
        {
            "organization_id": organization,
            "member_id": f"member-{number}",
            "email_address": f"M{number}@acme.com",
            "external_id": str(number),
            "roles": ["stytch_admin"] if number == 7 else [],
        }
        for number in range(25)
    ]
    assert load_members(api.app, api.app.workspace.environment("B2B"), rows) == 25
    assert len(api.search("members")) == 25
    one = api.ok("GET", "/v1/b2b/organizations/acme/member", query={"member_id": "7"})["member"]
    assert one["is_admin"]
    assert one == members(api.app)[7]
    again = {"email_address": "m7@acme.com"}
    assert api.refused("POST", "/v1/b2b/organizations/acme/members", again) == (400, "duplicate_member_email")


def test_a_lagging_index_sees_a_load_at_once() -> None:
    app = make(Options(behaviour=["search_lag_requests=100"], synthetic_users=5))
    assert len(Api(app).search("users")) == 5
    app.close()


def test_options_that_cannot_be_are_named() -> None:
    with pytest.raises(ValueError, match="--behaviour gravity=off: there is no switch 'gravity'"):
        make(Options(behaviour=["gravity=off"]))
    for setting, told in (
        ("total=seven", "must be one of exact, unknown"),
        ("lower_emails=perhaps", "must be true or false"),
        ("search_lag_ms=-1", "must be a whole number"),
    ):
        with pytest.raises(ValueError, match=told):
            make(Options(behaviour=[setting]))


def test_a_database_belongs_to_one_emulator(tmp_path: Path) -> None:
    file = tmp_path / "stytch.db"
    app = make(Options(database=file))
    with pytest.raises(ValueError, match="database is locked"):
        make(Options(database=file))
    app.close()
    file.write_text("This is no database, however long it is read." * 100)
    with pytest.raises(ValueError, match="file is not a database"):
        make(Options(database=file))
    with pytest.raises(ValueError, match="unable to open"):
        make(Options(database=tmp_path / "nowhere" / "stytch.db"))


def test_options_set_the_behaviour() -> None:
    settings = ["lower_emails=false", "created_status=201", "search_lag_ms=5", "search_order=random"]
    app = make(Options(behaviour=settings))
    behaviour = app.behaviour
    assert (behaviour.lower_emails, behaviour.created_status) == (False, 201)
    assert (behaviour.search_lag_ms, behaviour.search_order) == (5, "random")
    app.close()


def test_two_apps_share_nothing() -> None:
    first, second = App(), App()
    Api(first).organization()
    assert Api(second).search("organizations") == []
    assert first.workspace.environment("B2B") != second.workspace.environment("B2B")
    first.close()
    second.close()
