"""The connections to a server, which are given up when the time of an answer is over.

httpx limits how long each read may take, but not how long an answer may take, so that a server which sends a byte now
and then would never be given up. httpcore, on which httpx stands, takes a network of our own, which knows the deadline.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import httpcore
import httpx

from reconciler.clients.network import Network, Proxy

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
