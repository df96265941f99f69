"""Trusted token profiles: issuers whose tokens count as a sign-in (docs/stytch.md, "Trusted token profiles")."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from reconciler.kinds._context import Access, ApplyContext, Stale
from reconciler.kinds._rest import Collection
from reconciler.kinds._writing import WriteResult, create_once, delete_part, must_be_free, request_body, undo_if_doubled
from reconciler.model import Change, Create, FieldChange, Live, Problem, Resource, Spec, Update
from reconciler.schema.kind import Identity, Key, Kind, Order, Verbs
from reconciler.schema.traits import CreateOnly, FromFile, TextFile, Unordered
from reconciler.schema.types import Text

KEYS: Final = "pem_files"
BEGIN: Final = "-----BEGIN "
Profile = Mapping[str, Any]


class TrustedTokenProfileSpec(Struct, forbid_unknown_fields=True, kw_only=True):
    """Every field of a profile that can be written, under Stytch's names; the name is ``metadata.name``."""

    issuer: Text | UnsetType = UNSET
    audience: Text | UnsetType = UNSET
    public_key_type: Annotated[Literal["JWK", "PEM"] | UnsetType, CreateOnly()] = UNSET
    jwks_url: Text | UnsetType = UNSET
    pem_files: Annotated[list[Text | TextFile] | UnsetType, Unordered(), FromFile()] = UNSET
    attribute_mapping: dict[str, Any] | UnsetType = UNSET
    can_jit_provision: bool | UnsetType = UNSET


def check(resource: Resource) -> Iterator[Problem]:
    """Yield what Stytch would refuse although every type is right."""
    spec = {**resource.initial, **resource.spec}
    key_type, keys = spec.get("public_key_type"), [_key(text) for text in resource.spec.get(KEYS) or ()]
    needed, idle = {"JWK": ("jwks_url", KEYS), "PEM": (KEYS, "jwks_url")}.get(str(key_type), ("", ""))
    if needed and not spec.get(needed):
        message = f"public_key_type is {key_type}, but {needed} is missing"
        yield resource.problem("missing-companion", message, f"add {needed}", ("spec", "public_key_type"))
    if idle and spec.get(idle):
        message = f"{idle} has no effect while public_key_type is {key_type}"
        yield resource.problem("idle-companion", message, "remove one of the two", ("spec", idle))
    for index, key in enumerate(keys):
        here = ("spec", KEYS, str(index))
        if "PRIVATE KEY" in key:
            hint = "remove it from the repository, and write the public key instead"
            yield resource.problem("private-key", "this is a private key and must stay secret", hint, here)
        elif not key.startswith(BEGIN):
            yield resource.problem(
                "not-a-key", "this is not a key in PEM format", f"a PEM key begins with {BEGIN}…", here
            )
        elif keys.index(key) < index:
            first = ("spec", KEYS, str(keys.index(key)))
            yield resource.problem("listed-twice", "this key is listed twice", "remove one of the two", here, first)


def canonical(spec: Spec) -> Spec:
    """Take keys by their text alone, in any order, and an empty URL for none."""
    found = {name: value for name, value in spec.items() if (name, value) != ("jwks_url", "")}
    keys = {KEYS: [_key(text) for text in spec[KEYS]]} if KEYS in spec else {}
    return {**found, **keys}


def create(change: Create, context: ApplyContext) -> WriteResult:
    """Create the profile, unless there is one of this name: Stytch would take another."""
    must_be_free([live.id for live in context.recently(KIND.name, _read).named(change.name)])
    written = PROFILES.create(KIND, change, context)
    if written.request_id:
        remove = partial(PROFILES.remove, context, written.id)
        undo_if_doubled(written.id, partial(_named, context, change.name), remove, "a profile of this name")
    return written


def update(change: Update, context: ApplyContext) -> WriteResult:
    """Change the fields that differ, and the keys one by one: new ones come before old ones go."""
    body = request_body((field for field in change.fields if field.path != (KEYS,)), cleared={})
    written = WriteResult(str(change.id), "")
    if keys := change.get(KEYS):
        written = WriteResult(written.id, _change_keys(context, PROFILES.at(context.target, change.id), keys))
    return PROFILES.patch(context, change.id, body) if body else written


def _read(access: Access) -> Iterator[Live]:
    return PROFILES.read(KIND, access)


def _named(context: ApplyContext, name: str) -> list[str]:
    """Return the ids of the profiles of a name from now on, but for the blanks around it."""
    return [live.id for live in context.from_now(KIND.name, _read).named(name)]


def writes(change: Change) -> int:
    """Count the keys of an update, each of which is added, or goes, by a call of its own."""
    keys = change.get(KEYS)
    if not isinstance(change, Update) or keys is None:
        return 1
    others = any(field.path != (KEYS,) for field in change.fields)
    return others + len({*(keys.before or ())} ^ {*(keys.after or ())})


def _change_keys(access: Access, path: str, change: FieldChange) -> str:
    """Make the keys those that are planned, each once, and return the id of the last request."""
    live, wanted = _keys(access, path), list(change.after or ())
    if sorted({*live.values()}) not in (change.before, wanted):
        raise Stale(f"{KEYS} has changed since")
    requests = [_add_key(access, path, key) for key in wanted if key not in live.values()]
    if requests:
        live = _keys(access, path)  # another run may have added the same
    first = {key: id_ for id_, key in sorted(live.items(), reverse=True)}
    superfluous = [id_ for id_, key in live.items() if key not in wanted or id_ != first[key]]
    requests += [_remove_key(access, path, id_) for id_ in superfluous]
    return requests[-1] if requests else ""


def _keys(access: Access, path: str) -> dict[str, str]:
    """Read the keys of a profile by their ids."""
    profile = access.management.get(path)["profile"]
    return {file["pem_file_id"]: _key(file["public_key"]) for file in profile[KEYS]}


def _add_key(access: Access, path: str, key: str) -> str:
    return create_once(
        lambda: str(access.management.write("POST", f"{path}/keys", {"public_key": key})["request_id"]),
        lambda: "" if key in _keys(access, path).values() else None,
    )


def _remove_key(access: Access, path: str, id_: str) -> str:
    return delete_part(
        lambda: str(access.management.write("DELETE", f"{path}/keys/{id_}")["request_id"]),
        lambda: id_ in _keys(access, path),
    )


def _key(text: str) -> str:
    """Return the text of a key without what white space around its lines could make different."""
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())


def _spec(profile: Profile) -> dict[str, Any]:
    found = {name: profile[name] for name in TrustedTokenProfileSpec.__struct_fields__ if profile.get(name) is not None}
    return {**found, KEYS: [file["public_key"] for file in profile.get(KEYS) or ()]}


PROFILES: Final = Collection(
    path=lambda target: f"{target.path}/trusted_token_profiles",
    many="profiles",
    one="profile",
    id="profile_id",
    spec=_spec,
    answered=lambda profile: {**_spec(profile), "name": profile["name"]},
    sent={KEYS: [], "can_jit_provision": False},
    what="a profile of this name",
)
KIND: Final = PROFILES.added_to(
    Kind(
        name="TrustedTokenProfile",
        spec=TrustedTokenProfileSpec,
        api="management",
        key=Key(
            "name", Text, "the profile's name; Stytch allows it twice, and then it is unknown which one is declared"
        ),
        identity=Identity(renamable=True),
        order=Order(shares=lambda change: change.name.strip()),
        required=frozenset({"issuer", "audience", "public_key_type"}),
        computed=frozenset({"profile_id"}),
        check=check,
        canonical=canonical,
        verbs=Verbs(create=create, update=update, writes=writes),
    )
)
