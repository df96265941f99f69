"""Country allowlists: where messages may be sent to (docs/stytch.md, "Country allowlists")."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._countries import COUNTRIES
from reconciler.kinds._rest import Setting
from reconciler.model import Problem, Resource, Spec, Target
from reconciler.schema.kind import Identity, Key, Kind
from reconciler.schema.traits import Unordered
from reconciler.schema.types import check_listed_once

DEFAULTS: Final = MappingProxyType({"country_codes": ["CA", "US"]})

CountryCode = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$(?!\n)", description="a country's two letters")]


class CountryCodeAllowlistSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """The countries that messages may be sent to; there is always one."""

    country_codes: Annotated[Annotated[list[CountryCode], Meta(min_length=1)] | UnsetType, Unordered()] = UNSET


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    if resource.name == "whatsapp":
        message = "B2B projects do not have WhatsApp, so they have no WhatsApp countries"
        yield resource.problem("not-in-b2b", message, "remove this manifest", ("metadata", "name"))
    codes = [code.upper() for code in resource.spec.get("country_codes") or ()]
    yield from check_listed_once(resource, ("spec", "country_codes"), codes)
    for index, code in enumerate(codes):
        if code not in COUNTRIES:
            hint = "write the two letters of ISO 3166-1: GB, not UK"
            yield resource.problem(
                "no-country", f"{code} is not a country code", hint, ("spec", "country_codes", str(index))
            )


def canonical(spec: Spec) -> Spec:
    """Sort the codes and spell them in upper case, as Stytch does."""
    codes = [code.upper() for code in spec.get("country_codes") or ()]
    return {**spec, **({"country_codes": codes} if codes else {})}


def _channels(target: Target) -> Sequence[str]:
    """Return the channels that have an allowlist: asking a B2B project for WhatsApp's is an error."""
    return ("sms",) if target.vertical == "B2B" else ("sms", "whatsapp")


SETTING: Final = Setting(
    path="allowed_country_codes/{name}",
    method="POST",
    names=_channels,
    spec=lambda record: {"country_codes": record["country_codes"]},
)
KIND: Final = SETTING.added_to(
    Kind(
        name="CountryCodeAllowlist",
        spec=CountryCodeAllowlistSpec,
        api="management",
        key=Key(
            "delivery_method",
            Literal["sms", "whatsapp"],
            "how messages are sent: `sms` (B2B projects have no `whatsapp`)",
        ),
        identity=Identity(singletons=("sms",)),
        defaults=DEFAULTS,
        check=check,
        canonical=canonical,
    )
)
