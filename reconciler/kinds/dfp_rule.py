"""Fraud rules: what Stytch decides for a device, a network or a country (docs/stytch.md, 2.18)."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._context import Access, ApplyContext
from reconciler.kinds._countries import COUNTRIES
from reconciler.kinds._writing import WriteResult, merged_into_live, retry_idempotent
from reconciler.model import Change, Delete, Live, Problem, Resource, Spec
from reconciler.schema.kind import Deletes, Key, Kind, Order, Verbs, nothing
from reconciler.schema.traits import Clearable

if TYPE_CHECKING:
    from reconciler.clients.search import Page

LIST: Final = "/v1/rules/list"
SET: Final = "/v1/rules/set"
PAGE: Final = 100  # rows, the most that Stytch gives
IDENTIFIERS: Final = (
    "visitor_id",
    "browser_id",
    "visitor_fingerprint",
    "browser_fingerprint",
    "hardware_fingerprint",
    "network_fingerprint",
    "cidr_block",
    "country_code",
    "asn",
)
FIELDS: Final = ("action", "description", "expires_at")
# An end is written in whole minutes from now and read as a time of day, so that it is met to within this.
TOLERANCE: Final = timedelta(seconds=90)
PREFIXES: Final = range(16, 33)

LEFT_OUT: Final = Clearable("leaving it out of the rule, because the complete rule is sent")

RuleName = Annotated[
    str,
    Meta(
        pattern=rf"^({'|'.join(IDENTIFIERS)})/.+$",
        description=f"an identifier and its value, such as country_code/KP; one of {', '.join(IDENTIFIERS)}",
    ),
]
Moment = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$(?!\n)",
        description="a time such as 2027-01-31T12:00:00Z",
    ),
]


class DFPRuleSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """What can be written of a rule; whom it is for is ``metadata.name``."""

    action: Literal["ALLOW", "CHALLENGE", "BLOCK"] | UnsetType = UNSET
    description: Annotated[str | UnsetType | None, LEFT_OUT] = UNSET
    expires_at: Annotated[Moment | UnsetType | None, LEFT_OUT] = UNSET


def read(access: Access) -> Iterator[Live]:
    """Read every rule that has not expired, page by page."""
    from reconciler.clients.search import Page, follow

    def fetch(cursor: str | None) -> "Page[Mapping[str, Any]]":
        page = access.client.telemetry.ask(LIST, {"limit": PAGE, **({"cursor": cursor} if cursor else {})})
        return Page(page["rules"] or [], [], -1, page.get("next_cursor") or None)

    seen: set[str] = set()
    for page in follow(fetch, "fraud rules", seen):
        for row in page.rows:
            identifier = next(name for name in IDENTIFIERS if row.get(name))
            name = f"{identifier}/{_canonical(identifier, str(row[identifier]))}"
            spec = {name: row[name] for name in FIELDS if row.get(name)}
            seen.add(name)
            yield Live(kind="DFPRule", name=name, id=name, spec=spec)


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    identifier, _, value = resource.name.partition("/")
    at = ("metadata", "name")
    canonical = _canonical(identifier, value)
    if not canonical:
        hint = "a cidr_block is IPv4 with a prefix of 16 to 32; a country_code is two letters of ISO 3166"
        yield resource.problem("wrong-value", f"{value} is not a valid {identifier}", hint, at)
    elif canonical != value:
        yield resource.problem("wrong-value", f"{value} is another spelling of {canonical}", f"write {canonical}", at)
    if identifier == "country_code" and resource.spec.get("action") == "ALLOW":
        message = "a country cannot be allowed: Stytch accepts only CHALLENGE or BLOCK for it"
        yield resource.problem("wrong-value", message, "choose another action", ("spec", "action"))
    end = resource.spec.get("expires_at")
    if isinstance(end, str) and _moment(end) is None:
        yield resource.problem(
            "wrong-value", f"{end} is not a time", "write it as 2027-01-31T12:00:00Z", ("spec", "expires_at")
        )


def canonical(spec: Spec) -> Spec:
    """Spell a time in one way: UTC, whole seconds."""
    end = _moment(spec.get("expires_at"))
    return {**spec, "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ")} if end else spec


def fill(desired: Spec, live: Spec) -> Spec:
    """Take two ends that are nearly the same for the same."""
    wanted, there = _moment(desired.get("expires_at")), _moment(live.get("expires_at"))
    near = wanted and there and abs(wanted - there) <= TOLERANCE
    return {**desired, "expires_at": live["expires_at"]} if near else desired


def has_lapsed(spec: Spec, now: datetime) -> bool:
    """Return whether a rule has ended by itself: Stytch has dropped it, and it is not made again."""
    end = _moment(spec.get("expires_at"))
    return end is not None and end <= now + TOLERANCE


def write(change: Change, context: ApplyContext) -> WriteResult:
    """Set the rule whole, starting from what is live; one that has an end is sent with the minutes until then."""
    look = context.currently(KIND.name, read)
    planned = {field.path[0]: field.after for field in change.fields if field.after is not UNSET}

    def whole() -> dict[str, Any]:
        found = look().named(change.name)
        spec = merged_into_live(KIND, fill(found[0].spec, planned) if found else {}, change)
        body = _addressed(change, {"action": spec["action"]})
        if spec.get("description"):
            body["description"] = spec["description"]
        if end := _moment(spec.get("expires_at")):
            body["expires_in_minutes"] = max(1, math.ceil((end - context.client.now()).total_seconds() / 60))
        return body

    return _set(context, change, whole)


def clear(change: Delete, context: ApplyContext) -> WriteResult:
    """Take the rule away."""
    return _set(context, change, lambda: _addressed(change, {"action": "NONE"}))


def _set(access: Access, change: Change, whole: Callable[[], dict[str, Any]]) -> WriteResult:
    answer = retry_idempotent(lambda: access.client.telemetry.write_whole("POST", SET, whole))
    return WriteResult(
        change.name, str(answer["request_id"]), {name: answer[name] for name in FIELDS if name in answer}
    )


def _addressed(change: Change, body: dict[str, Any]) -> dict[str, Any]:
    identifier, _, value = change.name.partition("/")
    return {identifier: value, **body}


def _canonical(identifier: str, value: str) -> str:
    """Return the one way to write an identifier, "" if it is none."""
    if identifier == "country_code":
        return value.upper() if value.upper() in COUNTRIES else ""
    if identifier != "cidr_block":
        return value
    try:
        network = IPv4Network(value, strict=False)
    except ValueError:
        return ""
    return str(network) if network.prefixlen in PREFIXES else ""


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


KIND: Final = Kind(
    name="DFPRule",
    spec=DFPRuleSpec,
    api="telemetry",
    key=Key(
        "identifier",
        RuleName,
        "to whom it applies: an identifier and its value, such as `country_code/KP` or `cidr_block/10.0.0.0/16`",
    ),
    order=Order(shares=nothing),
    required=frozenset({"action"}),
    computed=frozenset({"rule_type", "created_at", "last_updated_at", "expires_in_minutes"}),
    deletes=Deletes(has_lapsed=has_lapsed),
    check=check,
    canonical=canonical,
    fill=fill,
    verbs=Verbs(list=read, create=write, update=write, delete=clear),
)
