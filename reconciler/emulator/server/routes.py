"""All operations of the emulator, and which of them a request means."""

from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import unquote

from reconciler.emulator.core.call import Endpoint, Routes
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.workspace import Vertical
from reconciler.emulator.data.routes import B2B, CLIENTS, CONNECTIONS, CONSUMER
from reconciler.emulator.management.routes import MANAGEMENT


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Limits, faults and statistics use ``name``. ``vertical`` is the vertical that has the operation, None for both. An
    operation of the management API needs the workspace's key, a public one needs no credentials, any other needs the
    secret of an environment.
    """

    method: str
    path: str
    name: str
    vertical: Vertical | None
    endpoint: Endpoint

    @property
    def manages(self) -> bool:
        """Return whether the operation belongs to the management API."""
        return is_management(self.path)

    @property
    def speaks_oauth(self) -> bool:
        """Return whether requests have the form of RFC 6749."""
        return self.path.endswith("/oauth2/token")

    @property
    def creates(self) -> bool:
        """Return whether the status of a success may be 201."""
        return self.name.endswith("_create")

    @property
    def reads(self) -> bool:
        """Return whether the operation changes nothing."""
        return self.method == "GET" or self.name.endswith(("_search", "_list"))


ELSEWHERE = frozenset({"/v1/b2b/sso/authenticate"})
"""Paths of the vendor's API that are not served, although they match a path with a parameter."""

FAMILIES: tuple[tuple[Vertical | None, Routes], ...] = (
    ("B2B", B2B),
    ("B2B", CONNECTIONS),
    ("CONSUMER", CONSUMER),
    (None, CLIENTS),
    (None, MANAGEMENT),
)
ROUTES = tuple(
    Route(method, path, name, vertical, endpoint)
    for vertical, family in FAMILIES
    for method, path, name, endpoint in family
)


def _first_look(segments: list[str]) -> tuple[int, str]:
    return len(segments), "/".join(segments[1:3])


_TABLE: defaultdict[tuple[int, str], list[tuple[Route, list[str]]]] = defaultdict(list)
"""The operations by the number of path segments and the first two segments, which are never parameters."""
for _segments, _route in ((route.path.split("/"), route) for route in ROUTES):
    _TABLE[_first_look(_segments)].append((_route, _segments))


def is_management(path: str) -> bool:
    """Return whether a path belongs to the management API."""
    return path.startswith(("/pwa/", "/web/"))


def is_public(path: str) -> bool:
    """Return whether a path needs no credentials: it contains the project's id."""
    return path.startswith(("/v1/public/", "/v1/sessions/jwks/", "/v1/b2b/sessions/jwks/"))


def match(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the operation of this request, and its decoded path parameters.

    A literal segment wins over a parameter.

    Raises:
        Refusal: ``route_not_found`` or ``method_not_allowed``.
    """
    wanted = path.split("/")
    candidates: list[tuple[int, Route, dict[str, str]]] = []
    for route, segments in _TABLE.get(_first_look(wanted), ()):
        parameters = _parameters(segments, wanted)
        if parameters is not None:
            candidates.append((len(parameters), route, parameters))
    for _, route, parameters in sorted(candidates, key=lambda candidate: candidate[0]):
        if route.method == method:
            return route, parameters
    if candidates and path not in ELSEWHERE:
        raise Refusal("method_not_allowed", "The method is not allowed for this route.")
    raise Refusal("route_not_found", "There is no such route.")


def _parameters(segments: list[str], wanted: list[str]) -> dict[str, str] | None:
    parameters = {}
    for segment, text in zip(segments, wanted, strict=True):
        if segment.startswith("{") and text:
            parameters[segment[1:-1]] = unquote(text)
        elif segment != text:
            return None
    return parameters
