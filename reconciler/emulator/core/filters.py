"""Search filters: each is an SQL condition on a row, and the shape of its value [1.3]."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields

FUZZY_LENGTH = 3
MOST_VALUES = 1000
LISTED = "(SELECT value FROM json_each({value}))"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: ``sql`` with ``{value}`` for the bound value; ``shape`` is a key of ``_SHAPES``."""

    shape: str
    sql: str


def any_of(expression: str) -> Filter:
    """Return the filter: the expression is one of the strings."""
    return Filter("strings", f"{expression} IN {LISTED}")


def named(prefix: str, *, fold: bool = False) -> Filter:
    """Return the filter: the object has one of the names that ``prefix`` and the strings form."""
    value = "lower(value)" if fold else "value"
    wanted = f"(SELECT '{prefix}:' || {value} FROM json_each({{value}}))"  # noqa: S608 # its parts are written in this package; values are bound
    inner = "SELECT object FROM name WHERE collection = :collection AND parent = :parent"
    return Filter("strings", f"number IN ({inner} AND name IN {wanted})")


def holds(expression: str) -> Filter:
    """Return the filter: the text contains the string, in any case."""
    return Filter("fuzzy", f"instr(lower(coalesce({expression}, '')), lower({{value}})) > 0")


def each(path: str, condition: str, shape: str = "strings") -> Filter:
    """Return the filter: an item of the list at ``path`` meets the condition, in which ``value`` is the item."""
    return Filter(shape, f"EXISTS (SELECT 1 FROM json_each(text, '{path}') AS item WHERE {condition})")  # noqa: S608 # its parts are written in this package; values are bound


def item_in(path: str, field: str) -> Filter:
    """Return the filter: a field of an item of the list at ``path`` is one of the strings."""
    return each(path, f"json_extract(item.value, '$.{field}') IN {LISTED}")


def item_flag(path: str) -> Filter:
    """Return the filter: the list at ``path`` has a verified item, or an unverified one."""
    return each(path, "json_extract(item.value, '$.verified') = {value}", "flag")


def item_holds(path: str, field: str) -> Filter:
    """Return the filter: a field of an item of the list at ``path`` contains the string, in any case."""
    return each(path, f"instr(lower(json_extract(item.value, '$.{field}')), lower({{value}})) > 0", "fuzzy")


def condition(body: Fields, kind: str, filters: Mapping[str, Filter]) -> tuple[str, dict[str, Any]]:
    """Return the request's ``query`` as an SQL condition and its values.

    Raises:
        Refusal: with the vendor's error type for an invalid filter, operator or value.
    """
    query = body.get("query")
    if query is None:
        return "1", {}
    operands = query.get("operands") if isinstance(query, dict) else ""
    if not isinstance(operands, list | None):
        raise Refusal("bad_request", "query must have an operator and operands.")
    operator = "AND" if query.get("operator") in (None, "") else query["operator"]
    if operator not in ("AND", "OR"):  # A tuple, because the value may not be hashable.
        raise Refusal(
            "user_search_invalid_operator" if kind == "user" else "bad_request", "operator must be AND or OR."
        )
    parts, values = [], {}
    for place, operand in enumerate(operands or ()):
        filter_ = _filter(operand, kind, filters)
        values[f"value{place}"] = _SHAPES[filter_.shape](operand, kind)
        parts.append("(" + filter_.sql.replace("{value}", f":value{place}") + ")")
    return f" {operator} ".join(parts) or "1", values


def operand_values(body: Fields, name: str) -> list[Any]:
    """Return the values of every operand with this filter name, in a request that ``condition`` has checked."""
    operands = (body.get("query") or {}).get("operands") or ()
    lists = [operand.get("filter_value") for operand in operands if operand.get("filter_name") == name]
    return [value for values in lists if isinstance(values, list) for value in values]


def _filter(operand: Any, kind: str, filters: Mapping[str, Filter]) -> Filter:
    name = operand.get("filter_name") if isinstance(operand, dict) else None
    if name is None:
        raise Refusal(f"{kind}_search_missing_filter_name", "An operand has no filter_name.")
    if not isinstance(name, str):
        raise Refusal(f"{kind}_search_filter_name_must_be_string", "filter_name must be a string.")
    if name not in filters:
        raise Refusal(f"{kind}_search_filter_name_not_recognized", f"There is no filter {name[:100]}.")
    if operand.get("filter_value") is None:
        error = "bad_request" if kind == "user" else f"{kind}_search_missing_filter_value"
        raise Refusal(error, f"{name} has no filter_value.")
    return filters[name]


def _strings(operand: Fields, kind: str) -> str:
    values = operand["filter_value"]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        error = "user_search_expected_array_of_string" if kind == "user" else f"{kind}_search_expected_array_of_strings"
        raise Refusal(error, f"{operand['filter_name']} needs an array of strings.")
    if kind == "user" and len(values) > MOST_VALUES:
        raise Refusal("user_search_maximum_filter_value_count_exceeded", "There are too many filter values.")
    return json.dumps(values)


def _string(operand: Fields, kind: str) -> str:
    """Return the shape of one string; a list of strings is accepted too."""
    value = operand["filter_value"]
    return _strings({**operand, "filter_value": [value] if isinstance(value, str) else value}, kind)


def _fuzzy(operand: Fields, kind: str) -> str:
    value, name = operand["filter_value"], operand["filter_name"]
    if not isinstance(value, str):
        raise Refusal("bad_request", f"{name} needs a string.")
    if len(value) < FUZZY_LENGTH:
        known = {"member_phone_number_fuzzy": "member_mfa_phone_number_fuzzy"}.get(name, name)
        error = f"{kind}_search_{known}_too_short"
        raise Refusal(error, f"{name} needs at least {FUZZY_LENGTH} characters.")
    return value


def _flag(operand: Fields, kind: str) -> bool:  # noqa: ARG001 # every shape is called alike
    if not isinstance(operand["filter_value"], bool):
        raise Refusal("bad_request", f"{operand['filter_name']} needs true or false.")
    return bool(operand["filter_value"])


def _status(operand: Fields, kind: str) -> str:
    value = operand["filter_value"]
    values = value if isinstance(value, list) else [value]
    if not all(value in ("active", "pending") for value in values):  # A tuple: an item may not be hashable.
        raise Refusal(f"{kind}_search_invalid_status_filter", "status must be active or pending.")
    return json.dumps(values)


def _time(operand: Fields, kind: str) -> str:  # noqa: ARG001 # every shape is called alike
    if not isinstance(operand["filter_value"], str):
        raise Refusal("bad_request", f"{operand['filter_name']} needs an RFC 3339 time.")
    return str(operand["filter_value"])


def _between(operand: Fields, kind: str) -> str:  # noqa: ARG001 # every shape is called alike
    value = operand["filter_value"]
    bounds = ("greater_than", "less_than")
    if not isinstance(value, dict) or not all(isinstance(value.get(bound), str) for bound in bounds):
        raise Refusal("bad_request", f"{operand['filter_name']} needs greater_than and less_than.")
    return json.dumps(value)


_SHAPES: dict[str, Callable[[Fields, str], Any]] = {
    "strings": _strings,
    "string": _string,
    "fuzzy": _fuzzy,
    "flag": _flag,
    "status": _status,
    "time": _time,
    "between": _between,
}
