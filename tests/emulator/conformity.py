"""Holds responses to the vendor's OpenAPI descriptions; what differs must be listed in mismatches.yaml."""

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
    """One way in which a response is not as described: at which operation, where in the body, and how."""

    operation: str
    at: str
    message: str

    def __str__(self) -> str:
        return f"{self.operation} at {self.at or 'the top'}: {self.message}"


def described() -> bool:
    """Whether the descriptions are at hand."""
    return bool(os.environ.get("STYTCH_RECONCILER_OPENAPI"))


def file_of(path: str) -> str | None:
    """The description that a path is in, if any is."""
    return next((file for prefix, file in PREFIXES.items() if path.startswith(prefix)), None)


@cache
def description(file: str) -> dict[str, Any]:
    """A description, strict: an object has no property that it does not name."""
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
    """The operation that serves a request, as its path and its description; a literal path wins over a parameter."""
    file = file_of(path)
    for known, pattern, template, found in _operations(file) if file else ():
        if known == method and pattern.fullmatch(path):
            return f"{method} {template}", found
    return None


def shape(value: Any) -> Any:
    """What of a value a description is about, but for enumerations: the names and types in it, whatever the texts."""
    if isinstance(value, dict):
        return tuple((key, shape(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return frozenset(map(shape, value[:ROWS]))
    return type(value)


def thinned(value: Any) -> Any:
    """The value with one row of each shape among the first in its lists: a page of a thousand says little more."""
    if isinstance(value, dict):
        return {key: thinned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [thinned(row) for row in {shape(row): row for row in value[:ROWS]}.values()]
    return value


class Seen(Counter[Any]):
    """How often an operation has answered in one shape during these tests."""

    def is_familiar(self, method: str, path: str, status: int, body: bytes) -> bool:
        """Whether it has been compared often enough, with enough other texts, that it need not be once more."""
        found = operation(method, path)
        key = (found[0] if found else (method, path), status, shape(json.loads(body)))
        self[key] += 1
        return self[key] > OFTEN


def mismatches(method: str, path: str, status: int, body: bytes, *, whole: bool = True) -> list[Mismatch]:
    """Every way in which this response is not as described, listed or not; nothing is said of the former API's.

    Unless ``whole``, only some rows of a list are compared, of those that differ in their texts alone one.
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
        # Never the value itself: only its type, which is what a mismatch is about.
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
    """The known mismatches."""
    return tuple(yaml.safe_load(MISMATCHES.read_text()))


def unlisted(found: list[Mismatch]) -> list[Mismatch]:
    """Those that mismatches.yaml does not know."""
    return [each for each in found if not any(covers(known, each) for known in listed())]


def covers(known: dict[str, str], mismatch: Mismatch) -> bool:
    """Whether a line of mismatches.yaml speaks of this one."""
    return (
        re.fullmatch(known["operation"], mismatch.operation) is not None
        and re.fullmatch(known["at"], mismatch.at) is not None
        and re.fullmatch(known["message"], mismatch.message) is not None
    )
