"""Environments: what can be set of each, and the one setting that B2B has and nobody can take back."""

from typing import Final

from reconciler.migration.translate.claims import for_members, remarks
from reconciler.migration.values import Reason, Remark, Setting, Source, Translated

TEMPLATE: Final = "idp_dynamic_client_registration_access_token_template_content"
PASSWORDS: Final = "cross_org_passwords_enabled"
ABOUT: Final = {
    PASSWORDS: Reason(
        "users had one password for everything, so members have one for all organizations; once anybody has a password "
        "this cannot be changed",
        "decide before that: false gives a password for each organization, as login pages of their own want it",
    ),
    "zero_downtime_session_migration_url": Reason(
        "Stytch asks this URL when sessions.migrate is called, now for a member of an organization",
        "see that what answers there also answers for members",
    ),
    "idp_authorization_url": Reason(
        "the page behind this URL signs people in through the SDK",
        "see that it uses the B2B SDK, or name another page",
    ),
}


def translate(source: Source) -> Translated:
    """Keep every setting; claims become those of members."""
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
