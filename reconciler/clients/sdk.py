"""Writes through Stytch's own SDK, which has no timeout, no retry and hides the headers, over a session that has.

The SDK builds each request and our session sends it: paced, retried where that is safe, judged. What the SDK makes of
the answer afterwards does not matter, since a write that was answered 2xx has happened whatever its body looks like;
ids and objects are taken from the body itself.
"""

import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from operator import attrgetter
from typing import Any

import msgspec
import requests
from msgspec import Struct
from pydantic import ValidationError
from requests.adapters import BaseAdapter, HTTPAdapter
from stytch import B2BClient
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError

from reconciler.clients.answers import Answer, unanswered
from reconciler.clients.hearsay import revealed_in
from reconciler.clients.retry import CONNECT_TIMEOUT, READ_TIMEOUT, Line, Operation
from reconciler.errors import Ambiguous
from reconciler.model import Json

# urllib3 raises these only before there is a connection; its SSLError may come in the middle of a request as well.
NOT_SENT = (NewConnectionError, ConnectTimeoutError, ProxyError)
Body = dict[str, Json]


class _Session(requests.Session):
    """Sends what the SDK asks for along our line; remembers, for each thread, the operation and the last answer."""

    def __init__(self, line: Line, adapter: BaseAdapter | None) -> None:
        super().__init__()
        self._line = line
        self.thread = threading.local()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter or HTTPAdapter(pool_maxsize=64))

    def request(self, method: str | bytes, url: str | bytes, *_: Any, **arguments: Any) -> requests.Response:
        """Send along the line; raises ``Fault``."""
        arguments |= {"timeout": (CONNECT_TIMEOUT, READ_TIMEOUT), "allow_redirects": False}
        kept: list[requests.Response] = []

        def send() -> Answer:
            try:
                response = super(_Session, self).request(method, url, **arguments)
            except requests.RequestException as error:
                raise unanswered(error, sent=_was_sent(error)) from None
            kept.append(response)
            return Answer(
                response.status_code,
                {name.lower(): value for name, value in response.headers.items()},
                response.content,
            )

        self.thread.body = self._line.ask(self.thread.operation, send, msgspec.json.Decoder(Body).decode)
        return kept[-1]


class Writer:
    """Makes writes with the SDK; safe to use from many threads."""

    def __init__(
        self, base_url: str, project_id: str, secret: str, line: Line, adapter: BaseAdapter | None = None
    ) -> None:
        self._session = _Session(line, adapter)
        with warnings.catch_warnings():
            # Its asynchronous half, which is not used, is built with a class that aiohttp has deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._sdk = B2BClient(
                project_id=project_id,
                secret=secret,
                # What is neither "test" nor "live" is used as the base URL as it stands (docs/stytch.md).
                environment=f"{base_url}/",
                fraud_environment=f"{base_url}/",
                sync_session=self._session,
            )

    def write(self, name: str, arguments: Mapping[str, Json]) -> "Answered":
        """Call the SDK's method ``name``, such as ``organizations.members.create``; raises ``Fault``."""
        self._session.thread.operation = Operation(name, write=True, secrets=tuple(revealed_in(dict(arguments))))
        with suppress(ValidationError):  # the SDK's model does not know this answer; the write has happened
            attrgetter(name)(self._sdk)(**arguments)
        return Answered(self._session.thread.body)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()


class Answered(Struct, frozen=True):
    """The body that a write was answered with."""

    body: Body

    @property
    def request_id(self) -> str:
        """Give Stytch's id of the request."""
        return str(self.body.get("request_id") or "")

    def thing(self, key: str, id_key: str) -> tuple[Body, str]:
        """Give the object under ``key``, which has at least its own id, and the request's id."""
        found = self.body.get(key)
        thing = dict(found) if isinstance(found, dict) else {}
        identifier = thing.get(id_key) or self.body.get(id_key)
        if not isinstance(identifier, str):
            raise Ambiguous(f"a write was answered without {id_key}", request_id=self.request_id)
        return {**thing, id_key: identifier}, self.request_id


def _was_sent(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return not isinstance(error, requests.ConnectTimeout) and not isinstance(reason, NOT_SENT)
