"""One of Stytch's HTTP APIs by path: the management API, fraud rules, and what is read of a project's data.

What may be read again is; a write is repeated only where certainly nothing has happened (``reconciler.clients.retry``).
"""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from reconciler.clients.redact import revealed_in
from reconciler.clients.retry import Operation, Requester
from reconciler.clients.search import LIMIT, Page
from reconciler.errors import Rejected
from reconciler.model import Json

if TYPE_CHECKING:
    from reconciler.clients.transport import Transport

Body = dict[str, Json]
T = TypeVar("T")

decode_body = msgspec.json.Decoder(Body).decode


def find(ask: Callable[[], T], absent: Collection[str]) -> T | None:
    """Return what is asked for, or None where Stytch answers with one of the error types ``absent``, and no other."""
    try:
        return ask()
    except Rejected as fault:
        if fault.error_type in absent:
            return None
        raise


class Api:
    """The way to one API; safe for many threads. Every method raises a ``Fault`` where an exchange goes wrong.

    ``user`` is who signs in: the id of a project, or of a workspace key.
    """

    def __init__(self, requester: Requester, transport: "Transport", user: str) -> None:
        self.requester = requester
        self.transport = transport
        self.user = user

    def get(self, path: str, **parameters: str) -> Body:
        """Return what is at an already quoted path."""
        return self._send(Operation(f"GET {path}"), "GET", path, decode_body, parameters=parameters)

    def find(self, path: str, absent: Collection[str], **parameters: str) -> Body | None:
        """Return what is at a path, or None where Stytch answers with one of the error types ``absent``."""
        return find(lambda: self.get(path, **parameters), absent)

    def ask(self, path: str, body: Body) -> Body:
        """Return what a POST that only reads is answered with."""
        return self._send(Operation(f"POST {path}"), "POST", path, decode_body, body)

    def write(
        self, method: str, path: str, body: Body | None = None, parameters: Mapping[str, str] | None = None
    ) -> Body:
        """Write; raises ``Ambiguous`` where the answer was lost."""
        operation = Operation(f"{method} {path}", write=True, secrets=tuple(revealed_in(body)))
        return self._send(operation, method, path, decode_body, body, parameters)

    def write_whole(
        self, method: str, path: str, whole: Callable[[], Body], parameters: Mapping[str, str] | None = None
    ) -> Body:
        """Write what ``whole`` makes of a look at what is live: a new one where the write had to be held back."""
        body = whole()
        operation = Operation(f"{method} {path}", write=True, secrets=tuple(revealed_in(body)))

        def renew() -> None:
            nonlocal body
            body = whole()

        return self.requester.ask(
            operation,
            lambda: self.transport.send(method, path, parameters=parameters, body=body, write=True),
            decode_body,
            renew,
        )

    def read(self, name: str, path: str, body_type: type[T], **parameters: str) -> T:
        """Return one resource; ``name`` is the operation, for people."""
        return self._send(Operation(name), "GET", path, msgspec.json.Decoder(body_type).decode, parameters=parameters)

    def search(
        self, name: str, path: str, decode: Callable[[bytes], Page[T]], **query: Json
    ) -> Callable[[str | None], Page[T]]:
        """Return the function that reads the page at a cursor."""
        operation = Operation(name, search=True)

        def fetch(cursor: str | None) -> Page[T]:
            body = {"limit": LIMIT, **({"cursor": cursor} if cursor else {}), **query}
            return self._send(operation, "POST", path, decode, body)

        return fetch

    def _send(
        self,
        operation: Operation,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        body: Body | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> T:
        return self.requester.ask(
            operation,
            lambda: self.transport.send(method, path, parameters=parameters, body=body, write=operation.write),
            decode,
        )
