"""E-mail templates and the project's defaults among them."""

from typing import Any

import pytest

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.server.app import App
from tests.emulator.conftest import Api

TEMPLATES, DEFAULTS = (f"/pwa/v3/projects/b2b/{each}" for each in ("email_templates", "default_email_templates"))
LOOKS = {
    "button_border_radius": 3.5,
    "button_color": "#105EE9",
    "button_text_color": "#ffffff",
    "font_family": "GEORGIA",
    "text_alignment": "CENTER",
}
SENDER = {
    "from_local_part": "noreply",
    "from_domain": "mail.acme.com",
    "from_name": "Acme",
    "reply_to_local_part": "support",
    "reply_to_name": "Support",
}
HTML = {
    "template_type": "LOGIN",
    "html_content": "<a href='{{magic_link_url}}'>Sign in</a>",
    "plaintext_content": "Sign in: {{magic_link_url}}",
    "subject": "Sign in",
}
PREBUILT = {"template_id": "looks", "name": "Looks", "prebuilt_customization": LOOKS}
CUSTOM = {"template_id": "own", "name": "Own", "sender_information": SENDER, "custom_html_customization": HTML}


def with_behaviour(**settings: Any) -> Api:
    return Api(App(behaviour=Behaviour(**settings)))


def changed(template: dict[str, Any], part: str, **fields: Any) -> dict[str, Any]:
    return {**template, part: {**template[part], **fields}}


@pytest.mark.parametrize("template", [PREBUILT, {**PREBUILT, "sender_information": SENDER}, CUSTOM])
def test_a_template_comes_back_as_it_was_sent(api: Api, template: dict[str, Any]) -> None:
    other = {"custom_html_customization", "prebuilt_customization", "sender_information"} - template.keys()
    assert api.ok("POST", TEMPLATES, {**template, **dict.fromkeys(other)})["email_template"] == template
    assert api.ok("GET", f"{TEMPLATES}/{template['template_id']}")["email_template"] == template
    assert api.ok("GET", TEMPLATES)["email_templates"] == [template]
    assert api.ok("GET", TEMPLATES.replace("b2b", "consumer"))["email_templates"] == []
    assert api.refused("POST", TEMPLATES, template) == (400, "duplicate_email_template_vanity_id")
    api.ok("DELETE", f"{TEMPLATES}/{template['template_id']}")
    assert api.ok("GET", TEMPLATES)["email_templates"] == []


def test_fields_that_the_sdk_leaves_unset_come_as_null(api: Api) -> None:
    sent = {
        **PREBUILT,
        "sender_information": {**dict.fromkeys(SENDER), "from_name": "Acme"},
        "prebuilt_customization": {**dict.fromkeys(LOOKS), "font_family": "ARIAL"},
    }
    answered = api.ok("POST", TEMPLATES, sent)["email_template"]
    assert answered["sender_information"] == {"from_name": "Acme"}
    assert answered["prebuilt_customization"] == {"font_family": "ARIAL"}


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ({**PREBUILT, "template_id": ""}, "invalid_template_id"),
        ({**PREBUILT, "template_id": None}, "invalid_template_id"),
        ({**PREBUILT, "name": 7}, "invalid_argument"),
        ({**PREBUILT, "prebuilt_customization": None}, "invalid_argument"),
        ({**CUSTOM, "prebuilt_customization": LOOKS}, "invalid_argument"),
        ({**CUSTOM, "sender_information": None}, "invalid_argument"),
        (changed(CUSTOM, "sender_information", from_local_part="a b"), "invalid_from_local_part"),
        (changed(CUSTOM, "sender_information", reply_to_local_part="a@b"), "invalid_reply_to_local_part"),
        (changed(CUSTOM, "custom_html_customization", template_type="PREBUILT"), "invalid_argument"),
        (changed(CUSTOM, "custom_html_customization", template_type=None), "invalid_argument"),
        (changed(CUSTOM, "custom_html_customization", html_content="{{otp_code}}"), "invalid_email_html"),
        (changed(CUSTOM, "custom_html_customization", html_content=None), "invalid_email_html"),
        (changed(CUSTOM, "custom_html_customization", plaintext_content=7), "invalid_email_plaintext"),
        (changed(CUSTOM, "custom_html_customization", subject=""), "invalid_email_subject"),
        (changed(PREBUILT, "prebuilt_customization", button_color="red"), "invalid_email_template_parameters"),
        (changed(PREBUILT, "prebuilt_customization", button_border_radius=-1), "invalid_email_template_parameters"),
        (changed(PREBUILT, "prebuilt_customization", button_border_radius=True), "invalid_email_template_parameters"),
        (changed(PREBUILT, "prebuilt_customization", font_family="COMIC_SANS"), "invalid_email_template_parameters"),
        (changed(PREBUILT, "prebuilt_customization", text_alignment="RIGHT"), "invalid_email_template_parameters"),
    ],
)
def test_templates_that_cannot_be(api: Api, template: dict[str, Any], error: str) -> None:
    assert api.refused("POST", TEMPLATES, template) == (400, error)


