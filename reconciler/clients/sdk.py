"""Writes through Stytch's own SDK: it builds each request, and our transport sends it.

The SDK has no timeout, no retry and hides the headers; so it is handed a session that sends through our ``Requester``:
paced, retried where that is safe, judged, over the same connections as the reads. What the SDK would make of the answer
is not wanted, since a write that was answered 2xx has happened whatever its body looks like: ids and objects are taken
from the body itself.
"""

import threading
import warnings
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import requests
from msgspec import Struct
from stytch import B2BClient

from reconciler.clients.api import Body, decode_body
from reconciler.clients.redact import revealed_in
from reconciler.clients.responses import Answer
from reconciler.clients.retry import Operation, Requester
from reconciler.clients.transport import Transport
from reconciler.errors import Ambiguous
from reconciler.model import Json


class _Answered(Exception):
    """Leads the body of an answer past what the SDK would make of it."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body


class _Session(requests.Session):
    """Sends what the SDK asks for as we send; remembers, for each thread, the operation."""

    def __init__(self, requester: Requester, transport: Transport) -> None:
        super().__init__()
        self._requester = requester
        self._transport = transport
        self.thread = threading.local()

    def request(self, method: str | bytes, url: str | bytes, *_: Any, **named: Any) -> requests.Response:
        """Send as we do; raises ``_Answered``, or ``Fault``. Who we are, the transport says itself."""

        def send() -> Answer:
            return self._transport.send(
                str(method),
                str(url),
                parameters=named.get("params"),
                body=named.get("json"),
                headers=named.get("headers"),
                write=self.thread.operation.write,
            )

        raise _Answered(self._requester.ask(self.thread.operation, send, decode_body))


class Writer:
    """Makes writes with the SDK; safe to use from many threads."""

    def __init__(self, base_url: str, requester: Requester, transport: Transport) -> None:
        self._session = _Session(requester, transport)
        with warnings.catch_warnings():
            # Its asynchronous half, which is not used, is built with a class that aiohttp has deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._sdk = B2BClient(
                project_id="",
                secret="",
                # What is neither "test" nor "live" is used as the base URL as it stands (docs/stytch.md).
                environment=f"{base_url}/",
                fraud_environment=f"{base_url}/",
                sync_session=self._session,
            )

    def write(self, name: str, arguments: Mapping[str, Json]) -> "Answered":
        """Call the SDK's method ``name``, such as ``organizations.members.create``; raises ``Fault``."""
        return self._call(Operation(name, write=True, secrets=tuple(revealed_in(dict(arguments)))), arguments)

    def read(self, name: str) -> "Answered":
        """Call a method of the SDK that only reads."""
        return self._call(Operation(name), {})

    def _call(self, operation: Operation, arguments: Mapping[str, Json]) -> "Answered":
        self._session.thread.operation = operation
        try:
            attrgetter(operation.name)(self._sdk)(**arguments)
        except _Answered as answered:
            return Answered(answered.body)
        raise AssertionError(f"{operation.name} sends nothing")


class Answered(Struct, frozen=True):
    """The body that a write was answered with."""

    body: Body

    @property
    def request_id(self) -> str:
        """Return Stytch's id of the request."""
        return str(self.body.get("request_id") or "")

    def resource(self, key: str, id_key: str) -> tuple[Body, str]:
        """Return the object under ``key``, which has at least its own id, and the request's id."""
        found = self.body.get(key)
        resource = dict(found) if isinstance(found, dict) else {}
        identifier = resource.get(id_key) or self.body.get(id_key)
        if not isinstance(identifier, str):
            raise Ambiguous(f"a write was answered without {id_key}", request_id=self.request_id)
        return {**resource, id_key: identifier}, self.request_id
