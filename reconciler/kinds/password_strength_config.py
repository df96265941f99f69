"""The password strength config: what a password must be like (docs/stytch.md, "Password strength")."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._rest import Record, Setting
from reconciler.model import Change, Problem, Resource, Spec
from reconciler.schema.kind import Identity, Key, Kind

LUDS: Final = ("luds_min_password_length", "luds_min_password_complexity")
DEFAULTS: Final = MappingProxyType(
    {
        "check_breach_on_creation": True,
        "check_breach_on_authentication": True,
        "validate_on_authentication": True,
        "validation_policy": "ZXCVBN",
    }
)


class PasswordStrengthConfigSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of the config that can be written, under Stytch's names."""

    check_breach_on_creation: bool | UnsetType = UNSET
    check_breach_on_authentication: bool | UnsetType = UNSET
    validate_on_authentication: bool | UnsetType = UNSET
    validation_policy: Literal["ZXCVBN", "LUDS"] | UnsetType = UNSET
    luds_min_password_length: Annotated[int, Meta(ge=8, le=32)] | UnsetType = UNSET
    luds_min_password_complexity: Annotated[int, Meta(ge=1, le=4)] | UnsetType = UNSET


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    policy = resource.spec.get("validation_policy")
    for name in LUDS:
        if policy == "LUDS" and name not in resource.spec:
            message = f"validation_policy is LUDS, and {name} is not declared"
            yield resource.problem("missing-companion", message, f"add {name}", ("spec", "validation_policy"))
        elif policy == "ZXCVBN" and name in resource.spec:
            message = f"{name} has no effect while validation_policy is ZXCVBN"
            yield resource.problem("idle-companion", message, "remove one of the two", ("spec", name))


def _counts(name: str, spec: Spec) -> bool:
    return name not in LUDS or spec.get("validation_policy") == "LUDS"


def _spec(record: Record) -> Spec:
    """Return what is set; numbers that the policy does not use are left out."""
    names = PasswordStrengthConfigSpec.__struct_fields__
    return {name: record[name] for name in names if record.get(name) is not None and _counts(name, record)}


def _body(spec: Spec, _change: Change) -> Spec:
    return {**DEFAULTS, **{name: value for name, value in spec.items() if _counts(name, spec)}}


SETTING: Final = Setting(
    path="password_strength_config",
    record="password_strength_config",
    spec=_spec,
    body=_body,
)
KIND: Final = SETTING.added_to(
    Kind(
        name="PasswordStrengthConfig",
        spec=PasswordStrengthConfigSpec,
        api="management",
        key=Key("password_strength_config", Literal["default"], "`default`: there is one to an environment"),
        identity=Identity(singletons=("default",)),
        defaults=DEFAULTS,
        check=check,
    )
)
