"""Kinds that hardly change: what is copied, what is set to a new value, and the remarks about it."""

from typing import Any

from reconciler.migration.translate import REGISTRATION_CLAIMS, translate_environment, translate_resources
from reconciler.migration.values import Source, Translated
from reconciler.model import Live


def live(kind: str, name: str, **spec: Any) -> Live:
    return Live(kind=kind, name=name, id=f"id of {name}", spec=spec)


def of(*lives: Live) -> Translated:
    resources: dict[str, list[Live]] = {}
    for each in lives:
        resources.setdefault(each.kind, []).append(each)
    return translate_resources(resources)


def source(**fields: Any) -> Source:
    return Source(
        project_id="project-live-1",
        slug="production",
        name="live",
        type="LIVE",
        fields={"name": "P", **fields},
        resources={},
    )


def test_a_kind_that_is_the_same_in_both_is_copied() -> None:
    found = of(live("DFPRule", "asn/1", action="BLOCK"), live("M2MClient", "a", scopes=[]))
    assert [(each.kind, each.name, each.spec) for each in found.settings] == [
        ("DFPRule", "asn/1", {"action": "BLOCK"}),
        ("M2MClient", "a", {"scopes": []}),
    ]
    assert (found.losses, found.changes) == ((), ())


def test_countries_for_sms_are_kept_and_those_for_whatsapp_lost_if_anybody_chose_them() -> None:
    sms, default = live("CountryCodeAllowlist", "sms", country_codes=["DE"]), ["CA", "US"]
    found = of(sms, live("CountryCodeAllowlist", "whatsapp", country_codes=["DE"]))
    assert [each.name for each in found.settings] == ["sms"]
    assert [each.at for each in found.losses] == ["CountryCodeAllowlist/whatsapp: country_codes"]
    assert of(sms, live("CountryCodeAllowlist", "whatsapp", country_codes=default)).losses == ()


def test_public_tokens_are_named_where_there_are_several() -> None:
    assert of(live("PublicToken", "a")) == Translated()
    found = of(live("PublicToken", "a"), live("PublicToken", "b"))
    assert found.settings == ()
    assert [each.at for each in found.changes] == ["PublicToken/a: value", "PublicToken/b: value"]


def test_claims_of_sessions_are_members_and_those_of_m2m_are_copied() -> None:
    content = '{"a": {{ user.status }}, "b": {{ client.status }}}'
    found = of(
        live("JWTTemplate", "M2M", template_content=content, custom_audience="x"),
        live("JWTTemplate", "SESSION", template_content=content, custom_audience="y"),
    )
    m2m, session = (each.spec for each in found.settings)
    assert m2m == {"template_content": content, "custom_audience": "x"}
    rewritten = '{"a": {{ member.status }}, "b": {{ client.status }}}'
    assert session == {"template_content": rewritten, "custom_audience": "y"}


def test_an_environments_settings_are_kept_and_passwords_are_for_all_organizations() -> None:
    (setting,) = translate_environment(source(user_lock_ttl=60, cross_org_passwords_enabled=False)).settings
    assert (setting.kind, setting.name) == ("Environment", "production")
    assert setting.spec == {"name": "P", "type": "LIVE", "user_lock_ttl": 60, "cross_org_passwords_enabled": True}


def test_what_an_environment_calls_in_the_application_is_said_where_it_is_set() -> None:
    urls = {"zero_downtime_session_migration_url": "https://a", "idp_authorization_url": "https://b"}
    assert len(translate_environment(source(**urls)).changes) == 3
    assert len(translate_environment(source(**dict.fromkeys(urls, ""))).changes) == 1


def test_claims_of_clients_that_register_themselves_are_those_of_members() -> None:
    template = '{"a": {{ user.totps }}, "b": {{ user.external_id }}}'
    found = translate_environment(source(**{REGISTRATION_CLAIMS: template}))
    assert found.settings[0].spec[REGISTRATION_CLAIMS] == '{"a": null, "b": {{ member.external_id }}}'
    assert [each.at for each in found.losses] == [
        f"Environment/production: {REGISTRATION_CLAIMS}: {{{{ user.totps }}}}"
    ]
