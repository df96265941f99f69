"""Redirect URLs of an environment: which are allowed for which type, and which are the defaults [2.5, 1.5]."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.call import Answer, Call, Routes
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.fields import choice, given, ordered
from reconciler.emulator.core.search import arranged
from reconciler.emulator.core.store import Fields, Row, Store
from reconciler.emulator.core.workspace import Environment, Vertical

TYPES: Final[Mapping[Vertical, tuple[str, ...]]] = {
    "CONSUMER": ("LOGIN", "INVITE", "SIGNUP", "RESET_PASSWORD"),
    "B2B": ("LOGIN", "INVITE", "SIGNUP", "RESET_PASSWORD", "DISCOVERY"),
}
FORBIDDEN: Final = {"javascript", "data", "vbscript", "file", "about", "blob"}
LOOPBACK: Final = {"localhost", "127.0.0.1", "[::1]"}
PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")

Types = dict[str, bool]
"""The types of a URL, and for each whether the URL is its default."""

MOST: Final = 100
LOCAL: Final = "http://localhost:3000/authenticate"
"""The redirect URL of a new test environment (see ``new_redirect_url``)."""


def create(call: Call) -> Answer:
    """``POST …/redirect_urls``: creates a URL, or adds types to an existing one."""
    url: str | None = given(call.body, "url", str, call.behaviour, "invalid_url")
    if not url:
        raise Refusal("invalid_url", "url is required.")
    _check_url(url, call.environment, call.behaviour)
    there = _all(call)
    if url not in there and len(there) >= MOST:
        raise Refusal("too_many_redirect_urls", f"An environment may have at most {MOST} redirect URLs.")
    return _changed(call, url, {**there.get(url, {}), **_stated(call)})


def list_all(call: Call) -> Answer:
    """``GET …/redirect_urls/all``."""
    urls = arranged(_all(call).items(), call.behaviour)
    return {"redirect_urls": [_shown(call, url, types) for url, types in urls]}


def get(call: Call) -> Answer:
    """``GET …/redirect_urls?url=``."""
    url = _known(call)
    return {"redirect_url": _shown(call, url, _all(call)[url])}


def update(call: Call) -> Answer:
    """``PUT …/redirect_urls?url=``: replaces the types."""
    return _changed(call, _known(call), _stated(call))


def delete(call: Call) -> Answer:
    """``DELETE …/redirect_urls?url=``."""
    url = _known(call)
    _keep(call, {other: types for other, types in _all(call).items() if other != url})
    return {}


def begin(store: Store, environment: Environment) -> None:
    """Add the URL of a developer's own machine to a new environment, as the default of every type."""
    types = [{"type": type_, "is_default": True} for type_ in TYPES[environment.vertical]]
    store.put(store.collection(environment.project_id, "redirect_url"), Row(LOCAL, {"valid_types": types}))


