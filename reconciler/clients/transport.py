"""Sending a request and reading the whole answer, within bounds: the one place where anything reaches the network.

Reads and writes, ours and those of Stytch's SDK, go this way, so that all of them obey one ``Network``. An answer has
a size, packed and unpacked, and a time in which it must be there: whoever answers may be broken, or not be Stytch.

httpx limits how long each read may take, but not how long an answer may take, so that a server which sends a byte now
and then would never be given up. httpcore, on which httpx stands, takes a network of our own, which knows the deadline.
"""

import json
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

from reconciler import __version__
from reconciler.clients.network import DEFAULT_PORTS, Network, Proxy
from reconciler.clients.responses import Answer, Unanswered, unanswered
from reconciler.clients.retry import CONNECT_TIMEOUT, READ_TIMEOUT
from reconciler.model import Json

LARGEST = 64 << 20  # bytes of an answer, packed and unpacked: a page of a thousand records of 64 KiB
NOT_SENT = (
    *(httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.ProxyError),
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError),
    *(httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)
GZIP = 16 + zlib.MAX_WBITS
CHUNK = 1 << 20  # bytes that are unpacked at once
IN_JSON = {"Content-Type": "application/json"}
WHOLE_TIMEOUT = 60.0  # seconds from the first byte sent to the last byte read
MOST_CONNECTIONS = 64
KEPT = 5.0  # seconds for which a connection that nobody uses stays open
BROKEN: Final = (  # what httpcore raises
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class Transport:
    """Sends to one server, one request at a time, and gives the whole answer, or raises ``Unanswered``."""

    def __init__(
        self,
        base_url: str,
        user: str,
        password: str,
        network: Network,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._deadline = Deadline()
        proxy = network.proxy_for(base_url)
        self._where = _where(base_url, proxy)
        self._http = httpx.Client(
            base_url=base_url,
            auth=httpx.BasicAuth(user, password),
            headers={
                "User-Agent": f"stytch-reconciler/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            },
            timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT, pool=None),
            follow_redirects=False,
            transport=transport or Wire(network, proxy, self._deadline),
            trust_env=False,  # the network was decided before
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send ``body`` as JSON to an already quoted ``path``. Return the answer."""
        content = None if body is None else json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
        all_headers = {**(headers or {}), **(IN_JSON if content is not None else {})}
        self._deadline.begin()
        try:
            with self._http.stream(method, path, params=parameters, content=content, headers=all_headers) as response:
                return Answer(response.status_code, response.headers, b"".join(self._body(response)))
        except (httpx.RequestError, *BROKEN) as error:
            raise unanswered(error, self._where, sent=not isinstance(error, NOT_SENT)) from None
        except httpx.InvalidURL:
            raise Unanswered(self._where, "the path cannot be requested", sent=False, again=False) from None

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def _body(self, response: httpx.Response) -> Iterator[bytes]:
        """Yield a body unpacked, piece by piece; one that is too large, or cut short, is ``Unanswered``."""
        if not isinstance(response.stream, Iterable):
            raise TypeError("a synchronous transport has a synchronous stream")
        packing = response.headers.get("content-encoding", "").strip().lower()
        if packing not in ("", "identity", "gzip"):
            raise Unanswered(self._where, "the response is compressed, but not with gzip", sent=True, again=False)
        pieces = self._bounded(response.stream)
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


def _where(url: str, proxy: Proxy | None) -> str:
    """Return what people call a server, and the proxy on the way to it."""
    found = urlsplit(url)
    port = f":{found.port}" if found.port and found.port != DEFAULT_PORTS.get(found.scheme) else ""
    host = f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname
    return f"{host}{port}{f' through {proxy.shown}' if proxy else ''}"


# The connections to a server, which are given up when the time of an answer is over


class Deadline:
    """When the answer that this thread waits for must be complete."""

    def __init__(self) -> None:
        self._thread = threading.local()

    def begin(self) -> None:
        """Start to wait for an answer."""
        self._thread.until = time.monotonic() + WHOLE_TIMEOUT

    def left(self, timeout: float | None) -> float:
        """Return the seconds that may still be waited, at most ``timeout``; raises ``ReadTimeout`` at the end."""
        left: float = self._thread.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the response timed out")
        return left if timeout is None else min(left, timeout)


class Wire(httpx.BaseTransport):
    """Sends each request to a server, or to the proxy on the way to it. It raises what httpcore raises (``BROKEN``)."""

    def __init__(self, network: Network, proxy: Proxy | None, deadline: Deadline) -> None:
        self._pool = _pool(network, proxy, _TimedBackend(deadline))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, whose body is not read yet."""
        if not isinstance(request.stream, Iterable):
            raise TypeError("a synchronous transport takes a synchronous stream")
        sent = httpcore.Request(
            method=request.method,
            url=_url(request.url),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answered = self._pool.handle_request(sent)
        return httpx.Response(
            answered.status, headers=answered.headers, stream=_Body(answered), extensions=answered.extensions
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The body of a response, which holds its connection until it is closed."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _Timed(httpcore.NetworkStream):
    """A connection that knows how long an answer may take."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        encrypted = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Timed(encrypted, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TimedBackend(httpcore.SyncBackend):
    """Opens connections that know how long an answer may take."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(self, *arguments: Any, **named: Any) -> httpcore.NetworkStream:
        return _Timed(super().connect_tcp(*arguments, **named), self._deadline)


def _pool(network: Network, proxy: Proxy | None, backend: httpcore.NetworkBackend) -> httpcore.ConnectionPool:
    trust = network.trust()
    if proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=trust,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS,
            keepalive_expiry=KEPT,
            network_backend=backend,
        )
    there = httpx.Proxy(proxy.url)
    return httpcore.HTTPProxy(
        proxy_url=_url(there.url),
        proxy_auth=there.raw_auth,
        ssl_context=trust,
        proxy_ssl_context=trust if there.url.scheme == "https" else None,  # its certificate is trusted as the others
        max_connections=MOST_CONNECTIONS,
        max_keepalive_connections=MOST_CONNECTIONS,
        keepalive_expiry=KEPT,
        network_backend=backend,
    )


def _url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
