"""JWT templates: custom claims of session and M2M tokens (docs/stytch.md, "JWT templates")."""

import json
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.kinds._writing import ApplyContext, WriteResult, merged_into_live, retry_idempotent
from reconciler.model import Delete, Live, Problem, Resource, Target, Update
from reconciler.schema.kind import Identity, Key, Kind, Verbs
from reconciler.schema.traits import Clearable, FromFile, TextFile

if TYPE_CHECKING:
    from reconciler.clients.b2b import Client

TYPES: Final = ("SESSION", "M2M")
CONTENT: Final = "template_content"
TAG: Final = re.compile(r"\{\{[^{}]*\}\}")
BLOCK: Final = re.compile(r"\{\{\s*(?:[#/^!>&]|else\b)")  # more than a value: its result is unknown
OF_CONSUMERS: Final = re.compile(r"\{\{\s*user\.")
ANY_VALUE: Final = "0"  # takes a tag's place: a value by itself, text in a text
DEFAULTS: Final = MappingProxyType({CONTENT: "{}", "custom_audience": ""})


class JWTTemplateSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """What can be written of a JWT template; Stytch's own ``{{ }}`` in it are left as they are."""

    template_content: Annotated[str | TextFile | UnsetType, FromFile()] = UNSET
    custom_audience: Annotated[str | UnsetType | None, Clearable("an empty string", sends="")] = UNSET


def read(client: "Client", target: Target) -> Iterator[Live]:
    """Read both templates, which are always there."""
    for sort in TYPES:
        template = _get(client, target, sort)
        spec = {name: template.get(name, default) for name, default in DEFAULTS.items()}
        yield Live(kind="JWTTemplate", name=sort, id=sort, spec=spec)


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        content = spec.get(CONTENT)
        if not isinstance(content, str):
            continue
        tags, bare = TAG.findall(content), TAG.sub(ANY_VALUE, content)
        if any(OF_CONSUMERS.match(tag) for tag in tags):
            message = "{{ user.… }} is for Consumer projects; a B2B project has no users"
            hint = "write {{ member.… }} or {{ organization.… }}"
            yield resource.problem("template", message, hint, (part, CONTENT))
        if "{{" in bare:
            hint = "close it with }}"
            yield resource.problem("template", "a tag is opened with {{ but not closed", hint, (part, CONTENT))
        elif not any(BLOCK.match(tag) for tag in tags) and (wrong := _no_object(bare)):
            hint = 'a tag stands for a value, or in a text: {"tier": {{ organization.trusted_metadata.tier }}}'
            yield resource.problem("template", f"the template is not a JSON object: {wrong}", hint, (part, CONTENT))


def _no_object(text: str) -> str:
    """Return why a text is not a JSON object; "" if it is one."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}: {error.msg}"
    except RecursionError:
        return "it is nested too deeply"
    return "" if isinstance(found, dict) else "it is another JSON value"


def write(client: "Client", change: Update | Delete, context: ApplyContext) -> WriteResult:
    """Set both fields, which Stytch takes only together; a delete sets what they were before anybody did."""
    spec = merged_into_live(KIND, _get(client, context.target, change.name), change)
    body = {name: spec.get(name, default) for name, default in DEFAULTS.items()}
    answer = retry_idempotent(lambda: client.management.write("PUT", _path(context.target, change.name), body))
    return WriteResult(change.name, str(answer["request_id"]), answer.get("jwt_template"))


def _get(client: "Client", target: Target, sort: str) -> dict[str, Any]:
    found: dict[str, Any] = client.management.get(_path(target, sort))["jwt_template"]
    return found


def _path(target: Target, sort: str) -> str:
    return f"{target.path}/jwt_templates/{sort}"


KIND: Final = Kind(
    name="JWTTemplate",
    spec=JWTTemplateSpec,
    api="management",
    key=Key("jwt_template_type", Literal["SESSION", "M2M"], "whose tokens: `SESSION` or `M2M`"),
    identity=Identity(singletons=TYPES),
    defaults=DEFAULTS,
    check=check,
    verbs=Verbs(list=read, update=write, delete=write),
)
