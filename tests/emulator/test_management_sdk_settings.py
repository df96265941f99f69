"""The vendor's management SDK, over https, drives every operation on the settings of an environment."""

from collections.abc import Callable
from typing import Any

import pytest
from stytch_management import Client
from stytch_management.errors import StytchError
from stytch_management.models import event_log_streaming as streaming
from stytch_management.models import rbacpolicy, sdk

from reconciler.emulator.core.call import Routes
from reconciler.emulator.core.workspace import Vertical
from reconciler.emulator.management import (
    country_codes,
    event_log_streaming,
    jwt_templates,
    password_strength,
    rbac_policy,
    sdk_config,
    trusted_token_profiles,
)
from reconciler.emulator.seed.running import Running
from tests.emulator.settings_tour import KEY

# The SDK uses deprecated parts of pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def where(server: Running, vertical: Vertical = "B2B") -> tuple[str, str]:
    environment = server.app.workspace.environment(vertical)
    return environment.project_slug, environment.slug


def drive_jwt_templates(server: Running, client: Client) -> None:
    here = where(server)
    assert client.jwt_templates.get(*here, jwt_template_type="SESSION").jwt_template.template_content == "{}"
    content = '{"role": {{ member.trusted_metadata.role }} }'
    client.jwt_templates.set(*here, jwt_template_type="SESSION", template_content=content, custom_audience="us")
    found = client.jwt_templates.get(*here, jwt_template_type="SESSION").jwt_template
    assert (found.template_content, found.custom_audience) == (content, "us")


def drive_country_codes(server: Running, client: Client) -> None:
    calls, here = client.country_code_allowlist, where(server, "CONSUMER")
    assert calls.get_allowed_sms_country_codes(*here).country_codes == ["CA", "US"]
    assert calls.set_allowed_sms_country_codes(*here, country_codes=["MX", "ca"]).country_codes == ["CA", "MX"]
    assert calls.set_allowed_whatsapp_country_codes(*here, country_codes=["DE"]).country_codes == ["DE"]
    assert calls.get_allowed_whatsapp_country_codes(*here).country_codes == ["DE"]
    with pytest.raises(StytchError) as refused:
        calls.get_allowed_whatsapp_country_codes(*where(server))
    assert refused.value.error_type == "country_code_allowlist_b2b_whatsapp_not_supported"


def drive_password_strength(server: Running, client: Client) -> None:
    calls: Any = client.password_strength_config
    here = where(server)
    assert calls.get(*here).password_strength_config.validation_policy == "ZXCVBN"
    checks: Any = dict.fromkeys(
        ("check_breach_on_creation", "check_breach_on_authentication", "validate_on_authentication"), False
    )
    luds = {"validation_policy": "LUDS", "luds_min_password_length": 12, "luds_min_password_complexity": 3}
    assert calls.set(*here, **checks, **luds).password_strength_config.luds_min_password_length == 12


def drive_rbac_policy(server: Running, client: Client) -> None:
    calls, here = client.rbac_policy, where(server)
    read = [rbacpolicy.Permission(resource_id="document", actions=["read"])]
    resource = rbacpolicy.Resource(resource_id="document", description="", available_actions=["read"])
    role = rbacpolicy.Role(role_id="reader", description="", permissions=read)
    scope = rbacpolicy.Scope(scope="documents", description="", permissions=read)
    made = calls.set(*here, custom_resources=[resource], custom_roles=[role], custom_scopes=[scope]).policy
    assert (made.custom_resources, made.custom_roles, made.custom_scopes) == ([resource], [role], [scope])
    assert calls.get(*here).policy == made
    assert made.stytch_admin is not None
    assert made.stytch_user is None


def drive_trusted_token_profiles(server: Running, client: Client) -> None:
    calls, here = client.trusted_token_profiles, where(server)
    made = calls.create(
        *here,
        name="Partner",
        audience="us",
        issuer="them",
        pem_files=[KEY],
        can_jit_provision=False,
        public_key_type="PEM",
        attribute_mapping={"email": "sub"},
    ).profile
    assert calls.get_all(*here).profiles == [made]
    assert calls.update(*here, made.profile_id, can_jit_provision=True).profile.can_jit_provision
    added = calls.create_pem_file(*here, made.profile_id, public_key=KEY).pem_file
    assert calls.get_pem_file(*here, made.profile_id, added.pem_file_id).pem_file == added
    calls.delete_pem_file(*here, made.profile_id, added.pem_file_id)
    assert calls.get(*here, made.profile_id).profile.pem_files == made.pem_files
    calls.delete(*here, made.profile_id)
    assert calls.get_all(*here).profiles == []


def drive_event_log_streaming(server: Running, client: Client) -> None:
    calls: Any = client.event_log_streaming
    here = where(server)
    datadog = streaming.DatadogConfig(api_key="0" * 31 + "f", site=streaming.DatadogSite.EU)
    config = streaming.DestinationConfig(datadog=datadog)
    made = calls.create(*here, destination_type="DATADOG", destination_config=config).event_log_streaming_config
    assert (made.destination_config, made.streaming_status) == (config, "DISABLED")
    calls.enable(*here, "DATADOG")
    found = calls.get(*here, "DATADOG").event_log_streaming_config
    assert found.streaming_status == "ACTIVE"
    assert found.destination_config.datadog.api_key_last_four == "000f"
    calls.disable(*here, "DATADOG")
    updated = calls.update(*here, "DATADOG", destination_config=config).event_log_streaming_config
    assert updated == made
    calls.delete(*here, "DATADOG")
    with pytest.raises(StytchError) as refused:
        calls.get(*here, "DATADOG")
    assert refused.value.error_type == "event_log_streaming_not_found"


def drive_sdk_config(server: Running, client: Client) -> None:
    here, there = where(server), where(server, "CONSUMER")
    partial = sdk.B2BConfig(
        sso=sdk.B2BSSOConfig(enabled=True, pkce_required=False)
    )  # The other sections are sent as null.
    made = client.sdk.set_b2_b_config(*here, config=partial).config
    assert made.sso == partial.sso
    assert None not in made.model_dump().values()
    assert client.sdk.get_b2_b_config(*here).config == made
    consumer = client.sdk.get_consumer_config(*there).config
    assert client.sdk.set_consumer_config(*there, config=consumer).config == consumer
    with pytest.raises(StytchError):
        client.sdk.get_consumer_config(*here)


@pytest.mark.parametrize(
    ("drive", "routes"),
    [
        (drive_jwt_templates, jwt_templates.ROUTES),
        (drive_country_codes, country_codes.ROUTES),
        (drive_password_strength, password_strength.ROUTES),
        (drive_rbac_policy, rbac_policy.ROUTES),
        (drive_trusted_token_profiles, trusted_token_profiles.ROUTES),
        (drive_event_log_streaming, event_log_streaming.ROUTES),
        (drive_sdk_config, sdk_config.ROUTES),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_every_operation_is_driven(
    https: Running, management: Client, drive: Callable[[Running, Client], None], routes: Routes
) -> None:
    drive(https, management)
    assert set(https.app.statistics.requests) == {name for _, _, name, _ in routes}
