"""Connections to a server, or to the proxy on the way to it, which are given up when the time of an answer is over.

httpcore limits how long each read may take, but not how long an answer may take, so that a server which sends a byte
now and then would never be given up. It takes a network of our own, which knows the deadline of each thread's exchange:
connecting, sending and receiving together. Where the run is being ended, a read ends at once, and a write soon.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpcore

from reconciler.clients.network import DEFAULT_PORTS, Network, Proxy
from reconciler.clients.pacing import Clock

CONNECT_TIMEOUT = 5.0  # seconds, for each address of a server
READ_TIMEOUT = 30.0  # seconds of silence; searches are documented to take up to 9
WHOLE_TIMEOUT = 60.0  # seconds from the beginning to the last byte read
GRACE = 5.0  # seconds that a write is still waited for when the run is being ended
SLICE = 0.5  # seconds after which who reads looks whether that is so
KEPT = 5.0  # seconds for which a connection that nobody uses stays open
TIMEOUTS: Final = {"connect": CONNECT_TIMEOUT, "read": READ_TIMEOUT, "write": READ_TIMEOUT, "pool": None}

Connect = Callable[[], httpcore.ConnectionInterface]


class Deadline:
    """When the answer that this thread waits for must be complete."""

    def __init__(self, clock: Clock, now: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._now = now
        self._thread = threading.local()

    def begin(self, *, write: bool) -> None:
        """Start to wait for an answer."""
        self._thread.until = self._now() + WHOLE_TIMEOUT
        self._thread.grace = GRACE if write else 0.0

    def left(self, timeout: float | None, error: type[httpcore.TimeoutException] = httpcore.ReadTimeout) -> float:
        """Return the seconds that may still be waited, at most ``timeout``; raises ``error`` at the end."""
        now = self._now()
        if self._clock.stopped and self._thread.grace is not None:
            self._thread.until = min(self._thread.until, now + self._thread.grace)
            self._thread.grace = None  # it is given once
        left: float = self._thread.until - now
        if left <= 0:
            raise error("the time is over")
        return left if timeout is None else min(left, timeout)


class Connections:
    """The connections to one server: as many as there are exchanges at once. The last used is used first.

    No thread waits for another: each step with those that are idle is one of the queue's own.
    """

    def __init__(self, connect: Connect, now: Callable[[], float] = time.monotonic) -> None:
        self._connect = connect
        self._now = now
        self._idle: deque[tuple[float, httpcore.ConnectionInterface]] = deque()  # and since when

    @contextmanager
    def exchange(self, request: httpcore.Request) -> Iterator[httpcore.Response]:
        """Send a request and yield its response, whose body is not read yet."""
        connection = self._take()
        try:
            response = connection.handle_request(request)
            try:
                yield response
            finally:
                response.close()
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close every connection that nobody uses."""
        while self._idle:
            self._idle.pop()[1].close()

    def _take(self) -> httpcore.ConnectionInterface:
        while True:
            try:
                _, connection = self._idle.pop()
            except IndexError:
                return self._connect()
            if not connection.has_expired():
                return connection
            connection.close()

    def _give_back(self, connection: httpcore.ConnectionInterface) -> None:
        """Keep a connection that can be used again, and close the one that has been idle longest, if for too long."""
        if not connection.is_available():
            connection.close()
            return
        now = self._now()
        self._idle.append((now, connection))
        with suppress(IndexError):  # another thread may take it
            since, oldest = self._idle.popleft()
            if since < now - KEPT:
                oldest.close()
            else:
                self._idle.appendleft((since, oldest))


def connections(url: str, network: Network, proxy: Proxy | None, deadline: Deadline) -> Connections:
    """Return the way to a server, which is decided once."""
    pool = _pool(network, proxy, _TimedBackend(deadline))
    found = urlsplit(url)
    port = found.port or DEFAULT_PORTS[found.scheme]
    origin = httpcore.Origin(found.scheme.encode(), (found.hostname or "").encode(), port)
    return Connections(lambda: pool.create_connection(origin))


class _Timed(httpcore.NetworkStream):
    """A connection that knows how long an answer may take. What is written is sent when an answer is waited for."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._written: list[bytes] = []  # head and body of a request, which so go in one packet

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._written:
            written, self._written = b"".join(self._written), []
            with suppress(httpcore.WriteError):  # who closes early may have answered before
                self._stream.write(written, self._deadline.left(timeout, httpcore.WriteTimeout))
        silent = 0.0
        while True:
            left = self._deadline.left(None if timeout is None else timeout - silent)
            try:
                return self._stream.read(max_bytes, min(left, SLICE))
            except httpcore.ReadTimeout:
                if left <= SLICE:
                    raise
                silent += SLICE

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 # it is the time to read
        self._written.append(buffer)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout, httpcore.ConnectTimeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TimedBackend(httpcore.SyncBackend):
    """Opens connections that know how long an answer may take, to the first address of a host that lets it."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError("the host name has no address")
        for address in _addresses(host, port):
            left = self._deadline.left(timeout, httpcore.ConnectTimeout)
            try:
                stream = super().connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Timed(stream, self._deadline)
        raise failed


def _addresses(host: str, port: int) -> Iterator[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    for *_, address in found:
        scope = f"%{address[3]}" if len(address) > 3 and address[3] else ""  # noqa: PLR2004 # an address of IPv6
        yield f"{address[0]}{scope}"


def _pool(network: Network, proxy: Proxy | None, backend: httpcore.NetworkBackend) -> httpcore.ConnectionPool:
    """Return what makes connections; those that it makes are not kept by it."""
    trust = network.trust()
    if proxy is None:
        return httpcore.ConnectionPool(ssl_context=trust, keepalive_expiry=KEPT, network_backend=backend)
    found = urlsplit(proxy.url)
    user, password = (unquote(each or "").encode() for each in (found.username, found.password))
    return httpcore.HTTPProxy(
        proxy_url=httpcore.URL(
            scheme=found.scheme,
            host=found.hostname or "",
            port=found.port or DEFAULT_PORTS[found.scheme],
            target="/",
        ),
        proxy_auth=(user, password) if user or password else None,
        ssl_context=trust,
        proxy_ssl_context=trust if found.scheme == "https" else None,  # its certificate is trusted as the others
        keepalive_expiry=KEPT,
        network_backend=backend,
    )