@pytest.mark.parametrize(
    ("type_", "placeholder"),
    [
        *((each, "magic_link_url") for each in ("LOGIN", "SIGNUP", "INVITE")),
        *((each, "otp_code") for each in ("ONE_TIME_PASSCODE", "ONE_TIME_PASSCODE_SIGNUP")),
        *((each, "reset_password_url") for each in ("RESET_PASSWORD", "VERIFY_EMAIL_PASSWORD_RESET")),
    ],
)
def test_each_type_needs_its_placeholder(api: Api, type_: str, placeholder: str) -> None:
    html = {"template_type": type_, "html_content": f"{{{{{placeholder}}}}}"}
    api.ok("POST", TEMPLATES, changed(CUSTOM, "custom_html_customization", **html))
    wrong = changed(CUSTOM, "custom_html_customization", **{**html, "html_content": "none"})
    assert api.refused("PUT", f"{TEMPLATES}/own", wrong) == (400, "invalid_email_html")


def test_a_put_is_the_whole_template(api: Api) -> None:
    api.ok("POST", TEMPLATES, {**PREBUILT, "sender_information": SENDER})
    body = {"name": "New", "prebuilt_customization": {"font_family": "ARIAL"}}
    answered = api.ok("PUT", f"{TEMPLATES}/looks", {**body, "template_id": "other"})["email_template"]
    assert answered == {"template_id": "looks", **body}
    assert api.refused("PUT", f"{TEMPLATES}/looks", {"name": "New"}) == (400, "invalid_argument")
    assert api.refused("PUT", f"{TEMPLATES}/looks", CUSTOM) == (400, "invalid_argument")
    assert api.refused("PUT", f"{TEMPLATES}/nowhere", body) == (404, "email_template_not_found")


def test_a_put_may_leave_what_it_does_not_name() -> None:
    api = with_behaviour(template_put="merges", template_switch="accepted")
    api.ok("POST", TEMPLATES, {**PREBUILT, "sender_information": SENDER})
    renamed = api.ok("PUT", f"{TEMPLATES}/looks", {"name": "New"})["email_template"]
    assert renamed == {**PREBUILT, "name": "New", "sender_information": SENDER}
    switched = api.ok("PUT", f"{TEMPLATES}/looks", {"custom_html_customization": HTML})["email_template"]
    assert switched == {**CUSTOM, "template_id": "looks", "name": "New"}
    api.app.close()


