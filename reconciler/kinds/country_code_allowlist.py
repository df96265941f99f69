"""Country allowlists: where messages may be sent to (docs/stytch.md, "Country allowlists")."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._countries import COUNTRIES
from reconciler.kinds._writing import ApplyContext, WriteResult, merged_into_live, retry_idempotent
from reconciler.model import Delete, Live, Problem, Resource, Spec, Target, Update
from reconciler.schema.kind import Identity, Key, Kind, Verbs
from reconciler.schema.traits import Unordered
from reconciler.schema.types import check_listed_once

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client

DEFAULTS: Final = MappingProxyType({"country_codes": ["CA", "US"]})

CountryCode = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$(?!\n)", description="a country's two letters")]


class CountryCodeAllowlistSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """The countries that messages may be sent to; there is always one."""

    country_codes: Annotated[Annotated[list[CountryCode], Meta(min_length=1)] | UnsetType, Unordered()] = UNSET


def read(client: "Client", target: Target) -> Iterator[Live]:
    """Read the allowlists that there are: asking a B2B project for WhatsApp's is an error."""
    for channel in ("sms",) if target.vertical == "B2B" else ("sms", "whatsapp"):
        spec = {"country_codes": client.management.get(_path(target, channel))["country_codes"]}
        yield Live(kind="CountryCodeAllowlist", name=channel, id=channel, spec=spec)


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


def write(client: "Client", change: Update | Delete, context: ApplyContext) -> WriteResult:
    """Set the list, which Stytch takes whole; a delete sets what it was before anybody did."""
    path = _path(context.target, change.name)
    live: dict[str, Any] = {"country_codes": client.management.get(path)["country_codes"]}
    body = merged_into_live(KIND, live, change)
    answer = retry_idempotent(lambda: client.management.write("POST", path, body))
    taken = {name: answer[name] for name in ("country_codes",) if name in answer}
    return WriteResult(change.name, str(answer["request_id"]), taken)


def _path(target: Target, channel: str) -> str:
    return f"{target.path}/allowed_country_codes/{channel}"


KIND: Final = Kind(
    name="CountryCodeAllowlist",
    spec=CountryCodeAllowlistSpec,
    api="management",
    key=Key(
        "delivery_method", Literal["sms", "whatsapp"], "how messages are sent: `sms` (B2B projects have no `whatsapp`)"
    ),
    identity=Identity(singletons=("sms",)),
    defaults=DEFAULTS,
    check=check,
    canonical=canonical,
    verbs=Verbs(list=read, update=write, delete=write),
)
