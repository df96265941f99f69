"""``reconciler.yaml``: careful defaults, environments, and what the command line says instead."""

from pathlib import Path

import pytest

from reconciler.clients.credentials import Credentials, Rates
from reconciler.config.read import Config, RowsSource, UsersSource, load_config
from reconciler.config.schema import Limits, MembersPolicy, Target
from reconciler.diff.ownership import Owner
from reconciler.errors import InvalidInput, Unreadable
from reconciler.sources.rows import read_tables
from reconciler.sources.users import read_users
from tests.repositories import write

HEAD = "apiVersion: reconciler/v1\nkind: Configuration\n"


def config(root: Path, text: str, environment: str | None = None, **given: object) -> Config:
    write(root, {"reconciler.yaml": HEAD + text})
    return load_config(root, environment, **given)  # type: ignore[arg-type] # each test gives what it is about


def refusal(root: Path, text: str, environment: str | None = None, **given: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as raised:
        config(root, text, environment, **given)
    return [(problem.message, problem.hint) for problem in raised.value.problems]


def test_everything_but_an_environments_name_has_a_careful_default(tmp_path: Path) -> None:
    found = config(tmp_path, "environments: {test: }\n")
    assert found.environment == "test"
    assert found.owner == Owner("")
    assert found.target == Target(type="test", project_id=None, project=None, environment=None)
    assert found.users is None
    assert found.unmatched == "report"
    assert found.tables == {}
    assert found.kinds is None
    assert found.authority_of("Organization") == found.authority_of("Member") == "additive"
    assert found.members == MembersPolicy(
        roles="ours", adopt=False, external_id="user.user_id", removed="report", email_address="report"
    )
    assert found.rates == Rates(requests_per_second=65, searches_per_minute=100, share=0.5)
    assert found.guards == Limits(
        max_deletes=500,
        max_delete_percent=5,
        max_organization_deletes=0,
        max_update_percent=30,
        max_new_admins=5,
        max_missing_users_percent=20,
        max_shrink_percent=20,
        max_problems=50,
    )
    assert found.vars == {}


def test_everything_can_be_said(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        """\
name: acme-identity
formerly: reconciler
environments:
  production:
    target: {type: live, project_id: project-live-1, project: acme-b2b, environment: production}
    users: {file: ../users.jsonl, rows: 3}
    unmatched: error
    tables: {a: a.csv, b: {file: b.json, rows: 2}}
    kinds: [Organization]
    authority: {Member: authoritative}
    members: {roles: exact, adopt: true, external_id: null, removed: restore, email_address: managed}
    guards: {max_deletes: 1, max_delete_percent: 2.5}
    rates: {requests_per_second: 10, share: 1}
    vars: {partners: [Globex], roles: {owner: stytch_admin}}
""",
    )
    assert found.owner == Owner("acme-identity", formerly="reconciler")
    assert found.target == Target(
        type="live", project_id="project-live-1", project="acme-b2b", environment="production"
    )
    assert found.users == UsersSource(tmp_path / "../users.jsonl", "../users.jsonl", 3)
    assert found.tables == {
        "a": RowsSource(tmp_path / "a.csv", "a.csv"),
        "b": RowsSource(tmp_path / "b.json", "b.json", 2),
    }
    assert found.kinds == frozenset({"Organization"})
    assert (found.authority_of("Organization"), found.authority_of("Member")) == ("additive", "authoritative")
    assert found.members == MembersPolicy(
        roles="exact", adopt=True, external_id=None, removed="restore", email_address="managed"
    )
    assert (found.guards.max_deletes, found.guards.max_delete_percent, found.guards.max_problems) == (1, 2.5, 50)
    assert found.rates.writes_per_second == 10
    assert found.vars == {"partners": ["Globex"], "roles": {"owner": "stytch_admin"}}
    assert str(found.at("users", "rows")) == "reconciler.yaml:8:41"


def test_users_may_be_those_of_the_live_consumer_project(tmp_path: Path) -> None:
    assert config(tmp_path, "environments: {test: {users: {consumer: live}}}\n").users == UsersSource(None)


def test_the_environment_is_chosen_by_name_unless_there_is_one(tmp_path: Path) -> None:
    two = "environments: {staging: , live: }\n"
    assert config(tmp_path, two, "live").environment == "live"
    assert config(tmp_path, two, "live").environments == ("staging", "live")
    assert refusal(tmp_path, two) == [
        ("reconciler.yaml has several environments: staging, live", "choose one: --environment NAME")
    ]
    assert refusal(tmp_path, two, "stagin") == [("reconciler.yaml has no environment stagin", "did you mean staging?")]


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    text = "environments: {test: {users: {consumer: live}, tables: {a: a.csv, b: {file: b.csv, rows: 3}}}}\n"
    found = config(tmp_path, text, users="u.jsonl", tables=["a=other.csv", "b=/data/b.csv"])
    assert found.users == UsersSource(tmp_path / "u.jsonl", "u.jsonl")
    assert found.tables == {
        "a": RowsSource(tmp_path / "other.csv", "other.csv"),
        "b": RowsSource(Path("/data/b.csv"), "/data/b.csv", 3),
    }


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (["tenants"], "--table tenants is not NAME=FILE"),
        (["tenants="], "--table tenants= is not NAME=FILE"),
        (["=t.csv"], "--table =t.csv is not NAME=FILE"),
        (["tenats=t.csv"], "--table names tenats, which is not a table of environment test"),
        (["tenants=t.csv", "tenants=u.csv"], "--table gives tenants twice"),
    ],
)
def test_a_table_of_the_command_line_is_one_that_is_configured(tables: list[str], message: str, tmp_path: Path) -> None:
    text = "environments: {test: {tables: {tenants: t.csv}}}\n"
    assert [said for said, _hint in refusal(tmp_path, text, tables=tables)] == [message]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("environments: {test: {target: {project_id: }}}\n", "project_id"),
        ("environments: {test: {target: {type: live, project: null, environment: production}}}\n", "project"),
        ("environments: {test: {users: }}\n", "users"),
        ("environments: {test: {kinds: }}\n", "kinds"),
        ("environments: {test: {owns_project: }}\n", "owns_project"),
        ("environments: {test: {credentials: }}\n", "credentials"),
        ("environments: {test: , live: {target: {project_id: }}}\n", "project_id"),
    ],
)
def test_a_setting_that_is_left_empty_is_an_error(text: str, key: str, tmp_path: Path) -> None:
    told = [message for message, _hint in refusal(tmp_path, text, "test")]
    assert f"{key} is empty and has no effect" in told


