"""Verdict reasons: what a sign of fraud leads to instead of Stytch's default (docs/stytch.md, 2.18)."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.kinds._context import Access, ApplyContext
from reconciler.kinds._writing import WriteResult, merged_into_live, retry_idempotent
from reconciler.model import Change, Delete, Live, Problem, Resource
from reconciler.schema.kind import Key, Kind, Order, Verbs, nothing
from reconciler.schema.traits import Clearable
from reconciler.schema.types import Text

LIST: Final = "/v1/verdict_reasons/list"
OVERRIDE: Final = "/v1/verdict_reasons/override"
FIELDS: Final = ("override_action", "override_description")
NOT_OVERRIDABLE: Final = "RULE_MATCH"


class VerdictReasonOverrideSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """What can be written of an override, under Stytch's names; the verdict reason is ``metadata.name``."""

    override_action: Literal["ALLOW", "CHALLENGE", "BLOCK"] | UnsetType = UNSET
    override_description: Annotated[
        str | UnsetType | None, Clearable("leaving it out of the override, because the complete override is sent")
    ] = UNSET


def read(access: Access) -> Iterator[Live]:
    """Read every override there is."""
    for row in access.client.telemetry.ask(LIST, {"overrides_only": True})["verdict_reason_actions"] or ():
        if row.get("override_action"):
            spec = {name: row[name] for name in FIELDS if row.get(name)}
            reason = str(row["verdict_reason"])
            yield Live(kind="VerdictReasonOverride", name=reason, id=reason, spec=spec)


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    if resource.name == NOT_OVERRIDABLE:
        hint = "a rule matches because somebody declared it: change the DFPRule instead"
        yield resource.problem("wrong-value", f"{NOT_OVERRIDABLE} cannot be overridden", hint, ("metadata", "name"))


def write(change: Change, context: ApplyContext) -> WriteResult:
    """Set the override whole, starting from what is live."""
    look = context.currently(KIND.name, read)

    def whole() -> dict[str, Any]:
        found = look().named(change.name)
        spec = merged_into_live(KIND, found[0].spec if found else {}, change)
        return {"verdict_reason": change.name, **{name: spec[name] for name in FIELDS if spec.get(name)}}

    return _send(context, change, whole)


def clear(change: Delete, context: ApplyContext) -> WriteResult:
    """Take the override away: what Stytch would do counts again."""
    return _send(context, change, lambda: {"verdict_reason": change.name, "override_action": "NONE"})


def _send(access: Access, change: Change, whole: Callable[[], dict[str, Any]]) -> WriteResult:
    answer = retry_idempotent(lambda: access.client.telemetry.write_whole("POST", OVERRIDE, whole))
    return WriteResult(change.name, str(answer["request_id"]), answer.get("verdict_reason_action"))


KIND: Final = Kind(
    name="VerdictReasonOverride",
    spec=VerdictReasonOverrideSpec,
    api="telemetry",
    key=Key("verdict_reason", Text, "the verdict reason, such as `VIRTUAL_MACHINE`"),
    order=Order(shares=nothing),
    required=frozenset({"override_action"}),
    computed=frozenset({"default_action", "override_created_at"}),
    check=check,
    verbs=Verbs(list=read, create=write, update=write, delete=clear),
)
