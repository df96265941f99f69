"""Trusted token profiles: the issuers whose tokens replace a sign-in [2.11]."""

from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given, texts
from reconciler.emulator.core.store import Fields, Row

KIND: Final = "trusted_token_profile"
TEXTS: Final = ("name", "audience", "issuer")
NO_URL: Final = "must_have_jwks_url_for_trusted_token_profile_with_type_jwk"
NO_PEM: Final = "must_have_pem_files_for_trusted_token_profile_with_type_pem"
NOT_PEM: Final = "cannot_add_pem_file_to_non_pem_trusted_token_profile"


def create(call: Call) -> Answer:
    """``POST …/trusted_token_profiles``."""
    type_ = choice(call.body, "public_key_type", ("JWK", "PEM"), call.behaviour, "invalid_argument")
    keys = texts(call.body, "pem_files", call.behaviour, "invalid_argument") or []
    if type_ is None:
        raise Refusal("invalid_argument", "public_key_type must be one of JWK, PEM.")
    if type_ == "PEM" and not keys:
        raise Refusal(NO_PEM, "A profile of type PEM needs at least one of pem_files.")
    if type_ == "JWK" and keys:
        raise Refusal(NOT_PEM, "A profile of type JWK has no pem_files.")
    profile: Fields = {
        "profile_id": call.new_id("trusted-token-profile"),
        **dict.fromkeys(TEXTS, ""),
        "jwks_url": "",
        "can_jit_provision": False,
        "public_key_type": type_,
        **_stated(call),
        "pem_files": [_pem_file(call, key) for key in keys],
    }
    return _keep(call, Row(profile["profile_id"], profile), profile)


def list_all(call: Call) -> Answer:
    """``GET …/trusted_token_profiles``."""
    return {"profiles": [_shown(call, row.fields) for row in call.store.children(call.collection(KIND))]}


def get(call: Call) -> Answer:
    """``GET …/{profile_id}``."""
    return {"profile": _shown(call, _row(call).fields)}


def update(call: Call) -> Answer:
    """``PATCH …/{profile_id}``: changes only the fields that are sent."""
    row = _row(call)
    return _keep(call, row, {**row.fields, **_stated(call)})


def delete(call: Call) -> Answer:
    """``DELETE …/{profile_id}``: with its keys."""
    call.store.remove(_row(call))
    return {}


def create_key(call: Call) -> Answer:
    """``POST …/{profile_id}/keys``."""
    row = _row(call)
    if row.fields["public_key_type"] != "PEM":
        raise Refusal(NOT_PEM, "A profile of type JWK has no pem_files.")
    key = given(call.body, "public_key", str, call.behaviour, "invalid_argument")
    if not key:
        raise Refusal("invalid_argument", "public_key is required.")
    added = _pem_file(call, key)
    _keep(call, row, {**row.fields, "pem_files": [*row.fields["pem_files"], added]})
    return {"pem_file": added}


def get_key(call: Call) -> Answer:
    """``GET …/{profile_id}/keys/{pem_file_id}``."""
    return {"pem_file": _key(call, _row(call))}


def delete_key(call: Call) -> Answer:
    """``DELETE …/{profile_id}/keys/{pem_file_id}``."""
    row = _row(call)
    gone = _key(call, row)
    left = [pem_file for pem_file in row.fields["pem_files"] if pem_file != gone]
    if not left and call.behaviour.last_pem_file == "refused":
        raise Refusal(NO_PEM, "The last key of a profile of type PEM cannot be deleted.")
    _keep(call, row, {**row.fields, "pem_files": left})
    return {}


def _stated(call: Call) -> Fields:
    types = {**dict.fromkeys((*TEXTS, "jwks_url"), str), "attribute_mapping": dict, "can_jit_provision": bool}
    fields = {name: given(call.body, name, type_, call.behaviour, "invalid_argument") for name, type_ in types.items()}
    return {name: value for name, value in fields.items() if value is not None}


def _pem_file(call: Call, key: str) -> Fields:
    return {"pem_file_id": call.new_id("pem-file"), "public_key": key}


def _keep(call: Call, row: Row, profile: Fields) -> Answer:
    for name in TEXTS:
        if not profile[name]:
            raise Refusal("invalid_argument", f"{name} is required.")
    if profile["public_key_type"] == "JWK" and not profile["jwks_url"]:
        raise Refusal(NO_URL, "A profile of type JWK needs a jwks_url.")
    kept = call.store.put(call.collection(KIND), Row(row.id, profile, number=row.number))
    return {"profile": _shown(call, kept.fields)}


def _shown(call: Call, profile: Fields) -> Fields:
    bare = not profile["jwks_url"] and call.behaviour.unset_jwks_url == "absent"
    return {name: value for name, value in profile.items() if not (bare and name == "jwks_url")}


def _row(call: Call) -> Row:
    row = call.store.get(call.collection(KIND), call.path["profile_id"])
    if row is None:
        raise Refusal("trusted_token_profile_not_found", "There is no such trusted token profile.")
    return row


def _key(call: Call, row: Row) -> Fields:
    for pem_file in row.fields["pem_files"]:
        if pem_file["pem_file_id"] == call.path["pem_file_id"]:
            key: Fields = pem_file
            return key
    raise Refusal("trusted_token_profile_not_found", "The profile has no such key.")


PROFILE: Final = "trusted_token_profiles/{profile_id}"
ROUTES: Final = (
    ("POST", "trusted_token_profiles", "trusted_token_profiles_create", create),
    ("GET", "trusted_token_profiles", "trusted_token_profiles_list", list_all),
    ("GET", PROFILE, "trusted_token_profiles_get", get),
    ("PATCH", PROFILE, "trusted_token_profiles_update", update),
    ("DELETE", PROFILE, "trusted_token_profiles_delete", delete),
    ("POST", f"{PROFILE}/keys", "trusted_token_keys_create", create_key),
    ("GET", f"{PROFILE}/keys/{{pem_file_id}}", "trusted_token_keys_get", get_key),
    ("DELETE", f"{PROFILE}/keys/{{pem_file_id}}", "trusted_token_keys_delete", delete_key),
)
