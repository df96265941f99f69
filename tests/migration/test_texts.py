"""What is written of a setting: no defaults, long texts in files, names of secrets."""

from typing import Any

from reconciler.migration.declare import secrets, with_secret_names, without_defaults
from reconciler.migration.unite import in_files
from reconciler.migration.values import Everywhere

LONG = '{\n  "a": 1\n}'


def resources(kind: str, name: str, **specs: dict[str, Any]) -> Everywhere:
    return {(kind, name): specs}


def files_of(**contents: str) -> tuple[Any, Any]:
    specs = {environment: {"template_content": text} for environment, text in contents.items()}
    written, files = in_files({("JWTTemplate", "SESSION"): specs})
    return [spec["template_content"] for spec in written["JWTTemplate", "SESSION"].values()], files


def test_a_long_text_that_is_the_same_everywhere_has_one_file() -> None:
    file = "files/JWTTemplate/SESSION.json"
    assert files_of(live=LONG, test=LONG) == ([{"file": file}] * 2, {file: f"{LONG}\n"})


def test_long_texts_that_differ_have_one_each() -> None:
    names, files = files_of(live=LONG, test="{}")
    assert names == [{"file": "files/JWTTemplate/SESSION.${{ environment }}.json"}] * 2
    assert files == {
        "files/JWTTemplate/SESSION.live.json": f"{LONG}\n",
        "files/JWTTemplate/SESSION.test.json": "{}\n",
    }


def test_where_an_environment_has_no_text_the_others_name_their_own_files() -> None:
    specs = {"live": {"template_content": LONG}, "stage": {"template_content": "{\r\n}"}, "test": {}}
    written, files = in_files({("JWTTemplate", "SESSION"): specs})
    assert written["JWTTemplate", "SESSION"] == {
        "live": {"template_content": {"file": "files/JWTTemplate/SESSION.live.json"}},
        "stage": {"template_content": {"file": "files/JWTTemplate/SESSION.stage.json"}},
        "test": {},
    }
    assert files["files/JWTTemplate/SESSION.stage.json"] == "{\r\n}\n"


def test_a_short_text_stays_where_it_is() -> None:
    assert files_of(live="{}", test="{} ") == (["{}", "{} "], {})


def test_a_value_that_is_the_default_everywhere_is_left_out() -> None:
    changed, default = {"country_codes": ["DE"]}, {"country_codes": ["CA", "US"]}
    assert without_defaults(resources("CountryCodeAllowlist", "sms", live=default, test=default)) == {}
    both = resources("CountryCodeAllowlist", "sms", live=changed, test=default)
    assert without_defaults(both) == both


def test_required_fields_are_always_declared() -> None:
    found = without_defaults(resources("M2MClient", "a", live={"client_name": "", "scopes": []}))
    assert found == resources("M2MClient", "a", live={"scopes": []})


def test_a_secret_is_called_after_what_it_opens() -> None:
    datadog = {"api_key": {"last_four": "cdef"}, "site": "EU"}
    stream = resources("EventLogStreaming", "DATADOG", live={"destination_config": {"datadog": datadog}})
    named = with_secret_names(stream)
    key = {"secret": "DATADOG_API_KEY"}
    assert named["EventLogStreaming", "DATADOG"]["live"] == {
        "destination_config": {"datadog": {"api_key": key, "site": "EU"}}
    }
    (needed,) = secrets(named)
    assert (needed.name, needed.environments) == ("DATADOG_API_KEY", ("live",))
    assert needed.of == "EventLogStreaming/DATADOG: destination_config.datadog.api_key"


def test_an_app_has_a_secret_if_it_is_not_public() -> None:
    private, public = {"client_type": "third_party"}, {"client_type": "third_party_public"}
    (needed,) = secrets(resources("ConnectedApp", "Calendar", live=private, test=public))
    assert (needed.name, needed.environments) == ("CONNECTED_APP_CALENDAR_SECRET", ("live",))


def test_credentials_that_would_share_a_name_get_different_ones() -> None:
    client: dict[str, Any] = {"scopes": []}
    named = with_secret_names({("M2MClient", "a-b"): {"live": client}, ("M2MClient", "a_b"): {"live": client}})
    names = [needed.name for needed in secrets(named)]
    assert len(set(names)) == 2
    assert [specs["live"]["client_secret"] for specs in named.values()] == [{"secret": name} for name in names]
    assert with_secret_names(resources("M2MClient", "a-b", live=client)) == resources("M2MClient", "a-b", live=client)


def test_two_long_texts_of_one_resource_do_not_share_a_file() -> None:
    app = {"access_token_template_content": LONG, "id_token_template_content": f"{LONG} "}
    _, files = in_files(resources("ConnectedApp", "Calendar", live=app, test=app))
    assert files == {
        "files/ConnectedApp/Calendar.access_token_template_content.json": f"{LONG}\n",
        "files/ConnectedApp/Calendar.id_token_template_content.json": f"{LONG} \n",
    }
