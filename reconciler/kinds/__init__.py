"""The kinds of resources in Stytch that can be declared: one file each, all of them in ``KINDS``.

In come declared and live specs to check and compare, and planned changes; out go what is live, and the requests that
make a change. Nothing here decides what is changed, and no kind knows another.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from reconciler.kinds import (
    connected_app,
    country_code_allowlist,
    default_email_template,
    dfp_rule,
    email_template,
    environment,
    event_log_streaming,
    jwt_template,
    m2m_client,
    member,
    organization,
    password_strength_config,
    project,
    public_token,
    rbac_policy,
    redirect_url,
    scim_connection,
    sdk_config,
    secret,
    sso_connection,
    trusted_token_profile,
    verdict_reason_override,
)
from reconciler.schema.kind import Kind

# In the order in which they are written where nothing else says what comes first.
REGISTERED: Final = (
    project.KIND,
    environment.KIND,
    secret.KIND,
    redirect_url.KIND,
    jwt_template.KIND,
    country_code_allowlist.KIND,
    password_strength_config.KIND,
    public_token.KIND,
    sdk_config.KIND,
    rbac_policy.KIND,
    trusted_token_profile.KIND,
    event_log_streaming.KIND,
    email_template.KIND,
    default_email_template.KIND,
    m2m_client.KIND,
    connected_app.KIND,
    dfp_rule.KIND,
    verdict_reason_override.KIND,
    organization.KIND,
    sso_connection.KIND,
    scim_connection.KIND,
    member.KIND,
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in REGISTERED})
