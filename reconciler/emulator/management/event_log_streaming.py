"""The destination of an environment's event logs: at most one [2.12]."""

import re
from typing import Final

from reconciler.emulator.core.call import Answer, Call
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields

KIND: Final = "event_log_streaming"
CONFIGS: Final = {"DATADOG": "datadog", "GRAFANA_LOKI": "grafana_loki"}
SECRETS: Final = {"DATADOG": "api_key", "GRAFANA_LOKI": "password"}
SITES: Final = ("US", "US3", "US5", "EU", "AP1")
API_KEY: Final = re.compile(r"[0-9a-fA-F]{32}")


def create(call: Call) -> Answer:
    """``POST …/event_log_streaming``: nothing is streamed until it is enabled."""
    type_ = _destination(call.body.get("destination_type"))
    if call.document(KIND) is not None:
        raise Refusal("event_log_streaming_too_many_destinations", "There is a destination already.")
    return _keep(call, {"destination_type": type_, **_config(call, type_), "streaming_status": "DISABLED"})


def get(call: Call) -> Answer:
    """``GET …/{destination_type}``: of the secret only the last characters."""
    kept = _kept(call)
    type_ = kept["destination_type"]
    config = dict(kept["destination_config"][CONFIGS[type_]])
    config[f"{SECRETS[type_]}_last_four"] = config.pop(SECRETS[type_])[-4:]
    return {"event_log_streaming_config": {**kept, "destination_config": {CONFIGS[type_]: config}}}


def update(call: Call) -> Answer:
    """``PUT …/{destination_type}``: replaces the whole configuration."""
    kept = _kept(call)
    return _keep(call, {**kept, **_config(call, kept["destination_type"])})


def delete(call: Call) -> Answer:
    """``DELETE …/{destination_type}``."""
    _kept(call)
    call.keep_document(KIND, None)
    return {}


def enable(call: Call) -> Answer:
    """``POST …/{destination_type}/enable``."""
    _keep(call, {**_kept(call), "streaming_status": "ACTIVE"})
    return {}


def disable(call: Call) -> Answer:
    """``POST …/{destination_type}/disable``."""
    _keep(call, {**_kept(call), "streaming_status": "DISABLED"})
    return {}


def _keep(call: Call, kept: Fields) -> Answer:
    call.keep_document(KIND, kept)
    return {"event_log_streaming_config": kept}


def _kept(call: Call) -> Fields:
    type_ = _destination(call.path["destination_type"])
    kept: Fields | None = call.document(KIND)
    if kept is None or kept["destination_type"] != type_:
        raise Refusal("event_log_streaming_not_found", "Nothing is streamed to such a destination.")
    return kept


def _destination(type_: object) -> str:
    if not isinstance(type_, str) or type_ not in CONFIGS:
        message = f"destination_type must be one of {', '.join(CONFIGS)}."
        raise Refusal("event_log_streaming_invalid_destination_type", message)
    return type_


def _config(call: Call, type_: str) -> Fields:
    sent = call.body.get("destination_config")
    config = sent.get(CONFIGS[type_]) if isinstance(sent, dict) else None
    config = config if isinstance(config, dict) else {}
    read = _datadog(config) if type_ == "DATADOG" else _grafana_loki(config)
    return {"destination_config": {CONFIGS[type_]: read}}


def _datadog(config: Fields) -> Fields:
    key, site = config.get("api_key"), config.get("site", SITES[0])
    if not isinstance(key, str) or not API_KEY.fullmatch(key) or site not in SITES:
        message = f"datadog needs an api_key of 32 hexadecimal digits and a site of {', '.join(SITES)}."
        raise Refusal("event_log_streaming_bad_datadog_config", message)
    return {"api_key": key, "site": site}


def _grafana_loki(config: Fields) -> Fields:
    read = {name: config.get(name) for name in ("hostname", "username", "password")}
    if not all(isinstance(value, str) and value for value in read.values()):
        message = "grafana_loki needs a hostname, a username and a password."
        raise Refusal("event_log_streaming_bad_grafana_loki_config", message)
    return read


ROUTES: Final = (
    ("POST", "event_log_streaming", "event_log_streaming_create", create),
    ("GET", "event_log_streaming/{destination_type}", "event_log_streaming_get", get),
    ("PUT", "event_log_streaming/{destination_type}", "event_log_streaming_update", update),
    ("DELETE", "event_log_streaming/{destination_type}", "event_log_streaming_delete", delete),
    ("POST", "event_log_streaming/{destination_type}/enable", "event_log_streaming_enable", enable),
    ("POST", "event_log_streaming/{destination_type}/disable", "event_log_streaming_disable", disable),
)
