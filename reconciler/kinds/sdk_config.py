"""The SDK config: what frontends may do in an environment of a B2B project (docs/stytch.md, "SDK configuration")."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._rest import Record, Setting
from reconciler.model import Problem, Resource, Spec
from reconciler.schema.kind import Identity, Key, Kind, normalize_by_traits
from reconciler.schema.traits import Merged, Unordered, fields_of
from reconciler.schema.types import Text, check_listed_once

SLUG: Final = "{{slug}}"

Flag = bool | UnsetType
Minutes = Annotated[int, Meta(ge=5, le=527040)]


class Domain(Struct, forbid_unknown_fields=True, kw_only=True):
    """A domain that frontends run on, and the pattern by which an organization's slug is told from a subdomain."""

    domain: Text
    slug_pattern: str = ""


class Autofill(Struct, forbid_unknown_fields=True, kw_only=True):
    """What lets a device fill in the code of a text message by itself."""

    metadata_type: Literal["domain", "hash"]
    metadata_value: Text
    bundle_id: str = ""


class Basic(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether frontends may do anything at all, and which."""

    enabled: Flag = UNSET
    allow_self_onboarding: Flag = UNSET
    enable_member_permissions: Flag = UNSET
    domains: Annotated[list[Domain] | UnsetType, Unordered()] = UNSET
    bundle_ids: Annotated[list[Text] | UnsetType, Unordered()] = UNSET


class Sessions(Struct, forbid_unknown_fields=True, kw_only=True):
    """How long a session may be."""

    max_session_duration_minutes: Minutes | UnsetType = UNSET


class Method(Struct, forbid_unknown_fields=True, kw_only=True):
    """A way to sign in."""

    enabled: Flag = UNSET
    pkce_required: Flag = UNSET


class TOTPs(Struct, forbid_unknown_fields=True, kw_only=True):
    """Codes of authenticator apps."""

    enabled: Flag = UNSET
    create_totps: Flag = UNSET


class OTPs(Struct, forbid_unknown_fields=True, kw_only=True):
    """Codes by message."""

    sms_enabled: Flag = UNSET
    email_enabled: Flag = UNSET
    sms_autofill_metadata: Annotated[list[Autofill] | UnsetType, Unordered()] = UNSET


class DFPPA(Struct, forbid_unknown_fields=True, kw_only=True):
    """Protected authentication by device fingerprints."""

    enabled: Literal["ENABLED", "PASSIVE", "DISABLED"] | UnsetType = UNSET
    on_challenge: Literal["ALLOW", "BLOCK", "TRIGGER_CAPTCHA"] | UnsetType = UNSET


class Passwords(Struct, forbid_unknown_fields=True, kw_only=True):
    """Passwords."""

    enabled: Flag = UNSET
    pkce_required_for_password_resets: Flag = UNSET


class Cookies(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether scripts can read session cookies; anything but DISABLED needs a custom domain."""

    http_only: Literal["DISABLED", "ENABLED", "ENFORCED"] | UnsetType = UNSET


class Impersonation(Struct, forbid_unknown_fields=True, kw_only=True):
    """Signing in as somebody else."""

    enabled: Flag = UNSET


class SDKConfigSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every section of the config; each field of a section is managed alone."""

    basic: Annotated[Basic | UnsetType, Merged()] = UNSET
    sessions: Annotated[Sessions | UnsetType, Merged()] = UNSET
    magic_links: Annotated[Method | UnsetType, Merged()] = UNSET
    oauth: Annotated[Method | UnsetType, Merged()] = UNSET
    sso: Annotated[Method | UnsetType, Merged()] = UNSET
    totps: Annotated[TOTPs | UnsetType, Merged()] = UNSET
    otps: Annotated[OTPs | UnsetType, Merged()] = UNSET
    dfppa: Annotated[DFPPA | UnsetType, Merged()] = UNSET
    passwords: Annotated[Passwords | UnsetType, Merged()] = UNSET
    cookies: Annotated[Cookies | UnsetType, Merged()] = UNSET
    user_impersonation: Annotated[Impersonation | UnsetType, Merged()] = UNSET


SECTIONS: Final = {name: field.hint.__args__[0] for name, field in fields_of(SDKConfigSpec).items()}


def _spec(found: Record) -> Spec:
    """Return the sections and fields that can be declared: what else a config has is left where it is."""
    return {
        name: {key: value for key, value in found[name].items() if key in fields_of(section)}
        for name, section in SECTIONS.items()
        if found.get(name) is not None
    }


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    domains = (resource.spec.get("basic") or {}).get("domains") or ()
    yield from check_listed_once(resource, ("spec", "basic", "domains"), [each["domain"] for each in domains])
    for index, each in enumerate(domains):
        pattern = each.get("slug_pattern", "")
        if pattern and SLUG not in pattern:
            at = ("spec", "basic", "domains", str(index), "slug_pattern")
            message = f"slug_pattern has no place for the slug: it lacks {SLUG}"
            yield resource.problem("no-placeholder", message, f"such as {SLUG}.acme.example", at)


def canonical(spec: Spec) -> Spec:
    """Sort the items of lists: their order means nothing."""
    return {**spec, **{name: normalize_by_traits(SECTIONS[name], spec[name]) for name in SECTIONS if name in spec}}


def _whole(found: Record) -> Spec:
    return {name: section for name, section in found.items() if section is not None}


SETTING: Final = Setting(
    path="sdk/b2b",
    record="config",
    spec=_spec,
    whole=_whole,
    body=lambda spec, _change: {"config": spec},
    answered=_spec,
)
KIND: Final = SETTING.added_to(
    Kind(
        name="SDKConfig",
        spec=SDKConfigSpec,
        api="management",
        key=Key("sdk_config", Literal["default"], "`default`: there is one to an environment"),
        identity=Identity(singletons=("default",)),
        defaults=MappingProxyType({"basic": {"enabled": False}}),
        check=check,
        canonical=canonical,
    )
)
