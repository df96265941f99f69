"""Default e-mail templates: which template of the project is used for what (docs/stytch.md, 2.15)."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.kinds._context import Access, ApplyContext, Stale
from reconciler.kinds._writing import WriteResult, request_body, retry_idempotent
from reconciler.model import Create, Delete, Live, Problem, Resource, Target, Update
from reconciler.schema.kind import Key, Kind, Order, Verbs, nothing
from reconciler.schema.traits import RefersTo
from reconciler.schema.types import Text

TYPES: Final = (
    "LOGIN",
    "SIGNUP",
    "INVITE",
    "RESET_PASSWORD",
    "ONE_TIME_PASSCODE",
    "ONE_TIME_PASSCODE_SIGNUP",
    "VERIFY_EMAIL_PASSWORD_RESET",
    "UNLOCK",
    "PREBUILT",
)
FIELD: Final = "template_id"
NONE_SET: Final = frozenset({"email_template_not_found", "default_email_template_not_found"})


class DefaultEmailTemplateSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which template is used."""

    template_id: Annotated[Text | UnsetType, RefersTo("EmailTemplate")] = UNSET


def read(access: Access) -> Iterator[Live]:
    """Read the default of every type; that there is none Stytch answers with an error."""
    for template_type in TYPES:
        found = access.management.find(_path(access.target, template_type), NONE_SET)
        if found is not None:
            spec = {FIELD: found[FIELD]}
            yield Live(kind="DefaultEmailTemplate", name=template_type, id=template_type, spec=spec)


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    if resource.ensure == "absent" and resource.name == "PREBUILT":
        message = "the default prebuilt template can be replaced but not unset"
        yield resource.problem("not-possible", message, "declare another template as the default", ("ensure",))


def write(change: Create | Update, context: ApplyContext) -> WriteResult:
    """Set the default, in the place of another if there is one."""
    path, body = _path(context.target, change.name), request_body(change.fields, cleared={})
    there = context.management.find(path, NONE_SET) or {}
    if there.get(FIELD, UNSET) not in [each for field in change.fields for each in (field.before, field.after)]:
        raise Stale(f"{FIELD} has changed since")
    answer = retry_idempotent(lambda: context.management.write("POST", path, body))
    return WriteResult(change.name, str(answer["request_id"]))


def unset(change: Delete, context: ApplyContext) -> WriteResult:
    """Leave the type without a default, so that Stytch's own is used; done already where there is none."""
    answer = retry_idempotent(lambda: context.management.write("DELETE", _path(context.target, change.name)))
    return WriteResult(change.name, str(answer["request_id"]))


def _path(target: Target, template_type: str) -> str:
    return f"{target.project_path}/default_email_templates/{template_type}"


KIND: Final = Kind(
    name="DefaultEmailTemplate",
    spec=DefaultEmailTemplateSpec,
    scope="project",
    api="management",
    key=Key(
        "email_template_type", Literal[TYPES], "what the template is for: `LOGIN`, `SIGNUP`, `INVITE`, …, or `PREBUILT`"
    ),
    order=Order(shares=nothing),
    required=frozenset({FIELD}),
    check=check,
    verbs=Verbs(list=read, create=write, update=write, delete=unset),
)
