"""Names of files and secrets: readable, and unique even where case is ignored."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.export.manifests import file_names, secret_names
from reconciler.schema.secret_names import is_secret_name


def files(*names: str) -> list[str]:
    made = file_names({name: name for name in names})
    return [made[name] for name in names]


def test_a_file_is_called_as_the_thing_is() -> None:
    assert files("acme", "https://acme.example/in?a=b", "Zürich Süd", "a_b@c+d", "v1.2") == [
        "acme",
        "https-acme.example-in-a-b",
        "Zurich-Sud",
        "a_b@c+d",
        "v1.2",
    ]


def test_names_that_a_file_system_may_not_tell_apart_are_judge_copies() -> None:
    assert files("Acme", "acme", "other") == ["Acme-37036cd8", "acme-822b33ad", "other"]


def test_reserved_file_names_are_avoided() -> None:
    assert files("con", "..", ".hidden", "日本", "a" * 300) == [
        "con-1143da2b",
        "5ec1f7e7",
        "hidden",
        "cf2abf0c",
        "a" * 100,
    ]


def test_a_secret_is_called_as_a_variable_may_be() -> None:
    labels = {"a": "Event Log Streaming  DATADOG api_key", "b": "SSO Connection acme Okta client_id"}
    assert secret_names(labels) == {
        "a": "EVENT_LOG_STREAMING_DATADOG_API_KEY",
        "b": "SSO_CONNECTION_ACME_OKTA_CLIENT_ID_SECRET",
    }
    assert len(set(secret_names({"a": "x y", "b": "x-y"}).values())) == 2


ODD = ("a", "A", "a-0b6dd8f6", "5ec1f7e7", "..", "Con", ".")


@given(st.lists(st.text(max_size=12) | st.sampled_from(ODD), unique=True))
def test_names_are_unique(names: list[str]) -> None:
    made = file_names({name: name for name in names}).values()
    assert len({name.casefold() for name in made}) == len(names)
    assert not any(name.startswith(".") or "/" in name for name in made)


@given(st.lists(st.text(max_size=8).map("Kind {}".format), unique=True))
def test_every_secret_can_be_kept(labels: list[str]) -> None:
    made = secret_names({label: label for label in labels}).values()
    assert len(set(made)) == len(labels)
    assert all(map(is_secret_name, made))