def test_a_null_that_says_something_may_stand(tmp_path: Path) -> None:
    text = "environments: {test: {members: {external_id: null}, vars: {a: null, b: {c: null}}}, live: }\n"
    assert config(tmp_path, text, "test").vars == {"a": None, "b": {"c": None}}


def test_a_variable_may_look_like_an_expression_and_is_none(tmp_path: Path) -> None:
    found = config(tmp_path, 'environments: {test: {vars: {a: "${{ b }}", "${{ c }}": [1]}}}\n')
    assert found.vars == {"a": "${{ b }}", "${{ c }}": [1]}
    (told,) = refusal(tmp_path, 'environments: {test: {users: {file: "${{ vars.a }}"}}}\n')
    assert told[0].startswith("no expression is computed in environments.test.users.file")


def test_an_environment_of_no_project_is_an_error(tmp_path: Path) -> None:
    assert refusal(tmp_path, "environments: {test: {target: {environment: staging}}}\n") == [
        ("target names an environment but no project", "add project: SLUG")
    ]


def test_a_folder_without_configuration_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"there is no reconciler\.yaml here"):
        load_config(tmp_path)


def test_a_configuration_from_outside_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "outside", {})
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/reconciler.yaml").symlink_to("../outside/reconciler.yaml")
    with pytest.raises(InvalidInput, match="leads out of the repository"):
        load_config(tmp_path / "inside")


