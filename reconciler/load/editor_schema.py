"""The JSON Schema that editors check and complete manifests, rules and ``reconciler.yaml`` with."""

from typing import Final

from msgspec import Struct

from reconciler.config.schema import Configuration
from reconciler.expressions.template import OPEN
from reconciler.load.schemas import TEMPLATED, shapes
from reconciler.model import Json
from reconciler.model.resources import API_VERSION
from reconciler.schema.validate import json_schema_of

SCHEMA_ID: Final = "https://json-schema.org/draft/2020-12/schema"


TEMPLATE: Final = {"type": "string", "pattern": OPEN.replace("$", "\\$").replace("{", "\\{")}


def editor_schema() -> dict[str, Json]:
    """Return one JSON Schema for every file that people write; an editor picks the part by ``kind``."""
    every: dict[str, type[Struct]] = {**shapes(), "Configuration": Configuration}
    return {
        "$schema": SCHEMA_ID,
        "title": f"{API_VERSION} documents",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {"apiVersion": {"const": API_VERSION}, "kind": {"enum": sorted(every)}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in sorted(every)
        ],
        "$defs": {name: _schema(name, shape) for name, shape in sorted(every.items())},
    }


def _schema(name: str, shape: type[Struct]) -> dict[str, Json]:
    schema = json_schema_of(shape)
    if name in TEMPLATED:
        schema["properties"]["spec"] = _or_template(schema["properties"]["spec"])
    return schema


def _or_template(schema: Json) -> Json:
    """Let every value also be a string that holds an expression."""
    if isinstance(schema, list):
        return [_or_template(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "object" or "anyOf" in schema:
        inside = {key: _or_template(value) for key, value in schema.items() if key in ("items", "anyOf")}
        if isinstance(schema.get("properties"), dict):
            inside["properties"] = {key: _or_template(value) for key, value in schema["properties"].items()}
        return {**schema, **inside}
    if schema.get("type") == "array":
        schema = {**schema, "items": _or_template(schema.get("items", {}))}
    return {"anyOf": [schema, TEMPLATE]} if schema else schema