def _check_url(url: str, environment: Environment, behaviour: Behaviour) -> None:
    """Refuse an invalid redirect URL.

    Raises:
        Refusal: with the reason.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refusal("invalid_url", "url is not a URL.") from None
    if not parts.scheme or (parts.scheme in {"http", "https"} and not parts.netloc):
        raise Refusal("invalid_url", "url is not a URL.")
    if parts.scheme in FORBIDDEN:
        raise Refusal("redirect_url_cannot_use_protocol", f"A redirect URL cannot use {parts.scheme}.")
    if environment.type == "test":
        return
    if "*" in url:
        raise Refusal("no_wildcards_in_live_redirect_url", "A live redirect URL cannot have wildcards.")
    local = parts.netloc.rpartition("@")[2].rpartition(":")[0] or parts.netloc
    if parts.scheme == "http" and not (behaviour.live_http_localhost and local in LOOPBACK):
        raise Refusal("redirect_url_must_use_https", "A live redirect URL must use https.")


def _check_defaults(url: str, types: Types) -> None:
    """Refuse a default URL that is not complete, such as one with a wildcard."""
    if not any(types.values()) or _can_be_default(url):
        return
    if "*" in url:
        message = "A redirect URL with a wildcard cannot be a default."
        raise Refusal("redirect_url_with_wildcard_cannot_be_default", message)
    message = "A redirect URL with a placeholder in its query cannot be a default."
    raise Refusal("redirect_url_with_query_param_placeholder_cannot_be_default", message)


def _can_be_default(url: str) -> bool:
    """Return whether the URL is complete, without a wildcard or placeholder."""
    return "*" not in url and not PLACEHOLDER.search(url.partition("?")[2])


def _demoted(urls: Mapping[str, Types], changed: str) -> dict[str, Types]:
    """Return the URLs, with ``changed`` as the only default of its types."""
    own = {type_ for type_, default in urls[changed].items() if default}
    return {
        url: types if url == changed else {type_: default and type_ not in own for type_, default in types.items()}
        for url, types in urls.items()
    }


def _promoted(urls: Mapping[str, Types], vertical: Vertical) -> dict[str, Types]:
    """Return the URLs; for a type without a default, the oldest possible URL becomes the default."""
    result = {url: dict(types) for url, types in urls.items()}
    for type_ in TYPES[vertical]:
        able = [url for url, types in result.items() if type_ in types and _can_be_default(url)]
        if able and not _has_default(result.values(), type_):
            result[able[0]][type_] = True
    return result


def _changed(call: Call, url: str, types: Types) -> Answer:
    _check_defaults(url, types)
    after = _keep(call, _demoted({**_all(call), url: types}, url))
    return {"redirect_url": _shown(call, url, after[url])}


def _stated(call: Call) -> Types:
    """Return the types in the request.

    Raises:
        Refusal: where it has no type, or a type that the project's vertical does not have.
    """
    known = TYPES[call.environment.vertical]
    stated: Types = {}
    for entry in given(call.body, "valid_types", list, call.behaviour, "invalid_argument") or ():
        if not isinstance(entry, dict):
            raise Refusal("invalid_argument", "valid_types must be an array of objects.")
        type_ = choice(entry, "type", known, call.behaviour, "invalid_redirect_url_type")
        if type_ is None:
            raise Refusal("invalid_redirect_url_type", f"type must be one of {', '.join(known)}.")
        stated[type_] = bool(given(entry, "is_default", bool, call.behaviour, "invalid_argument"))
    if not stated:
        raise Refusal("invalid_argument", "valid_types must have at least one type.")
    return stated


def _known(call: Call) -> str:
    url = call.query.get("url", "")
    if call.store.get(call.collection("redirect_url"), url) is None:
        raise Refusal("redirect_url_not_found", "The redirect URL could not be found.")
    return url


def _all(call: Call) -> dict[str, Types]:
    rows = call.store.children(call.collection("redirect_url"))
    return {row.id: {entry["type"]: entry["is_default"] for entry in row.fields["valid_types"]} for row in rows}


def _keep(call: Call, urls: dict[str, Types]) -> dict[str, Types]:
    """Store these URLs. Unless the request forbids it, a type without a default gets one. Return the URLs."""
    stays = call.query.get("do_not_promote_defaults", "").lower() == "true"
    if not (stays or given(call.body, "do_not_promote_defaults", bool, call.behaviour, "invalid_argument")):
        urls = _promoted(urls, call.environment.vertical)
    collection = call.collection("redirect_url")
    there = {row.id: row for row in call.store.children(collection)}
    for url, row in there.items():
        if url not in urls:
            call.store.remove(row)
    for url, types in urls.items():
        number = there[url].number if url in there else 0
        call.store.put(collection, Row(url, {"valid_types": _listed(types)}, number=number))
    return urls


def _listed(types: Types) -> list[dict[str, Any]]:
    return [{"type": type_, "is_default": default} for type_, default in types.items()]


def _shown(call: Call, url: str, types: Types) -> Fields:
    return {"url": url, "valid_types": ordered(_listed(types), call.behaviour)}


def _has_default(all_types: Iterable[Types], type_: str) -> bool:
    return any(types.get(type_) for types in all_types)


ROUTES: Final[Routes] = (
    ("POST", "redirect_urls", "redirect_urls_create", create),
    ("GET", "redirect_urls/all", "redirect_urls_list", list_all),
    ("GET", "redirect_urls", "redirect_urls_get", get),
    ("PUT", "redirect_urls", "redirect_urls_update", update),
    ("DELETE", "redirect_urls", "redirect_urls_delete", delete),
)
