"""JWT templates: custom claims of session and M2M tokens (docs/stytch.md, "JWT templates")."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.model import Delete, Live, Place, Update
from reconciler.schema import Kind
from reconciler.traits import Clearable, FromFile, TextFile
from reconciler.writing import Scene, Written, overlaid, repeated

if TYPE_CHECKING:
    from reconciler.clients.data import Client

TYPES: Final = ("SESSION", "M2M")
DEFAULTS: Final = MappingProxyType({"template_content": "{}", "custom_audience": ""})


class JWTTemplateSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """What can be written of a JWT template; Stytch's own ``{{ }}`` in it are left as they are."""

    template_content: Annotated[str | TextFile | UnsetType, FromFile()] = UNSET
    custom_audience: Annotated[str | UnsetType | None, Clearable("an empty string", sends="")] = UNSET


def read(client: "Client", place: Place) -> Iterator[Live]:
    """Read both templates, which are always there."""
    for sort in TYPES:
        template = _get(client, place, sort)
        spec = {name: template.get(name, default) for name, default in DEFAULTS.items()}
        yield Live(kind="JWTTemplate", name=sort, id=sort, spec=spec)


def write(client: "Client", change: Update | Delete, scene: Scene) -> Written:
    """Set both fields, which Stytch takes only together; a delete sets what they were before anybody did."""
    spec = overlaid(KIND, _get(client, scene.place, change.name), change)
    body = {name: spec.get(name, default) for name, default in DEFAULTS.items()}
    answer = repeated(lambda: client.management.write("PUT", _path(scene.place, change.name), body))
    return Written(change.name, str(answer["request_id"]))


def _get(client: "Client", place: Place, sort: str) -> dict[str, Any]:
    found: dict[str, Any] = client.management.get(_path(place, sort))["jwt_template"]
    return found


def _path(place: Place, sort: str) -> str:
    return f"{place.path}/jwt_templates/{sort}"


KIND: Final = Kind(
    name="JWTTemplate",
    spec=JWTTemplateSpec,
    managed_by="management",
    key="jwt_template_type",
    key_type=Literal["SESSION", "M2M"],
    names="whose tokens: `SESSION` or `M2M`",
    singletons=TYPES,
    defaults=DEFAULTS,
    list=read,
    update=write,
    delete=write,
)
