"""The plain values of an exchange: a request, a response, and a refusal, which becomes an error response."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

JSON = (("Content-Type", "application/json"),)
HTML = (("Content-Type", "text/html; charset=utf-8"),)
TOO_MANY = 429
OAUTH = ("error", "error_description", "error_uri")
DOCS = "https://stytch.com/docs"


class Lost(Enum):
    """The ways in which a response does not arrive."""

    DROPPED = "the connection is closed without a byte"
    STALLED = "nothing is sent and the connection stays open"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. The names of ``headers`` are in lower case; ``path`` is percent-encoded and without the query."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One response. ``lost`` is set where the client must not see it."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = JSON
    lost: Lost | None = None


class Refusal(Exception):
    """An error response: ``status``, Stytch's ``error_type`` and a sentence for people."""

    def __init__(self, error_type: str, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.status = status or status_of(error_type)


def status_of(error_type: str) -> int:
    """Return the HTTP status of an error type, by the pattern of the vendor's documented errors [1.2]."""
    if error_type.endswith("_not_found"):
        return 404
    return {
        "unauthorized_credentials": 401,
        "invalid_authorization_header": 401,
        "invalid_client": 401,
        "method_not_allowed": 405,
        "too_many_requests": TOO_MANY,
        "internal_server_error": 500,
    }.get(error_type, 400)


def new_id(kind: str, environment_type: str) -> str:
    """Return a new id in the vendor's format, for example ``member-test-`` and a UUID."""
    return f"{kind}-{environment_type}-{uuid.uuid4()}"


def error_body(refusal: Refusal, request_id: str, path: str = "") -> bytes:
    """Return the vendor's error envelope for a request to this path."""
    section = "b2b/api" if path.startswith("/v1/b2b/") else "api"
    oauth = path.startswith("/v1/public/")
    type_, message, url = OAUTH if oauth else ("error_type", "error_message", "error_url")
    body: dict[str, Any] = {
        "status_code": refusal.status,
        "request_id": request_id,
        type_: refusal.error_type,
        message: refusal.message,
        url: f"{DOCS}/{section}/errors/{refusal.status}#{refusal.error_type}",
    }
    return json.dumps(body).encode()