def test_there_is_one_configuration(tmp_path: Path) -> None:
    text = "environments: {test: }\n---\n" + HEAD + "environments: {live: }\n"
    assert refusal(tmp_path, text) == [("reconciler.yaml holds 2 documents; expected one, of kind Configuration", "")]
    write(tmp_path, {"reconciler.yaml": ""})
    with pytest.raises(InvalidInput, match="holds 0 documents"):
        load_config(tmp_path)


def test_credentials_come_from_the_environment_and_are_never_shown() -> None:
    found = Credentials.from_environment(
        {
            "STYTCH_PROJECT_ID": "project-test-1",
            "STYTCH_SECRET": "s3cret",
            "STYTCH_WORKSPACE_KEY_SECRET": "w-s3cret\n",
            "STYTCH_CONSUMER_SECRET": "c-s3cret",
            "STYTCH_API_URL": "http://127.0.0.1:1/",
            "OTHER": "x",
        }
    )
    assert (found.project_id, found.secret, found.workspace_key_secret) == ("project-test-1", "s3cret", "w-s3cret")
    for shown in (repr(found), str(found), f"{found}", str(found.__rich_repr__())):
        assert "s3cret" not in shown
        assert "project-test-1" in shown


def test_our_own_folder_is_no_link_and_holds_none(tmp_path: Path) -> None:
    text = "environments: {test: }\n"
    write(tmp_path / "outside", {"journal-test-1.jsonl": ""})
    root = tmp_path / "repository"
    config(root, text)
    (root / ".reconciler").symlink_to(tmp_path / "outside")
    assert refusal(root, text) == [(".reconciler is a symbolic link, which is not followed", "remove it")]
    (root / ".reconciler").unlink()
    (root / ".reconciler").mkdir()
    (root / ".reconciler/journal-test-1.jsonl").symlink_to(tmp_path / "outside/journal-test-1.jsonl")
    (told,) = refusal(root, text)
    assert told[0] == ".reconciler/journal-test-1.jsonl is a symbolic link, which is not followed"


def test_a_file_of_the_repository_leads_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    write(root, {"here.csv": "a\n1\n"})
    (root / "link.csv").symlink_to(write(tmp_path / "outside", {"t.csv": "a\n1\n"}) / "t.csv")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "inside.csv").symlink_to("here.csv")
    tables = "{a: link.csv, b: inside.csv, c: ../outside/t.csv}"
    text = f"environments: {{test: {{users: {{file: folder/u.jsonl}}, tables: {tables}}}}}"
    assert [message for message, _hint in refusal(root, text + "\n")] == [
        "link.csv leads out of the repository by a symbolic link",
        "folder/u.jsonl leads out of the repository by a symbolic link",
    ]
    (tmp_path / "named").symlink_to(root)
    assert config(tmp_path / "named", "environments: {test: {tables: {b: inside.csv}}}\n").tables


def test_a_name_that_no_file_can_have_is_an_error(tmp_path: Path) -> None:
    (told,) = refusal(tmp_path, 'environments: {test: {credentials: {file: "a\\0b"}}}\n')
    assert told[0] == "'a\\x00b' cannot be the name of a file"
    found = config(tmp_path, 'environments: {test: {tables: {a: "a\\0b"}, users: {file: "a\\0b"}}}\n')
    _tables, (unreadable,) = read_tables(found.tables)
    assert "cannot be read" in unreadable.message
    assert found.users
    with pytest.raises(Unreadable, match="cannot be read"):
        read_users(found.users, frozenset())


def test_a_configuration_of_almost_the_name_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "reconciler.yml").write_text(HEAD + "environments: {test: }\n")
    with pytest.raises(InvalidInput, match=r"there is no reconciler\.yaml here, but reconciler\.yml"):
        load_config(tmp_path)
    assert refusal(tmp_path, "environments: {test: }\n") == [("reconciler.yml is not read", "remove it")]


def test_an_environment_has_a_name(tmp_path: Path) -> None:
    assert refusal(tmp_path, "environments: {' ': }\n") == [("this environment has no name", "name it")]
