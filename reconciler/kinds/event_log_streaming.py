"""Event log streaming: where an environment's event logs go to (docs/stytch.md, "Event log streaming").

There is one destination at most. It is made in two steps: nothing is streamed until it is enabled.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType, structs

from reconciler.kinds._context import Access, ApplyContext, Gone
from reconciler.kinds._rest import Collection
from reconciler.kinds._writing import (
    WriteResult,
    create_once,
    lost_create,
    merged_into_live,
    request_body,
    retry_idempotent,
)
from reconciler.model import Change, Create, Json, Live, Problem, Resource, Spec, Update
from reconciler.schema.kind import Identity, Key, Kind, Verbs
from reconciler.schema.secret_names import LAST_FOUR, as_shown
from reconciler.schema.traits import HoldsSecret, SecretName
from reconciler.schema.types import Text

ABSENT: Final = frozenset({"event_log_streaming_not_found"})
THERE: Final = "event_log_streaming_too_many_destinations"
CONFIGS: Final = {"DATADOG": "datadog", "GRAFANA_LOKI": "grafana_loki"}
SECRETS: Final = {"datadog": "api_key", "grafana_loki": "password"}
CONFIG: Final = "destination_config"
STATUS: Final = "streaming_status"
DESTINATIONS: Final = Collection(
    path=lambda target: f"{target.path}/event_log_streaming", one="event_log_streaming_config", id="destination_type"
)


class Datadog(Struct, forbid_unknown_fields=True, kw_only=True):
    """A Datadog account; its key is 32 hexadecimal digits."""

    api_key: SecretName
    site: Literal["US", "US3", "US5", "EU", "AP1"]


class GrafanaLoki(Struct, forbid_unknown_fields=True, kw_only=True):
    """A Loki of Grafana's."""

    hostname: Text
    username: Text
    password: SecretName


class DestinationConfig(Struct, forbid_unknown_fields=True, kw_only=True):
    """How the destination is reached: the one that is meant."""

    datadog: Datadog | UnsetType = UNSET
    grafana_loki: GrafanaLoki | UnsetType = UNSET


class EventLogStreamingSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of a destination that can be written, under Stytch's names; its type is ``metadata.name``."""

    destination_config: Annotated[DestinationConfig | UnsetType, HoldsSecret()] = UNSET
    streaming_status: Literal["ACTIVE", "DISABLED"] | UnsetType = UNSET


def read(access: Access) -> Iterator[Live]:
    """Read the destination, of whatever type it is; Stytch answers with an error where there is none."""
    for destination_type in CONFIGS:
        if (spec := _get(access, destination_type)) is not None:
            yield Live(kind="EventLogStreaming", name=destination_type, id=destination_type, spec=spec)


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    config, wanted = resource.spec.get(CONFIG), CONFIGS[resource.name]
    if config is not None and config.keys() != {wanted}:
        found = ", ".join(sorted(config)) or "nothing"
        message = f"a destination of type {resource.name} has {wanted} in its {CONFIG}, not {found}"
        yield resource.problem("other-destination", message, f"write only {wanted}: {{…}}", ("spec", CONFIG))


def canonical(spec: Spec) -> Spec:
    """Take what is on its way to ACTIVE for that, and show of a secret what Stytch shows: how it ends."""
    found = dict(spec)
    if found.get(STATUS) == "PENDING":
        found[STATUS] = "ACTIVE"
    if isinstance(config := found.get(CONFIG), dict):
        found[CONFIG] = {name: _sealed(SECRETS[name], each) for name, each in config.items()}
    return found


def _sealed(secret: str, config: Spec) -> Json:
    shown = f"{secret}_{LAST_FOUR}"
    if shown not in config:
        return config
    return {**{name: value for name, value in config.items() if name != shown}, secret: {LAST_FOUR: config[shown]}}


def create(change: Create, context: ApplyContext) -> WriteResult:
    """Create the destination, and enable it if that is declared."""
    body = request_body(change.fields, cleared={})
    sent = context.revealed({"destination_type": change.name, CONFIG: body[CONFIG]})

    def look() -> WriteResult | None:
        live = _get(context, change.name)
        found = {change.name: KIND.normalize(live)} if live else {}
        shown = as_shown(KIND, {CONFIG: body[CONFIG]}, lambda name: context.secret(name)[-4:])
        return lost_create(found, shown, "a destination")

    written = create_once(
        lambda: _written(change, context.management.write("POST", DESTINATIONS.path(context.target), sent)),
        look,
        (THERE,),
    )
    status = _set_status(change, context) if body.get(STATUS) == "ACTIVE" else ""
    return structs.replace(written, request_id=status or written.request_id)


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Set what differs: the configuration whole, and whether anything is streamed."""

    def whole() -> dict[str, Json]:
        live = _get(context, change.name)
        if live is None:
            raise Gone
        return {CONFIG: context.revealed(merged_into_live(KIND, live, change)[CONFIG])}

    written = WriteResult(change.name, "")
    if change.get(CONFIG):
        path = DESTINATIONS.at(context.target, change.name)
        written = retry_idempotent(lambda: _written(change, context.management.write_whole("PUT", path, whole)))
    else:
        whole()
    if change.get(STATUS):
        written = structs.replace(written, request_id=_set_status(change, context))
    return written


def writes(change: Change) -> int:
    """Count the enabling, which is a call of its own."""
    status = change.get(STATUS)
    if isinstance(change, Update):
        return bool(change.get(CONFIG)) + bool(status)
    return 1 + bool(isinstance(change, Create) and status and status.after == "ACTIVE")


def _set_status(change: Change, context: ApplyContext) -> str:
    planned = change.get(STATUS)
    verb = "enable" if planned and planned.after == "ACTIVE" else "disable"
    path = f"{DESTINATIONS.at(context.target, change.name)}/{verb}"
    return retry_idempotent(lambda: str(context.management.write("POST", path)["request_id"]))


def _written(change: Change, answer: Mapping[str, Any]) -> WriteResult:
    """Return what the answer says of the configuration: whether anything is streamed is said by a call of its own."""
    found = answer.get("event_log_streaming_config") or {}
    answered = {CONFIG: found[CONFIG]} if CONFIG in found else None
    return WriteResult(change.name, str(answer["request_id"]), answered)


def _get(access: Access, destination_type: str) -> dict[str, Any] | None:
    answer = access.management.find(DESTINATIONS.at(access.target, destination_type), ABSENT)
    if answer is None:
        return None
    found = answer["event_log_streaming_config"]
    return {CONFIG: found[CONFIG], STATUS: found[STATUS]}


KIND: Final = Kind(
    name="EventLogStreaming",
    spec=EventLogStreamingSpec,
    api="management",
    key=Key(
        "destination_type",
        Literal["DATADOG", "GRAFANA_LOKI"],
        "the destination: `DATADOG` or `GRAFANA_LOKI`; only one at a time",
    ),
    identity=Identity(one_per_parent=True),
    required=frozenset({CONFIG}),
    check=check,
    canonical=canonical,
    verbs=Verbs(list=read, create=create, update=update, delete=DESTINATIONS.delete, writes=writes),
)
