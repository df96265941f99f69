"""Redirect URLs: where people may be sent back to when they have signed in (docs/stytch.md, "Redirect URLs")."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.kinds._context import Access, ApplyContext
from reconciler.kinds._writing import WriteResult, delete_resource, merged_into_live, must_exist, retry_idempotent
from reconciler.model import Change, Create, Delete, FieldChange, Live, Path, Problem, Resource, Spec, Update
from reconciler.schema.kind import Identity, Key, Kind, Order, Verbs
from reconciler.schema.traits import Keyed, completed
from reconciler.schema.types import Text, check_listed_once

# A URL with a * in its host, or a {} in its query, stands for many.
MANY: Final = re.compile(r"[^/?#]*//[^/?#]*\*|[^?#]*\?[^#]*\{\}")
# Without it Stytch makes some other URL the default of a type that has none (docs/stytch.md, "Redirect URLs").
AS_TOLD: Final = "true"


class ValidType(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a URL is good for, and whether it is the one where none is asked for."""

    type: Literal["LOGIN", "INVITE", "SIGNUP", "RESET_PASSWORD", "DISCOVERY"]
    is_default: bool = False


class RedirectURLSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """What can be written of a redirect URL, under Stytch's names; the URL itself is ``metadata.name``."""

    valid_types: Annotated[Annotated[list[ValidType], Meta(min_length=1)] | UnsetType, Keyed("type")] = UNSET


def read(access: Access) -> Iterator[Live]:
    """Read every redirect URL of the environment."""
    for row in access.management.get(f"{access.target.path}/redirect_urls/all")["redirect_urls"]:
        spec = {"valid_types": row["valid_types"]}
        yield Live(kind="RedirectURL", name=row["url"], id=row["url"], spec=completed(RedirectURLSpec, spec))


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    types = [each["type"] for each in resource.spec.get("valid_types") or ()]
    yield from check_listed_once(resource, ("spec", "valid_types"), types)
    for claim, path in claims(resource) if MANY.match(resource.name) else ():
        message = f"a URL with a wildcard cannot be {claim}"
        yield resource.problem("not-possible", message, "make a URL without * and {} the default", path)


def claims(resource: Resource) -> Iterator[tuple[str, Path]]:
    """Yield each type that a URL is the default of."""
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        for each in spec.get("valid_types") or ():
            if each.get("is_default"):
                yield f"the default for {each['type']}", (part, "valid_types")


def create(change: Create, context: ApplyContext) -> WriteResult:
    """Add the URL; Stytch adds the types to one that is there already, so that this may be repeated."""
    path = f"{context.target.path}/redirect_urls"
    body = _body(change.name, completed(RedirectURLSpec, merged_into_live(KIND, {}, change)))
    answer = retry_idempotent(lambda: context.management.write("POST", path, body))
    return WriteResult(change.name, str(answer["request_id"]), answer.get("redirect_url"))


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Replace the types whole, starting from those that are live now."""
    path = f"{context.target.path}/redirect_urls"

    def whole() -> dict[str, Any]:
        row = must_exist(lambda: context.management.get(path, url=change.name))["redirect_url"]
        live = completed(RedirectURLSpec, {"valid_types": row["valid_types"]})
        return _body(change.name, merged_into_live(KIND, _as_seen(live, change), change))

    parameters = {"url": change.name}
    answer = retry_idempotent(lambda: context.management.write_whole("PUT", path, whole, parameters))
    return WriteResult(change.name, str(answer["request_id"]), answer.get("redirect_url"))


def delete(change: Delete, context: ApplyContext) -> WriteResult:
    """Remove the URL."""
    path = f"{context.target.path}/redirect_urls"
    asked = {"url": change.name, "do_not_promote_defaults": AS_TOLD}
    return WriteResult(
        change.name,
        delete_resource(lambda: str(context.management.write("DELETE", path, parameters=asked)["request_id"])),
    )


def _as_seen(live: Spec, change: Update) -> Spec:
    """Return what is live as the plan saw it, where it is the same type: making one URL a default unmakes another."""
    seen = {field.path[-1]: field.before for field in change.fields if field.before is not UNSET}
    return {"valid_types": [seen.get(each["type"], each) for each in live["valid_types"]]}


def _body(url: str, spec: Spec) -> dict[str, Any]:
    return {"url": url, "valid_types": spec["valid_types"], "do_not_promote_defaults": True}


def promotes_first(change: Change) -> int:
    """Make a URL a default before another one ceases to be: there is always one."""
    return 0 if any(_is_default(field) for field in change.fields) else 1


def the_defaults(change: Change) -> str | None:
    """Say that what makes a URL a default writes to others too: one that was the default ceases to be."""
    return "the defaults" if promotes_first(change) == 0 else None


def _is_default(field: FieldChange) -> bool:
    return isinstance(field.after, dict) and bool(field.after.get("is_default"))


KIND: Final = Kind(
    name="RedirectURL",
    spec=RedirectURLSpec,
    api="management",
    key=Key("url", Text, "the exact URL"),
    identity=Identity(claims=claims),
    order=Order(rank=promotes_first, shares=the_defaults),
    required=frozenset({"valid_types"}),
    check=check,
    verbs=Verbs(list=read, create=create, update=update, delete=delete),
)
