"""Compare responses with the vendor's OpenAPI descriptions. Differences must be listed in mismatches.yaml."""

import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

MISMATCHES = Path(__file__).parent / "mismatches.yaml"
ERROR = {"status_code": int, "request_id": str, "error_type": str, "error_message": str, "error_url": str}
DATA, MANAGEMENT = "api.yml", "management.yml"
OFTEN = 20  # answers of one shape are compared
ROWS = 20  # of a list are looked at, where the answers are not what is tested
# The endpoints of OAuth are in neither description.
PREFIXES = {"/v1/public/": None, "/v1/": DATA, "/pwa/v3/": MANAGEMENT}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference between a response and its description: operation, place in the body, and message."""

    operation: str
    at: str
    message: str

    def __str__(self) -> str:
        return f"{self.operation} at {self.at or 'the top'}: {self.message}"


def described() -> bool:
    """Return whether the descriptions are available."""
    return bool(os.environ.get("STYTCH_RECONCILER_OPENAPI"))


def file_of(path: str) -> str | None:
    """Return the description that contains a path, or None."""
    return next((file for prefix, file in PREFIXES.items() if path.startswith(prefix)), None)


@cache
def description(file: str) -> dict[str, Any]:
    """Return a description, made strict: an object has no property that the description does not name."""
    text = (Path(os.environ["STYTCH_RECONCILER_OPENAPI"]) / file).read_text()
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)  # CSafeLoader is the safe one
    for schema in document["components"]["schemas"].values():
        if schema.get("properties"):
            schema.setdefault("additionalProperties", False)
    return document


@cache
def _schema_registry() -> Registry[Any]:
    registry: Registry[Any] = Registry[Any]()
    for file in (DATA, MANAGEMENT):
        registry = registry.with_resource(_urn(file), DRAFT202012.create_resource(description(file)))
    return registry


def _urn(file: str) -> str:
    return f"urn:stytch:{file}"


@cache
def _operations(file: str) -> list[tuple[str, re.Pattern[str], str, dict[str, Any]]]:
    found = []
    for path, operations in description(file)["paths"].items():
        template = re.sub(r":(\w+)", r"{\1}", path)  # The management API's are written so.
        pattern = re.compile(re.sub(r"\\{[^/]*?\\}", "[^/]+", re.escape(template)))
        found += [
            (method.upper(), pattern, template, operation)
            for method, operation in operations.items()
            if isinstance(operation, dict) and "operationId" in operation
        ]
    return sorted(found, key=lambda each: each[2].count("{"))


def operation(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """Return the path and the description of a request's operation. A literal path wins over a parameter."""
    file = file_of(path)
    for known, pattern, template, found in _operations(file) if file else ():
        if known == method and pattern.fullmatch(path):
            return f"{method} {template}", found
    return None


def shape(value: Any) -> Any:
    """Return the names and types in a value, without its texts, which matter only for enumerations."""
    if isinstance(value, dict):
        return tuple((key, shape(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return frozenset(map(shape, value[:ROWS]))
    return type(value)


def thinned(value: Any) -> Any:
    """Return the value with one row of each shape among the first rows of its lists: enough of a long page."""
    if isinstance(value, dict):
        return {key: thinned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [thinned(row) for row in {shape(row): row for row in value[:ROWS]}.values()]
    return value


class Seen(Counter[Any]):
    """The number of answers of an operation in one shape during these tests."""

    def is_familiar(self, method: str, path: str, status: int, body: bytes) -> bool:
        """Return whether answers of this shape have been compared often enough, with enough different texts."""
        found = operation(method, path)
        key = (found[0] if found else (method, path), status, shape(json.loads(body)))
        self[key] += 1
        return self[key] > OFTEN


def mismatches(method: str, path: str, status: int, body: bytes, *, whole: bool = True) -> list[Mismatch]:
    """Return every difference of this response, listed or not. Responses of the former management API have none.

    Unless ``whole``, only some rows of a list are compared: one of those that differ only in their texts.
    """
    if file_of(path) is None:
        return []
    found = operation(method, path)
    answer = json.loads(body) if whole else thinned(json.loads(body))
    if status >= 400:
        wrong = [name for name, type_ in ERROR.items() if not isinstance(answer.get(name), type_)]
        wrong += [name for name in answer if name not in ERROR]
        return [Mismatch(f"{method} {path}", name, "is not of the error envelope") for name in wrong]
    if found is None:
        return [Mismatch(f"{method} {path}", "", "is not described")]
    name, operation_ = found
    problems = []
    if str(status) not in operation_["responses"]:
        problems.append(Mismatch(name, "", f"status {status} is not described"))
    schema = operation_["responses"]["200"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator(
        {"$ref": f"{_urn(file_of(path) or DATA)}{schema['$ref']}"}, registry=_schema_registry()
    )
    for error in validator.iter_errors(answer):
        at = "/".join("*" if isinstance(key, int) else str(key) for key in error.absolute_path)
        at = re.sub(r"(?<=organizations/)organization-[^/]*", "*", at)
        # Never the value itself: a mismatch only needs its type.
        told = (
            f"{type(error.instance).__name__} is not {error.validator_value}"
            if error.validator == "type"
            else error.message
        )
        problems.append(Mismatch(name, at, told))
    if answer.get("status_code") != status:
        problems.append(Mismatch(name, "status_code", "is not the status"))
    return problems


@cache
def listed() -> tuple[dict[str, str], ...]:
    """Return the known mismatches."""
    return tuple(yaml.safe_load(MISMATCHES.read_text()))


def unlisted(found: list[Mismatch]) -> list[Mismatch]:
    """Return the mismatches that mismatches.yaml does not list."""
    return [each for each in found if not any(covers(known, each) for known in listed())]


def covers(known: dict[str, str], mismatch: Mismatch) -> bool:
    """Return whether a line of mismatches.yaml covers this mismatch."""
    return (
        re.fullmatch(known["operation"], mismatch.operation) is not None
        and re.fullmatch(known["at"], mismatch.at) is not None
        and re.fullmatch(known["message"], mismatch.message) is not None
    )
