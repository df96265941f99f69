"""A document and its type → every mistake in the document, with its place and a suggestion.

A document that is right is proven so by msgspec in microseconds. One that is not is held against the JSON Schema of
the same type, which finds every mistake instead of the first.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from reconciler.expressions.template import OPEN, is_single
from reconciler.model import Json, Path, Position, Problem, problem
from reconciler.suggest import did_you_mean, show, suggest_allowed

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

_LISTED: Final = 10  # values that are all named where one of them is expected
_HIDDEN: Final = "***"

DocumentType = type[msgspec.Struct]
At = Callable[..., Position]  # called with the keys of a path
Computed = Callable[[Path], bool]  # whether a string at a path may hold an expression, which is computed later
Hides = Callable[["ValidationError"], bool]
Notes = Mapping[str, tuple[str, str]]  # key → message, hint
_NO_NOTES: Final[Notes] = {}
_Error = tuple[Path, str, str, str]  # path, code, message, hint

_OF_KEYS: Final = frozenset({"unknown-key", "expression-in-key"})
_SINGULAR: Final = re.compile(r"a ([\w -]*?(?:string|map|number))\b")
_TYPES: Final = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a map",
}
_SAYS_BOOLEAN: Final = frozenset({"yes", "no", "on", "off", "y", "n"})


def is_valid(value: Json, document_type: DocumentType) -> bool:
    """Return whether a value is of a type; strings are what they look like."""
    try:
        msgspec.convert(value, document_type)
    except msgspec.ValidationError:
        return False
    return True


def validation_errors(
    value: Json,
    document_type: DocumentType,
    at: At,
    key_at: At | None = None,
    *,
    notes: Notes = _NO_NOTES,
    computed: Computed | None = None,
) -> Sequence[Problem]:
    """Return every way in which ``value`` is not of a type, all at once.

    ``at`` and ``key_at`` give where the value at a path, and its key, stand; ``notes`` holds what is to be said, and
    what to do, about keys that are known and still do not belong here. ``computed`` tells at which paths a string that
    holds an expression stands for another value: there it may be of any type, and nowhere else may there be one.
    Without it, strings are what they look like.
    """
    if is_valid(value, document_type) and (computed is None or _computed_where_allowed(value, computed)):
        return ()
    return [
        problem(code, message, hint, key_at(*path) if key_at and code in _OF_KEYS else at(*path))
        for path, code, message, hint in _errors_in(value, document_type, notes, computed)
    ]


def _computed_where_allowed(value: Json, computed: Computed) -> bool:
    return not has_template(value) or all(computed(path) and not is_key for path, is_key in templates_in(value))


def _errors_in(value: Json, document_type: DocumentType, notes: Notes, computed: Computed | None) -> Iterator[_Error]:
    """Yield every mistake: first those of keys and types, then expressions where nothing is computed."""
    hides = partial(_hides, computed) if computed else _hides_nothing
    found = [
        one
        for error in _validator(document_type).iter_errors(value)
        if not hides(error)
        for one in _explained(error, notes, hides)
    ]
    yield from dict.fromkeys(found)  # a value may break several rules of its type, which is one mistake
    if computed is None:
        if not found:
            try:
                msgspec.convert(value, document_type)
            except msgspec.ValidationError as error:  # what its type forbids and JSON Schema cannot say
                yield (), "wrong-value", str(error), ""
        return
    wrong = {path for path, *_ in found}
    for path, is_key in templates_in(value):
        known_already = any(path[:length] in wrong for length in range(1, len(path) + 1))
        if is_key:
            hint = "write the key itself; only values are computed"
            yield path, "expression-in-key", f"the key {path[-1]} holds an expression", hint
        elif not known_already and not computed(path):
            message = f"no expression is computed in {_spelled(path)}: it would be taken literally"
            yield path, "expression-not-computed", message, "write the value itself"


def nowhere(_path: Path) -> bool:
    """Return False: nothing is computed, as in ``reconciler.yaml``."""
    return False


def has_template(value: Json) -> bool:
    """Return whether any string or key in a value holds an expression."""
    waiting: list[Json] = [value]
    for each in waiting:
        if isinstance(each, str):
            if OPEN in each:
                return True
        elif isinstance(each, dict):
            waiting += each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return False


def templates_in(value: Json, path: Path = ()) -> Iterator[tuple[Path, bool]]:
    """Yield the path of every string that holds an expression, and of every key (True) that does."""
    parts: Iterable[tuple[str, Json]] = ()
    if isinstance(value, str):
        if OPEN in value:
            yield path, False
    elif isinstance(value, dict):
        yield from (((*path, key), True) for key in value if OPEN in key)
        parts = value.items()
    elif isinstance(value, list):
        parts = ((str(index), item) for index, item in enumerate(value))
    for key, inner in parts:
        yield from templates_in(inner, (*path, key))


def strings_in(value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every string in a value with the path to it."""
    parts: Iterable[tuple[str, Json]] = ()
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = ((str(index), item) for index, item in enumerate(value))
    for key, inner in parts:
        yield from strings_in(inner, (*path, key))


