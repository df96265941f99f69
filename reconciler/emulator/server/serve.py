"""HTTP/1.1 on a socket: a small server with full control of the connection, which the faults need."""

import re
import socket
import socketserver
import ssl
import threading
import traceback
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from reconciler.emulator.core.exchange import Lost, Refusal, Request, Response, error_body, new_id
from reconciler.emulator.server.app import App

LARGEST_HEAD = 65536
LARGEST_BODY = 64 * 1024 * 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}
EMPTY = (b"\r\n", b"\n")
ORIGIN = re.compile(r"https?://[^/?]*", re.IGNORECASE)
"""The start of a request target where the client uses the emulator as a proxy."""


class Server(socketserver.ThreadingTCPServer):
    """Serves an app on 127.0.0.1. ``close`` also ends idle connections."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, app: App, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.app = app
        self.tls = tls
        self.closing = threading.Event()
        self.failures: list[Exception] = []
        """The exceptions of the app. Clients have seen each of them as a 500."""
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Connection)

    @property
    def url(self) -> str:
        """Return the URL of the server, without a slash at the end."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.server_address[1]}"

    def opened(self, connection: socket.socket) -> None:
        """Remember a connection, so that ``close`` can end it."""
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that has closed its connection. Print any other error: it is a fault of the emulator."""
        import sys

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop serving, end every connection, and wait for its thread."""
        self.closing.set()
        self.shutdown()
        with self._lock:
            for connection in self._open:
                try:
                    # Shut down the socket below TLS: the shutdown of TLS would wait for the thread that reads.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
                except OSError:
                    continue  # The connection is closed already.
        self.server_close()


class Connection(socketserver.StreamRequestHandler):
    """One connection: requests one after the other, until either side closes it."""

    disable_nagle_algorithm = True
    rbufsize = 65536
    server: Server
    persistent = True
    """Whether the client's version of HTTP keeps the connection open."""

    def setup(self) -> None:
        """Start TLS in this connection's own thread, so that other connections do not wait."""
        if self.server.tls is not None:
            self.request.settimeout(10)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self.request.settimeout(None)
        self.server.opened(self.request)
        super().setup()

    def handle(self) -> None:
        """Serve until the client closes the connection or a fault loses an answer."""
        while not self.server.closing.is_set():
            try:
                request = self._read()
            except Refusal as refusal:
                self._write(_refused(refusal), keep=False)
                self._drain()
                return
            if request is None:
                return
            response = self._respond(request)
            if response.lost is Lost.STALLED:
                self._stall()
            if response.lost is not None:
                return
            options = request.headers.get("connection", "").lower().split(",")
            keep = self.persistent and "close" not in map(str.strip, options)
            self._write(response, keep=keep, bodiless=request.method == "HEAD")
            if not keep:
                return

    def finish(self) -> None:
        """End the connection."""
        self.server.closed(self.request)
        super().finish()
        self.request.close()

    def _respond(self, request: Request) -> Response:
        """Return the app's answer; a 500 for an exception of the app, which is also printed."""
        try:
            return self.server.app.respond(request)
        except Exception as error:  # noqa: BLE001 # any exception must become an answer
            traceback.print_exc()
            self.server.failures.append(error)
            return _refused(Refusal("internal_server_error", "Oops, something seems to have gone wrong."))

    def _read(self) -> Request | None:
        while (line := self.rfile.readline(LARGEST_HEAD)) in EMPTY:
            continue  # Some clients send an extra line after a body.
        if not line:
            return None
        try:
            method, target, version = line.decode("latin-1").split()
        except ValueError:
            raise Refusal("bad_request", "The request is not HTTP.") from None
        if version not in {"HTTP/1.0", "HTTP/1.1"}:
            raise Refusal("bad_request", "Only HTTP/1.1 is supported.")
        self.persistent = version == "HTTP/1.1"
        headers = self._headers()
        path, _, query = ORIGIN.sub("", target, count=1).partition("?")
        return Request(method, path, dict(parse_qsl(query, keep_blank_values=True)), headers, self._body(headers))

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        size = 0
        while (line := self.rfile.readline(LARGEST_HEAD)) not in EMPTY:
            size += len(line)
            if not line:
                raise ConnectionResetError
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or size > LARGEST_HEAD:
                raise Refusal("bad_request", "The headers are not valid.")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _body(self, headers: dict[str, str]) -> bytes:
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise Refusal("bad_request", "The length of the body is not valid.")
        _check_size(int(length))
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        return self._exactly(int(length))

    def _chunks(self) -> bytes:
        body = bytearray()
        while size := self._chunk_size():
            _check_size(len(body) + size)
            body += self._exactly(size)
            self.rfile.readline(LARGEST_HEAD)
        self._headers()  # Trailers are ignored.
        return bytes(body)

    def _chunk_size(self) -> int:
        found = re.match(rb"[0-9A-Fa-f]+", self.rfile.readline(LARGEST_HEAD))
        if found is None:
            raise Refusal("bad_request", "The body's chunks are not valid.")
        return int(found[0], 16)

    def _exactly(self, size: int) -> bytes:
        found = self.rfile.read(size)
        if len(found) < size:
            raise ConnectionResetError
        return found

    def _write(self, response: Response, *, keep: bool, bodiless: bool = False) -> None:
        reason = REASONS.get(response.status, "Unknown")
        lines = [f"HTTP/1.1 {response.status} {reason}", f"Content-Length: {len(response.body)}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if not keep:
            lines.append("Connection: close")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.request.sendall(head if bodiless else head + response.body)

    def _drain(self) -> None:
        """Read the rest of what the client sends. Otherwise the client would see a reset, not the answer."""
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(1)
        try:
            while self.request.recv(65536):
                continue
        except OSError:
            return

    def _stall(self) -> None:
        """Send nothing until the client gives up or the server closes."""
        self.request.settimeout(0.1)
        while not self.server.closing.is_set():
            try:
                if not self.request.recv(65536):
                    return
            except TimeoutError:
                continue


def _check_size(size: int) -> None:
    if size > LARGEST_BODY:
        raise Refusal("bad_request", "The body is too large.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _refused(refusal: Refusal) -> Response:
    return Response(refusal.status, error_body(refusal, new_id("request-id", "test")))
