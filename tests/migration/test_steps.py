"""Manual steps: for settings that are in use, and for settings that no API shows."""

from typing import Any

from reconciler.export.manifests import Manifest
from reconciler.migration.steps import Settings, Step, manual_steps
from reconciler.migration.values import everywhere

ALWAYS = ["custom-domain", "oauth-providers", "webhooks", "applications"]


def setting(kind: str, name: str = "default", **spec: Any) -> Manifest:
    return Manifest(kind=kind, name=name, spec=spec)


def steps(**settings: list[Manifest]) -> dict[str, Step]:
    return {step.name: step for step in manual_steps(Settings(everywhere(settings), list(settings)), "acme-b2b")}


def test_settings_that_no_api_shows_are_always_a_step() -> None:
    assert list(steps(live=[], test=[])) == ALWAYS


def test_the_custom_domain_is_a_step_for_the_environments_that_use_it() -> None:
    found = steps(live=[setting("SDKConfig", cookies={"http_only": "ENABLED"})], test=[setting("SDKConfig")])
    step = found["custom-domain"]
    assert "which HttpOnly cookies need" in step.what
    assert step.environments == ("live",)
    check = {"kind": "SDKConfig", "name": "default", "path": "cookies.http_only", "equals": "ENABLED"}
    assert step.check == check


def test_links_with_a_custom_domain_need_the_step_and_cannot_check_it() -> None:
    step = steps(live=[setting("Environment", use_custom_domain_in_magic_link_emails=True)])["custom-domain"]
    assert "which links in mail need" in step.what
    assert step.check is None


def test_the_custom_domain_is_a_step_although_no_setting_uses_it() -> None:
    step = steps(live=[setting("SDKConfig", cookies={"http_only": "DISABLED"})])["custom-domain"]
    assert "if there is one" in step.what
    assert (step.environments, step.check) == ((), None)


def test_fraud_prevention_is_asked_for_where_it_is_used() -> None:
    for used in (
        setting("DFPRule"),
        setting("VerdictReasonOverride"),
        setting("SDKConfig", dfppa={"enabled": "PASSIVE"}),
    ):
        step = steps(live=[], test=[used])["fraud-prevention"]
        assert (step.environments, step.check) == (("test",), {"kind": "DFPRule"})
    assert "fraud-prevention" not in steps(live=[setting("SDKConfig", dfppa={"enabled": "DISABLED"})])


def test_a_senders_domain_must_be_verified() -> None:
    sender = {"from_domain": "mail.acme.example"}
    prebuilt = setting("EmailTemplate", "a", sender_information=sender, prebuilt_customization={"font_family": "ARIAL"})
    custom = setting("EmailTemplate", "sign-in", sender_information=sender, custom_html_customization={"subject": "s"})
    step = steps(live=[prebuilt, custom])["email-domain"]
    assert step.check == {
        "kind": "EmailTemplate",
        "name": "sign-in",
        "path": "sender_information.from_domain",
        "equals": "mail.acme.example",
    }
    assert "email-domain" not in steps(live=[setting("EmailTemplate", sender_information={"from_name": "Acme"})])


def test_a_prebuilt_template_does_not_show_that_the_domain_is_verified() -> None:
    sender, html = {"from_domain": "mail.acme.example"}, {"subject": "s"}
    prebuilt = setting("EmailTemplate", "a", sender_information=sender, prebuilt_customization={"font_family": "ARIAL"})
    assert steps(live=[prebuilt])["email-domain"].check is None
    one = setting("EmailTemplate", "b", sender_information=sender, custom_html_customization=html)
    another = {"from_domain": "x.example"}
    other = setting("EmailTemplate", "c", sender_information=another, custom_html_customization=html)
    assert steps(live=[one, other])["email-domain"].check is None


def test_connected_apps_need_a_step() -> None:
    assert steps(live=[setting("ConnectedApp", "Calendar")])["connected-apps"].environments == ()
