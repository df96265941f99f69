"""JWT templates: kept exactly as sent, and refused where they are invalid."""

import pytest

from tests.emulator.behaving import behaving
from tests.emulator.conftest import Api
from tests.emulator.settings_tour import below


def put(api: Api, content: str | None, vertical: str = "B2B", type_: str = "SESSION") -> tuple[int, str]:
    body = {} if content is None else {"template_content": content}
    status, answer = api("PUT", f"{below(api, vertical)}/jwt_templates/{type_}", body)
    return status, answer["jwt_template"]["template_content"] if status == 200 else answer["error_type"]


def test_a_new_environment_has_empty_templates(api: Api) -> None:
    for type_ in ("SESSION", "M2M"):
        found = api.ok("GET", f"{below(api, 'B2B')}/jwt_templates/{type_}")["jwt_template"]
        assert found == {"template_content": "{}", "custom_audience": "", "jwt_template_type": type_}
    assert api.refused("GET", f"{below(api, 'B2B')}/jwt_templates/ACCESS") == (404, "jwt_template_not_found")


def test_each_environment_and_type_has_its_own(api: Api) -> None:
    session = f"{below(api, 'B2B')}/jwt_templates/SESSION"
    sent = {"template_content": '{"a": 1}', "custom_audience": "us"}
    assert api.ok("PUT", session, sent)["jwt_template"] == {**sent, "jwt_template_type": "SESSION"}
    assert api.ok("GET", session)["jwt_template"] == {**sent, "jwt_template_type": "SESSION"}
    for other in (session.replace("SESSION", "M2M"), f"{below(api, 'CONSUMER')}/jwt_templates/SESSION"):
        assert api.ok("GET", other)["jwt_template"]["template_content"] == "{}"
    assert api.ok("PUT", session, {"template_content": "{}"})["jwt_template"]["custom_audience"] == ""


@pytest.mark.parametrize(
    ("content", "vertical", "type_"),
    [
        ("{}", "B2B", "SESSION"),
        (' {\n  "role": {{ member.trusted_metadata.role }} }\n', "B2B", "SESSION"),
        ('{"a":{"b":{"c":{{organization.organization_slug}}}}}', "B2B", "SESSION"),
        (
            '{"hello": "Hi {{ member.name }}, of {{ organization.organization_name }}", "n": [1, null]}',
            "B2B",
            "SESSION",
        ),
        ('{"can": {{ member.rbac.my-documents:v2.actions }}, "braces": "}}"}', "B2B", "SESSION"),
        ('{"id": "{{ user.user_id }}"}', "CONSUMER", "SESSION"),
        ('{"tier": {{ client.trusted_metadata.tier }}, "for": {{ request.user_id }}}', "CONSUMER", "M2M"),
    ],
)
def test_a_template_is_kept_exactly_as_sent(api: Api, content: str, vertical: str, type_: str) -> None:
    assert put(api, content, vertical, type_) == (200, content)


@pytest.mark.parametrize(
    ("content", "error_type"),
    [
        (None, "jwt_template_invalid_json"),
        ("", "jwt_template_invalid_json"),
        ("[]", "jwt_template_invalid_json"),
        ('{"a": 1,}', "jwt_template_invalid_json"),
        ('{"a": NaN}', "jwt_template_invalid_json"),
        ('{"a": 1{{ member.name }}}', "jwt_template_invalid_json"),
        ('{"a": {{ member.name }}{{ member.name }}}', "jwt_template_invalid_json"),
        ('{"a": {{{ member.name }}}}', "jwt_template_invalid_json"),
        ("{ {{ member.name }}: 1}", "jwt_template_invalid_json"),
        ("[" * 100_000, "jwt_template_invalid_json"),
        ('{"{{ member.name }}": 1}', "jwt_template_invalid_tag"),
        ('{"a": {{ }}}', "jwt_template_invalid_tag"),
        ('{"a": {{ member }}}', "jwt_template_invalid_tag"),
        ('{"a": {{ #if member.name }}}', "jwt_template_invalid_tag"),
        ('{"a": {{ user.name }}}', "jwt_template_invalid_tag"),
        ('{"a": {{ client.trusted_metadata.tier }}}', "jwt_template_invalid_tag"),
        ('{"a": {{ member.name }', "jwt_template_mismatched_tag"),
        ('{"a": "{{ member.name"}', "jwt_template_mismatched_tag"),
        ('{"sub": "me"}', "reserved_claims_in_custom_claims"),
        ('{"https://stytch.com/session": {}}', "stytch_claims_in_custom_claims"),
        ('{"a": "' + "x" * 4096 + '"}', "custom_claims_too_large"),
    ],
)
def test_an_invalid_template_is_refused(api: Api, content: str | None, error_type: str) -> None:
    assert put(api, content) == (400, error_type)
    assert api.ok("GET", f"{below(api, 'B2B')}/jwt_templates/SESSION")["jwt_template"]["template_content"] == "{}"


def test_it_may_be_that_tags_and_claims_are_not_looked_at() -> None:
    with behaving(jwt_template_tags="any", reserved_claims="accepted") as api:
        assert put(api, '{"sub": {{ user.name }}}')[0] == 200
        assert put(api, '{"sub": {{ user }}}') == (400, "jwt_template_invalid_tag")
