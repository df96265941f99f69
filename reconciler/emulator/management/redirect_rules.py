"""The rules of redirect URLs: which are allowed for which type, and which are the defaults [2.5]."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.core.exchange import Refusal
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


def check_url(url: str, environment: Environment, behaviour: Behaviour) -> None:
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


def check_defaults(url: str, types: Types) -> None:
    """Refuse a default URL that is not complete, such as one with a wildcard."""
    if not any(types.values()) or can_be_default(url):
        return
    if "*" in url:
        message = "A redirect URL with a wildcard cannot be a default."
        raise Refusal("redirect_url_with_wildcard_cannot_be_default", message)
    message = "A redirect URL with a placeholder in its query cannot be a default."
    raise Refusal("redirect_url_with_query_param_placeholder_cannot_be_default", message)


def can_be_default(url: str) -> bool:
    """Return whether the URL is complete, without a wildcard or placeholder."""
    return "*" not in url and not PLACEHOLDER.search(url.partition("?")[2])


def demoted(urls: Mapping[str, Types], changed: str) -> dict[str, Types]:
    """Return the URLs, with ``changed`` as the only default of its types."""
    own = {type_ for type_, default in urls[changed].items() if default}
    return {
        url: types if url == changed else {type_: default and type_ not in own for type_, default in types.items()}
        for url, types in urls.items()
    }


def promoted(urls: Mapping[str, Types], vertical: Vertical) -> dict[str, Types]:
    """Return the URLs; for a type without a default, the oldest possible URL becomes the default."""
    result = {url: dict(types) for url, types in urls.items()}
    for type_ in TYPES[vertical]:
        able = [url for url, types in result.items() if type_ in types and can_be_default(url)]
        if able and not _has_default(result.values(), type_):
            result[able[0]][type_] = True
    return result


def _has_default(all_types: Iterable[Types], type_: str) -> bool:
    return any(types.get(type_) for types in all_types)
