"""Connected Apps: ``/v1/connected_apps/clients`` [2.17]."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Final

from reconciler.emulator.core import shown_once
from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given, ordered, positive, texts, url_parts
from reconciler.emulator.core.jwt_template_rules import STAND_IN, TAG
from reconciler.emulator.core.store import Fields, Row

TYPES: Final = ("first_party", "first_party_public", "third_party", "third_party_public")
DEFAULTS: Final[Fields] = {
    "client_name": "",
    "client_description": "",
    "status": "active",
    "full_access_allowed": False,
    "redirect_urls": [],
    "access_token_expiry_minutes": 60,
    "access_token_template_content": "",
    "id_token_template_content": "",
    "post_logout_redirect_urls": [],
    "bypass_consent_for_offline_access": False,
    "creation_method": "api",
    "client_secret_last_four": None,
    "next_client_secret_last_four": None,
    "access_token_custom_audience": None,
    "logo_url": None,
    "client_id_metadata_url": None,
}
TEXTS: Final = ("client_name", "client_description", "access_token_custom_audience", "logo_url")
TEMPLATES: Final = ("access_token_template_content", "id_token_template_content")
URLS: Final = ("redirect_urls", "post_logout_redirect_urls")
FIRST_PARTY_ONLY: Final[Mapping[str, str]] = {
    "full_access_allowed": "third_party_clients_cannot_use_full_access",
    "bypass_consent_for_offline_access": "third_party_clients_require_consent_for_offline_access",
}
WRONG_URL: Final = "connected_app_redirect_url"

KIND: Final = "connected_app"


def create(call: Call) -> Answer:
    """``POST /v1/connected_apps/clients``: the only answer with the secret of an app (public apps have none)."""
    client_type = choice(call.body, "client_type", TYPES, call.behaviour, "invalid_connected_app_type")
    if not client_type:
        raise Refusal("invalid_connected_app_type", "client_type is required.")
    most = call.behaviour.most_of_each
    if most and call.store.count(call.collection(KIND)) >= most:
        raise Refusal("too_many_connected_apps", f"There may be at most {most} Connected Apps.")
    fields = {"client_id": call.new_id("connected-app"), "client_type": client_type, **DEFAULTS}
    fields |= _sent(call.body, client_type, call.behaviour)
    value = "" if _is_public(client_type) else shown_once.new_value()
    if value:
        fields["client_secret_last_four"] = value[-4:]
    row = call.store.put(call.collection(KIND), Row(fields["client_id"], fields))
    if not value:
        return {KIND: _brief(row.fields)}
    shown_once.keep(call, KIND, row, value)
    return {KIND: {**_brief(row.fields), "client_secret": value}}


def get(call: Call) -> Answer:
    """``GET /v1/connected_apps/clients/{client_id}``."""
    return {KIND: _find(call).fields}


def update(call: Call) -> Answer:
    """``PUT /v1/connected_apps/clients/{client_id}``: changes only the fields that are sent, never the type."""
    row = _find(call)
    fields = {**row.fields, **_sent(call.body, row.fields["client_type"], call.behaviour)}
    return {KIND: call.store.put(call.collection(KIND), replace(row, fields=fields)).fields}


def delete(call: Call) -> Answer:
    """``DELETE /v1/connected_apps/clients/{client_id}``: permanently."""
    row = _find(call)
    call.store.remove(row)
    return {"client_id": row.id}


def rotate_start(call: Call) -> Answer:
    """``POST …/secrets/rotate/start``: the only answer with the next secret."""
    row, value = shown_once.start_rotation(call, KIND, _confidential(call))
    return {KIND: {**_brief(row.fields), "next_client_secret": value}}


def rotate(call: Call) -> Answer:
    """``POST …/secrets/rotate``."""
    return {KIND: shown_once.finish_rotation(call, KIND, _confidential(call)).fields}


def rotate_cancel(call: Call) -> Answer:
    """``POST …/secrets/rotate/cancel``."""
    return {KIND: shown_once.cancel_rotation(call, KIND, _confidential(call)).fields}


def find(call: Call, id: str) -> Row:
    """Return the app with this id.

    Raises:
        Refusal: ``connected_app_not_found``.
    """
    row = call.store.get(call.collection(KIND), call.own(id))
    if row is None:
        raise Refusal("connected_app_not_found", "Connected App could not be found.")
    return row


def _sent(body: Fields, client_type: str, behaviour: Behaviour) -> Fields:
    """Return the fields in ``body``, each valid for an app of this type.

    Raises:
        Refusal: with the vendor's error type of the first invalid field.
    """
    fields: dict[str, Any] = {name: given(body, name, str, behaviour) for name in (*TEXTS, *TEMPLATES)}
    for name in TEMPLATES:
        _check_template(fields[name])
    for name, error in FIRST_PARTY_ONLY.items():
        fields[name] = given(body, name, bool, behaviour)
        if fields[name] and not client_type.startswith("first_party"):
            raise Refusal(error, f"{name} is for first party clients only.")
    fields["access_token_expiry_minutes"] = positive(
        body, "access_token_expiry_minutes", "idp_invalid_access_token_expiry_minutes"
    )
    for name in URLS:
        fields[name] = _urls(texts(body, name, behaviour, "connected_app_invalid_redirect_url"), behaviour)
    return {name: value for name, value in fields.items() if value is not None}


def _find(call: Call) -> Row:
    return find(call, call.path["client_id"])


def _confidential(call: Call) -> Row:
    row = _find(call)
    if _is_public(row.fields["client_type"]):
        raise Refusal("public_connected_apps_do_not_have_secrets", "A public Connected App has no secret.")
    return row


def _is_public(client_type: str) -> bool:
    return client_type.endswith("_public")


def _brief(fields: Fields) -> Fields:
    """Return the fields of an answer that holds a secret: without those on how the app was made."""
    return {name: value for name, value in fields.items() if name != "creation_method"}


def _check_template(content: str | None) -> None:
    """Refuse a template that is not a JSON object, whatever the values of its tags."""
    try:
        whole = content and json.loads(TAG.sub(STAND_IN, content))
    except (ValueError, RecursionError):
        whole = None
    if content and not isinstance(whole, dict):
        raise Refusal("idp_invalid_access_token_jwt_template", "A token's template must be a JSON object.")


def _urls(urls: list[str] | None, behaviour: Behaviour) -> list[str] | None:
    if urls is None:
        return None
    for url in urls:
        _check_url(url, behaviour.app_redirect_http)
    return ordered(list(dict.fromkeys(urls)), behaviour)


def _check_url(url: str, plain: str) -> None:
    """Refuse a URL that is not https, except http to the local machine as far as ``plain`` allows it."""
    parts = url_parts(url)
    host = parts.hostname or ""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url):
        raise Refusal(f"{WRONG_URL}_must_include_scheme", "A redirect URL must begin with its scheme.")
    if parts.scheme not in {"", "http", "https"}:
        raise Refusal(f"{WRONG_URL}_must_use_http_or_https_scheme", "A redirect URL must use http or https.")
    if not host or any(character.isspace() for character in url):
        raise Refusal("connected_app_invalid_redirect_url", "A redirect URL must have a host and no spaces.")
    if parts.scheme == "https":
        return
    if plain == "never":
        raise Refusal(f"{WRONG_URL}_must_use_https_scheme", "A redirect URL must use https.")
    if host == "localhost" and plain == "no_localhost":
        raise Refusal(f"{WRONG_URL}_cannot_use_localhost", "A redirect URL must use 127.0.0.1, not localhost.")
    if host != "localhost" and not _is_loopback(host):
        raise Refusal(f"{WRONG_URL}_http_scheme_must_use_loopback", "Only a loopback address may be used with http.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
