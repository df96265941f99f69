"""Sending a request and reading the whole answer, within bounds: the one place where anything reaches the network.

Reads and writes, ours and those of Stytch's SDK, go this way, so that all of them obey one ``Network``. An answer has
a size, packed and unpacked, and a time in which it must be there: whoever answers may be broken, or not be Stytch.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpcore

from reconciler import __version__
from reconciler.clients.network import DEFAULT_PORTS, Network, Proxy
from reconciler.clients.pacing import Clock
from reconciler.clients.responses import Answer, Unanswered, unanswered
from reconciler.clients.wire import TIMEOUTS, Connections, Deadline, connections
from reconciler.model import Json

if TYPE_CHECKING:
    import httpx

LARGEST = 64 << 20  # bytes of an answer, packed and unpacked: a page of a thousand records of 64 KiB
NOT_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.ProxyError, httpcore.UnsupportedProtocol)
GZIP = 16 + zlib.MAX_WBITS
CHUNK = 1 << 20  # bytes that are unpacked at once
TARGET: Final = re.compile(r"[!-~]*")  # what a request line can hold
UNQUOTED: Final = "/%:@!$&'()*+,;=~?"
BROKEN: Final = (  # what httpcore raises
    *(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError),
    httpcore.UnsupportedProtocol,
)


class Transport:
    """Sends to one server, one request at a time in each thread, and gives the whole answer, or raises ``Unanswered``.

    ``transport`` takes the place of the network.
    """

    def __init__(
        self,
        base_url: str,
        user: str,
        password: str,
        network: Network,
        clock: Clock,
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        self._clock = clock
        self._deadline = Deadline(clock)
        proxy = network.proxy_for(base_url)
        self._where = _where(base_url, proxy)
        self._base_url = base_url
        self._server = urlsplit(base_url)
        self._headers = {
            "Host": self._server.netloc,
            "User-Agent": f"stytch-reconciler/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}",
        }
        if transport is None:
            self._connections = connections(base_url, network, proxy, self._deadline)
        else:
            self._connections = Connections(lambda: _InProcess(transport))

    def send(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        write: bool = False,
    ) -> Answer:
        """Send ``body`` as JSON to an already quoted ``path``, or to a URL of this server. Return the answer."""
        content = None if body is None else json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
        request = httpcore.Request(
            method,
            self._url(path, parameters),
            headers=[*{**self._headers, **(headers or {}), **_lengths(method, content)}.items()],
            content=content,
            extensions={"timeout": TIMEOUTS},
        )
        self._deadline.begin(write=write)
        try:
            with self._connections.exchange(request) as response:
                received = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
                packing = received.get("content-encoding", "").strip().lower()
                return Answer(response.status, received, b"".join(self._body(response.iter_stream(), packing)))
        except BROKEN as error:
            sent = not isinstance(error, NOT_SENT)
            if self._clock.stopped and isinstance(error, httpcore.TimeoutException):
                raise Unanswered(self._where, "the run is being ended", sent=sent) from None
            raise unanswered(error, self._where, sent=sent) from None

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

    def _url(self, path: str, parameters: Mapping[str, str] | None) -> httpcore.URL:
        target = path.removeprefix(self._base_url)
        if parameters:
            target += f"?{urlencode(parameters)}"
        if not TARGET.fullmatch(target):
            target = quote(target, safe=UNQUOTED)
        server = self._server
        return httpcore.URL(scheme=server.scheme, host=server.hostname or "", port=server.port, target=target)

    def _body(self, packed: Iterable[bytes], packing: str) -> Iterator[bytes]:
        """Yield a body unpacked, piece by piece; one that is too large, or cut short, is ``Unanswered``."""
        if packing not in ("", "identity", "gzip"):
            raise Unanswered(self._where, "the response is compressed, but not with gzip", sent=True, again=False)
        pieces = self._bounded(packed)
        return pieces if packing != "gzip" else self._bounded(self._unpacked(pieces))

    def _bounded(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        size = 0
        for piece in pieces:
            size += len(piece)
            if size > LARGEST:
                reason = f"the response is larger than {LARGEST >> 20} MiB"
                raise Unanswered(self._where, reason, sent=True, again=False)
            yield piece

    def _unpacked(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what gzip has packed, never more than a little at once, however well it was packed."""
        unpacking = zlib.decompressobj(GZIP)
        begun = False
        try:
            for piece in pieces:
                begun = True
                yield unpacking.decompress(piece, CHUNK)
                while unpacking.unconsumed_tail:
                    yield unpacking.decompress(unpacking.unconsumed_tail, CHUNK)
        except zlib.error:
            raise Unanswered(self._where, "the response cannot be decompressed", sent=True) from None
        if begun and not unpacking.eof:
            raise Unanswered(self._where, "the response is incomplete", sent=True)


def _lengths(method: str, content: bytes | None) -> Mapping[str, str]:
    """Return the headers that describe a body; who may send one and does not, says so."""
    if content is not None:
        return {"Content-Type": "application/json", "Content-Length": str(len(content))}
    return {"Content-Length": "0"} if method in ("POST", "PUT", "PATCH") else {}


def _where(url: str, proxy: Proxy | None) -> str:
    """Return what people call a server, and the proxy on the way to it."""
    found = urlsplit(url)
    port = f":{found.port}" if found.port and found.port != DEFAULT_PORTS.get(found.scheme) else ""
    host = f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname
    return f"{host}{port}{f' through {proxy.shown}' if proxy else ''}"


class _InProcess(httpcore.ConnectionInterface):
    """A transport of httpx in the place of a connection: an emulator in this process."""

    def __init__(self, transport: "httpx.BaseTransport") -> None:
        self._transport = transport

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request, and raise what httpcore would."""
        import httpx

        headers, url = httpx.Headers(request.headers), bytes(request.url).decode()
        content = b"".join(request.stream) if isinstance(request.stream, Iterable) else b""
        method = request.method.decode()
        sent = httpx.Request(method, url, headers=headers, content=content, extensions=request.extensions)
        try:
            answered = self._transport.handle_request(sent)
            return httpcore.Response(answered.status_code, headers=answered.headers.raw, content=answered.read())
        except httpx.TransportError as error:  # the names are the same
            raised: Any = getattr(httpcore, type(error).__name__)
            raise raised(str(error)) from error

    def is_available(self) -> bool:
        """Return that it can be used again."""
        return True

    def has_expired(self) -> bool:
        """Return that it is never too old."""
        return False

    def close(self) -> None:
        """Do nothing: it belongs to somebody else."""
