"""OIDC connections, ``/v1/b2b/sso/oidc``: created with a name, then completed by updates [2.21]."""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import given, is_https
from reconciler.emulator.core.store import Fields
from reconciler.emulator.data import organizations
from reconciler.emulator.data.sso import OIDC, callback, find, keep, named, start

DISCOVERED: Final = {
    "authorization_url": "/oauth2/authorize",
    "token_url": "/oauth2/token",
    "userinfo_url": "/oauth2/userinfo",
    "jwks_url": "/oauth2/keys",
}
"""The URLs in an issuer's metadata. The emulator derives them from the issuer's URL."""
NEEDED: Final = ("issuer", "client_id", "client_secret", *DISCOVERED)
"""The fields that make a connection active."""
URL_WORDS: Final = {"issuer": "issuer_url", **{name: name for name in DISCOVERED}}
MASK: Final = "********"


def create(call: Call) -> Answer:
    """``POST /v1/b2b/sso/oidc/{organization_id}``."""
    organization = organizations.find(call)
    empty: Fields = dict.fromkeys((*NEEDED, "custom_scopes"), "") | {"attribute_mapping": None}
    fields = {**start(call, organization, OIDC), **empty, "identity_provider": "generic", **named(call)}
    fields["redirect_url"] = callback(call, fields["connection_id"])
    return {"connection": keep(call, organization, OIDC, fields).fields}


def update(call: Call) -> Answer:
    """``PUT …/connections/{connection_id}``: changes only the fields that are sent. A new issuer fills in its URLs."""
    organization, row = find(call, OIDC)
    stated = _stated(call)
    discovered, warning = _discovered(call, row.fields, stated)
    fields = {**row.fields, **named(call), **discovered, **stated}
    empty = [name for name in NEEDED if not fields[name]]
    if row.status == "active" and empty:
        raise Refusal(f"oidc_connection_{empty[0]}_required", f"{empty[0]} is required.")
    fields["status"] = "pending" if empty else "active"
    if stated.get("client_secret") and call.behaviour.oidc_credentials == "masked":
        fields["client_secret"] = MASK + stated["client_secret"][-4:]
    return {"connection": keep(call, organization, OIDC, fields, row).fields, **warning}


def _stated(call: Call) -> Fields:
    """Return the fields in the request, each valid by itself."""
    body, behaviour = call.body, call.behaviour
    fields = {name: given(body, name, str, behaviour) for name in (*NEEDED, "custom_scopes")}
    fields["attribute_mapping"] = given(body, "attribute_mapping", dict, behaviour)
    for name, word in URL_WORDS.items():
        if fields[name] and not is_https(fields[name]):
            raise Refusal(f"oidc_connection_{word}_invalid_format", f"{name} must be an https URL.")
    return {name: value for name, value in fields.items() if value is not None}


def _discovered(call: Call, before: Fields, stated: Fields) -> tuple[Fields, Fields]:
    """Return the URLs of a changed issuer; or a warning that they are unknown."""
    issuer = stated.get("issuer", "")
    if not issuer or issuer == before["issuer"]:
        return {}, {}
    if not call.behaviour.oidc_discovery:
        return {}, {"warning": "The OpenID Provider Metadata of the issuer could not be retrieved."}
    return {name: issuer.rstrip("/") + path for name, path in DISCOVERED.items()}, {}
