"""Environments: their settings, and one that only B2B has and that cannot be changed once it is in use."""

from typing import Final

from reconciler.migration.translate.claims import for_members, remarks
from reconciler.migration.values import Reason, Remark, Setting, Source, Translated

TEMPLATE: Final = "idp_dynamic_client_registration_access_token_template_content"
PASSWORDS: Final = "cross_org_passwords_enabled"
ABOUT: Final = {
    PASSWORDS: Reason(
        "users had one password for everything, so members have one for all organizations; the setting cannot be "
        "changed once any member has a password",
        "decide before that: false gives members one password for each organization, which organizations with their "
        "own login pages need",
    ),
    "zero_downtime_session_migration_url": Reason(
        "Stytch calls this URL on sessions.migrate, now for a member of an organization",
        "check that the service behind the URL answers for members too",
    ),
    "idp_authorization_url": Reason(
        "the page behind this URL signs people in through the SDK",
        "check that it uses the B2B SDK, or set another page",
    ),
}


def translate(source: Source) -> Translated:
    """Return every setting of an environment; claims are rewritten for members."""
    spec = {"name": source.fields["name"], "type": source.type, **source.fields, PASSWORDS: True}
    claims = for_members(spec.get(TEMPLATE) or "")
    if TEMPLATE in spec:
        spec[TEMPLATE] = claims.text
    losses, changes = remarks("Environment", source.slug, TEMPLATE, claims)
    return Translated(
        settings=(Setting(kind="Environment", name=source.slug, spec=spec),),
        losses=losses,
        changes=(
            *(Remark("Environment", source.slug, field, reason) for field, reason in ABOUT.items() if spec.get(field)),
            *changes,
        ),
    )