def _hides_nothing(_error: "ValidationError") -> bool:
    return False


def _hides(computed: Computed, error: "ValidationError") -> bool:
    """Return whether an error may be none once an expression is computed: it is about the value that stands there.

    Of an alternative, one that may fit is enough. A longer text with an expression in it is a text, whatever it says.
    """
    if error.validator == "anyOf" and not isinstance(error.instance, str):
        return any(all(map(partial(_hides, computed), errors)) for errors in _by_option(error).values())
    text: Json = error.instance
    if not isinstance(text, str) or OPEN not in text or not computed(tuple(map(str, error.absolute_path))):
        return False
    return is_single(text) or _takes_text(cast("Any", error.schema))


def _takes_text(schema: Mapping[str, Any]) -> bool:
    """Return whether some text is of the type of a schema."""
    if "anyOf" in schema:
        return any(map(_takes_text, schema["anyOf"]))
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return any(isinstance(one, str) for one in values) if values else schema.get("type", "string") == "string"


def json_schema_of(document_type: DocumentType) -> dict[str, Json]:
    """Return the JSON Schema of a type, whole in itself: without references."""
    (schema,), definitions = msgspec.json.schema_components([document_type])
    resolved: dict[str, Json] = _inlined(schema, definitions)
    return resolved


@cache
def _validator(document_type: DocumentType) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def required(_: Any, keys: Sequence[str], value: Json, _schema: Json) -> Iterator["ValidationError"]:
        """Yield an error for each key that is missing, whose value is the key: jsonschema's has it in a sentence."""
        missing = [key for key in keys if key not in value] if isinstance(value, dict) else ()
        yield from (ValidationError(f"no {key}", validator_value=key) for key in missing)

    extended = extend(Draft202012Validator, {"required": required})  # type: ignore[no-untyped-call] # of jsonschema
    validator: Draft202012Validator = extended(json_schema_of(document_type))
    return validator


def _inlined(schema: Json, definitions: Mapping[str, Json]) -> Json:
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions), **rest}
    return {key: _inlined(value, definitions) for key, value in schema.items() if key != "default"}


def _explained(error: "ValidationError", notes: Notes, hides: Hides) -> Iterator[_Error]:
    """Describe one violation of the schema."""
    path = tuple(map(str, error.absolute_path))
    schema: Any = error.schema
    value, rule = _harmless(error.instance, schema), cast("Any", error.validator_value)
    where = _spelled(path)
    match error.validator:
        case "additionalProperties" if rule is False:
            yield from _unknown_keys(path, value, schema.get("properties", {}), notes)
        case "required":
            yield path, "missing-key", f"{where} has no {rule}", _expected_key(schema, rule)
        case "anyOf":
            yield from _alternatives(error, notes, path, hides)
        case "enum" | "const":
            allowed = [rule] if error.validator == "const" else list(rule)
            expected = _described({"enum": allowed})
            meant = did_you_mean(value, map(str, allowed)) if isinstance(value, str) else ""
            hint = meant or _type_hint(schema, value)
            yield path, "wrong-value", f"{where} is {show(value)}; expected {expected}", hint
        case "type" if schema.get("properties", {}).keys() == {"secret"}:
            hint = "write {secret: NAME}, and keep the secret in an environment variable or in the credential store"
            yield path, "not-a-secret-name", f"{where} is not the name of a secret", hint  # it may be the secret itself
        case "pattern" if path[-1:] == ("secret",):
            yield path, "wrong-value", f"{where} is not {_described(schema)}", ""  # as above
        case "type":
            message = f"{where} is {_with_type(value)}; expected {_described(schema)}"
            yield path, "wrong-type", message, _type_hint(schema, value)
        case _:
            yield path, "wrong-value", f"{where} is {show(value)}; expected {_described(schema)}", ""


def _unknown_keys(path: Path, value: Json, known: Mapping[str, Json], notes: Notes) -> Iterator[_Error]:
    for key in value:
        if key in known:
            continue
        if key in notes:
            yield (*path, key), "unknown-key", *notes[key]
        else:
            inside = f" in {_spelled(path)}" if path else ""
            yield (*path, key), "unknown-key", f"unknown key {key}{inside}", suggest_allowed(key, known)


