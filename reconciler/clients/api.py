"""One of Stytch's HTTP APIs by path, for what the SDK has no method for: the management API and fraud rules.

What may be read again is; a write is repeated only where certainly nothing has happened (``reconciler.clients.retry``).
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.clients.redact import revealed_in
from reconciler.clients.retry import Line, Operation
from reconciler.errors import Rejected
from reconciler.model import Json

if TYPE_CHECKING:
    from reconciler.clients.transport import Transport

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from reconciler.clients.search import LIMIT, Page

if TYPE_CHECKING:
    from reconciler.clients.sdk import Writer
    from reconciler.clients.transport import Transport

Body = dict[str, Json]

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Api:
    """The way to one API; safe for many threads. Every method raises a ``Fault`` where an exchange goes wrong."""

    def __init__(self, line: Line, transport: "Transport") -> None:
        self._line = line
        self._transport = transport

    def get(self, path: str, **parameters: str) -> Body:
        """Read what is at an already quoted path."""
        return self._send(Operation(f"GET {path}"), "GET", path, None, parameters)

    def find(self, path: str, absent: Collection[str], **parameters: str) -> Body | None:
        """Read what is at a path, or None where Stytch answers with one of the error types ``absent``, and no other."""
        try:
            return self.get(path, **parameters)
        except Rejected as fault:
            if fault.error_type in absent:
                return None
            raise

    def ask(self, path: str, body: Body) -> Body:
        """Read by POST."""
        return self._send(Operation(f"POST {path}"), "POST", path, body, {})

    def write(
        self, method: str, path: str, body: Body | None = None, parameters: Mapping[str, str] | None = None
    ) -> Body:
        """Write; ``Ambiguous`` where the answer was lost."""
        operation = Operation(f"{method} {path}", write=True, secrets=tuple(revealed_in(body)))
        return self._send(operation, method, path, body, parameters or {})

    def _send(
        self, operation: Operation, method: str, path: str, body: Body | None, parameters: Mapping[str, str]
    ) -> Body:
        return self._line.ask(
            operation, lambda: self._transport.send(method, path, parameters=parameters or None, body=body), _decode
        )

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()


T = TypeVar("T")


class Project(Struct, frozen=True):
    """One project and the way to it, shared by all threads."""

    project_id: str
    line: Line
    transport: "Transport"

    def read(self, name: str, path: str, body_type: type[T], **parameters: str) -> T:
        """Read one thing."""
        decode = msgspec.json.Decoder(body_type).decode
        return self.line.ask(Operation(name), lambda: self.transport.send("GET", path, parameters=parameters), decode)

    def search(
        self, name: str, path: str, decode: Callable[[bytes], Page[T]], **query: Json
    ) -> Callable[[str | None], Page[T]]:
        """Make the function that reads the page at a cursor."""
        operation = Operation(name, search=True)

        def fetch(cursor: str | None) -> Page[T]:
            body = {"limit": LIMIT, **({"cursor": cursor} if cursor else {}), **query}
            return self.line.ask(operation, lambda: self.transport.send("POST", path, body=body), decode)

        return fetch


class Data(Struct, frozen=True):
    """The way to the data of one environment: its project, its fraud rules, the SDK for writes, which secret it is."""

    project: Project
    telemetry: Api
    make_writer: Callable[[], "Writer"]
    last_four: str
