"""The emulator without a socket: a transport for httpx and an adapter for requests."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from reconciler.emulator.core.exchange import Lost, Request, Response
from reconciler.emulator.server.app import App


class EmulatorTransport(httpx.BaseTransport):
    """``httpx.Client(transport=EmulatorTransport(app))``.

    A dropped answer raises ``httpx.RemoteProtocolError``, a stalled one ``httpx.ReadTimeout`` at once.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Serve one request."""
        response = self.app.respond(request_of(request.method, str(request.url), request.headers, request.read()))
        if response.lost is Lost.DROPPED:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if response.lost is Lost.STALLED:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        return httpx.Response(response.status, headers=list(response.headers), content=response.body, request=request)


class EmulatorAdapter(BaseAdapter):
    """``session.mount(url, EmulatorAdapter(app))``.

    A dropped answer raises ``requests.ConnectionError``, a stalled one ``requests.ReadTimeout`` at once.
    """

    def __init__(self, app: App) -> None:
        super().__init__()
        self.app = app

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Serve one request."""
        body = request.body or b""
        sent = body.encode() if isinstance(body, str) else bytes(body)
        answer = self.app.respond(request_of(request.method or "GET", request.url or "", request.headers, sent))
        if answer.lost is Lost.DROPPED:
            raise requests.ConnectionError("Remote end closed connection without response", request=request)
        if answer.lost is Lost.STALLED:
            raise requests.ReadTimeout("Read timed out.", request=request)
        return _response(request, answer)

    def close(self) -> None:
        """Do nothing: the adapter has no resources."""


def request_of(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Return a client library's request in the form of the app."""
    parts = urlsplit(url)
    lowered = {name.lower(): value for name, value in headers.items()}
    return Request(method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), lowered, body)


def _response(request: requests.PreparedRequest, answer: Response) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(answer.headers)
    response.url = request.url or ""
    response.request = request
    response.encoding = "utf-8"
    response.raw = HTTPResponse(status=answer.status, headers=dict(answer.headers), preload_content=False)
    response._content = answer.body  # noqa: SLF001 # requests has no other way to set a body that was not read from raw
    return response