def _alternatives(error: "ValidationError", notes: Notes, path: Path, hides: Hides) -> Iterator[_Error]:
    """Explain by the one alternative that is of the value's own type; otherwise say what there is to choose from."""
    options: Any = error.validator_value
    fitting = [errors for errors in _by_option(error).values() if not any(map(_is_of_another_type, errors))]
    if len(fitting) == 1:
        for inner in fitting[0]:
            if not hides(inner):
                yield from _explained(inner, notes, hides)
        return
    found = _with_type(_harmless(error.instance, *options))
    message = f"{_spelled(path)} is {found}; expected {_described(cast('Any', error.schema))}"
    only = {"type": "string"} if any(option.get("type") == "string" for option in options) else {}
    yield path, "wrong-type", message, _type_hint(only, error.instance)


def _is_of_another_type(error: "ValidationError") -> bool:
    """Return whether a violation is that the whole value is of another type than its alternative."""
    if error.relative_path:
        return False
    if error.validator == "enum":
        return not any(type(each) is type(error.instance) for each in cast("Any", error.validator_value))
    return error.validator in ("type", "const")


def _by_option(error: "ValidationError") -> Mapping[int, Sequence["ValidationError"]]:
    """Return the errors of each alternative of which none fits."""
    by_option: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        by_option.setdefault(int(inner.schema_path[0]), []).append(inner)
    return by_option


def _harmless(value: Json, *schemas: Mapping[str, Any]) -> Json:
    """Return a value to be shown; a text that stands where secrets belong may be one."""
    return _HIDDEN if isinstance(value, str) and any(map(_holds_secret, schemas)) else value


def _holds_secret(schema: Mapping[str, Any]) -> bool:
    """Return whether the name of a secret belongs in what a schema describes."""
    known = schema.get("properties", {})
    return known.keys() == {"secret"} or any(map(_holds_secret, known.values()))


def _spelled(path: Path) -> str:
    """Spell a path as people do: ``spec.rules[0].match``."""
    text = ""
    for key in path:
        text += f"[{key}]" if key.isdigit() else f".{key}" if text else key
    return text or "the document"


def _with_type(value: Json) -> str:
    word = {str: "the string", int: "the number", float: "the number"}.get(type(value), "")
    return f"{word} {show(value)}" if word else show(value)


def _described(schema: Mapping[str, Any]) -> str:
    """Return what a schema accepts."""
    if "anyOf" in schema:
        return " or ".join(_described(option) for option in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        if len(values) > _LISTED:
            return f"one of {', '.join(map(str, values[:3]))} and more"
        return f"{'one of ' if len(values) > 1 else ''}{', '.join(map(str, values))}"
    name = _TYPES.get(str(schema.get("type")), "something else")
    if "pattern" in schema and "description" in schema:
        name = schema["description"]
    if "items" in schema and isinstance(schema["items"], dict) and schema["items"]:
        name += f" of {_plural(_described(schema['items']))}"
    return name.removesuffix(_bounds(schema)) + _bounds(schema)


def _plural(text: str) -> str:
    one = _SINGULAR.match(text)
    return f"{one[1]}s{text[one.end() :]}" if one else text


def _bounds(schema: Mapping[str, Any]) -> str:
    low = next((schema[key] for key in ("minLength", "minItems", "minimum") if key in schema), None)
    high = next((schema[key] for key in ("maxLength", "maxItems", "maximum") if key in schema), None)
    unit = {"string": " characters", "array": " items"}.get(str(schema.get("type")), "")
    if low is not None and high is not None:
        return f", {low} to {high}{unit}"
    if low is None and "exclusiveMinimum" in schema:
        return f" above {schema['exclusiveMinimum']}" + (f" and at most {high}" if high is not None else "")
    if high is not None:
        return f", at most {high}{unit}"
    if low == 1 and unit:
        return ", not empty"
    return f", at least {low}{unit}" if low is not None else ""


def _expected_key(schema: Mapping[str, Any], key: str) -> str:
    described = schema.get("properties", {}).get(key)
    return f"add {key}: {_described(described)}" if described else f"add {key}"


def _type_hint(schema: Mapping[str, Any], value: Json) -> str:
    wanted = schema.get("type")
    if wanted == "string" and isinstance(value, bool | int | float):
        return "quote it to make it a string"
    if wanted == "boolean" and isinstance(value, str):
        said = "in YAML 1.2 yes, no, on and off are strings; " if value.lower() in _SAYS_BOOLEAN else ""
        return f"{said}write true or false, without quotes"
    if wanted == "array" and isinstance(value, str):
        return f"write it as a list: [{show(value)}]"
    if value is None:
        return "remove the key: a key that is left out is not managed"
    return ""
