"""The password strength config: what a password must be like (docs/stytch.md, "Password strength")."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._writing import ApplyContext, WriteResult, merged_into_live, retry_idempotent
from reconciler.model import Delete, Live, Problem, Resource, Spec, Target, Update
from reconciler.schema.kind import Identity, Key, Kind, Verbs

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client

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


def read(client: "Client", target: Target) -> Iterator[Live]:
    """Read the config, which is always there."""
    yield Live(kind="PasswordStrengthConfig", name="default", id="default", spec=_get(client, target))


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


def write(client: "Client", change: Update | Delete, context: ApplyContext) -> WriteResult:
    """Set the config, which Stytch takes whole; a delete sets what it was before anybody did."""
    spec = merged_into_live(KIND, _get(client, context.target), change)
    body = {**DEFAULTS, **{name: value for name, value in spec.items() if _counts(name, spec)}}
    answer = retry_idempotent(lambda: client.management.write("PUT", _path(context.target), body))
    return WriteResult("default", str(answer["request_id"]), answer.get("password_strength_config"))


def _counts(name: str, spec: Spec) -> bool:
    return name not in LUDS or spec.get("validation_policy") == "LUDS"


def _get(client: "Client", target: Target) -> dict[str, Any]:
    """Read what is set; numbers that the policy does not use are left out."""
    found = client.management.get(_path(target))["password_strength_config"]
    return {
        name: found[name]
        for name in KIND.spec.__struct_fields__
        if found.get(name) is not None and _counts(name, found)
    }


def _path(target: Target) -> str:
    return f"{target.path}/password_strength_config"


KIND: Final = Kind(
    name="PasswordStrengthConfig",
    spec=PasswordStrengthConfigSpec,
    api="management",
    key=Key("password_strength_config", Literal["default"], "`default`: there is one to an environment"),
    identity=Identity(singletons=("default",)),
    defaults=DEFAULTS,
    check=check,
    verbs=Verbs(list=read, update=write, delete=write),
)
