"""JWT templates: custom claims of session and M2M tokens (docs/stytch.md, "JWT templates")."""

import json
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.kinds._rest import Record, Setting
from reconciler.model import Problem, Resource, Spec
from reconciler.schema.kind import Identity, Key, Kind, Order, nothing
from reconciler.schema.traits import Clearable, FromFile, TextFile

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


def _spec(record: Record) -> Spec:
    return {name: record.get(name, default) for name, default in DEFAULTS.items()}


SETTING: Final = Setting(
    path="jwt_templates/{name}",
    record="jwt_template",
    spec=_spec,
)
KIND: Final = SETTING.added_to(
    Kind(
        name="JWTTemplate",
        spec=JWTTemplateSpec,
        api="management",
        key=Key("jwt_template_type", Literal["SESSION", "M2M"], "whose tokens: `SESSION` or `M2M`"),
        identity=Identity(singletons=TYPES),
        order=Order(shares=nothing),
        defaults=DEFAULTS,
        check=check,
    )
)