def test_a_sender_is_kept_and_one_whose_domain_is_not_verified_is_dropped_without_a_word(api: Api) -> None:
    sent = {**PREBUILT, "sender_information": SENDER}
    assert api.ok("POST", TEMPLATES, sent)["email_template"] == sent
    other = with_behaviour(email_domain_verified=False)
    assert other.ok("POST", TEMPLATES, sent)["email_template"] == PREBUILT
    nowhere = {"from_local_part": "noreply", "from_name": "No Reply"}
    kept = other.ok("PUT", f"{TEMPLATES}/looks", {**PREBUILT, "sender_information": nowhere})["email_template"]
    assert kept["sender_information"] == nowhere
    other.app.close()


def test_what_is_unset_may_come_as_null() -> None:
    api = with_behaviour(unset_fields="null")
    nulls = {"sender_information": None, "custom_html_customization": None}
    assert api.ok("POST", TEMPLATES, PREBUILT)["email_template"] == {**PREBUILT, **nulls}
    assert api.refused("PUT", f"{TEMPLATES}/looks", CUSTOM) == (400, "invalid_argument")
    api.ok("POST", f"{DEFAULTS}/PREBUILT", {"template_id": "looks"})
    api.app.close()


def test_custom_html_needs_a_domain_of_ones_own() -> None:
    api = with_behaviour(email_domain_verified=False)
    assert api.refused("POST", TEMPLATES, CUSTOM) == (400, "required_custom_email_domain")
    api.ok("POST", TEMPLATES, PREBUILT)
    api.app.close()


def test_there_are_a_hundred_templates_at_most(api: Api) -> None:
    for number in range(100):
        api.ok("POST", TEMPLATES, {**PREBUILT, "template_id": str(number)})
    assert api.refused("POST", TEMPLATES, PREBUILT) == (400, "too_many_email_templates")


def test_a_default_is_set_replaced_and_unset(api: Api) -> None:
    login = f"{DEFAULTS}/LOGIN"
    assert api.refused("GET", login) == (404, "email_template_not_found")
    api.ok("DELETE", login)
    assert api.refused("POST", login, {"template_id": "own"}) == (404, "email_template_not_found")
    assert api.refused("POST", login, {}) == (400, "invalid_template_id")
    api.ok("POST", TEMPLATES, CUSTOM)
    api.ok("POST", TEMPLATES, {**CUSTOM, "template_id": "another"})
    api.ok("POST", login, {"template_id": "own"})
    assert api.ok("GET", login)["template_id"] == "own"
    assert api.refused("DELETE", f"{TEMPLATES}/own") == (400, "cannot_delete_default_email_template")
    api.ok("POST", login, {"template_id": "another"})
    api.ok("DELETE", f"{TEMPLATES}/own")
    assert api.ok("GET", login)["template_id"] == "another"
    api.ok("DELETE", login)
    assert api.refused("GET", login) == (404, "email_template_not_found")
    for method in ("GET", "POST", "DELETE"):
        assert api.refused(method, f"{DEFAULTS}/LOGOUT", {"template_id": "x"}) == (400, "invalid_argument")


def test_the_default_of_prebuilt_templates_can_only_be_replaced(api: Api) -> None:
    prebuilt = f"{DEFAULTS}/PREBUILT"
    assert api.refused("DELETE", prebuilt) == (400, "invalid_argument")
    api.ok("POST", TEMPLATES, PREBUILT)
    api.ok("POST", TEMPLATES, {**PREBUILT, "template_id": "new"})
    for template_id in ("looks", "new"):
        api.ok("POST", prebuilt, {"template_id": template_id})
    assert api.refused("DELETE", prebuilt) == (400, "invalid_argument")
    api.ok("DELETE", f"{TEMPLATES}/looks")


def test_a_default_is_made_for_its_type_or_not() -> None:
    for setting, statuses in (("matching", (400, 200)), ("any", (200, 200))):
        api = with_behaviour(default_template_type=setting)
        api.ok("POST", TEMPLATES, PREBUILT)
        asked = [api("POST", f"{DEFAULTS}/{each}", {"template_id": "looks"})[0] for each in ("SIGNUP", "PREBUILT")]
        assert tuple(asked) == statuses
        api.app.close()
