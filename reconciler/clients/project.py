"""One environment and the ways to it: single reads and searches of its data, its fraud rules, the SDK for writes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from reconciler.clients.api import Api
from reconciler.clients.pages import LIMIT, Page
from reconciler.clients.retry import Line, Operation
from reconciler.model import Json

if TYPE_CHECKING:
    from reconciler.clients.sdk import Writer
    from reconciler.clients.transport import Transport

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
