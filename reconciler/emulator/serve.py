"""HTTP/1.1 on a socket: a small server with whole control of the connection, which the faults need."""

import socket
import socketserver
import ssl
import threading
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from reconciler.emulator.app import App
from reconciler.emulator.exchange import Lost, Request, Response

LARGEST_HEAD = 65536
LARGEST_BODY = 64 * 1024 * 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Malformed(Exception):
    """What came is not a request; the connection is closed."""


class Server(socketserver.ThreadingTCPServer):
    """Serves an app on 127.0.0.1; ``close`` also ends the connections that wait for another request."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, app: App, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.app = app
        self.tls = tls
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Connection)

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
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
        """A client that went away is no news; anything else is a fault of the emulator and is shown."""
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
                    # Of the socket beneath TLS, whose own shutdown would wait for the thread that reads.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
                except OSError:
                    continue  # It is gone already.
        self.server_close()


class Connection(socketserver.StreamRequestHandler):
    """One connection: requests one after the other, until either side has enough."""

    disable_nagle_algorithm = True
    rbufsize = 65536
    server: Server

    def setup(self) -> None:
        """Speak TLS first, in this connection's own thread, so that nobody else waits for it."""
        if self.server.tls is not None:
            self.request.settimeout(10)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self.request.settimeout(None)
        self.server.opened(self.request)
        super().setup()

    def handle(self) -> None:
        """Serve until the client leaves or an answer is to be lost."""
        while not self.server.closing.is_set():
            try:
                request = self._read()
            except Malformed as problem:
                self._write(Response(400, str(problem).encode(), (("Content-Type", "text/plain"),)), keep=False)
                return
            if request is None:
                return
            response = self.server.app.respond(request)
            if response.lost is Lost.STALLED:
                self._stall()
            if response.lost is not None:
                return
            keep = request.headers.get("connection", "").lower() != "close"
            self._write(response, keep=keep)
            if not keep:
                return

    def finish(self) -> None:
        """End the connection."""
        self.server.closed(self.request)
        super().finish()
        self.request.close()

    def _read(self) -> Request | None:
        line = self.rfile.readline(LARGEST_HEAD)
        if not line:
            return None
        try:
            method, target, version = line.decode("latin-1").split()
        except ValueError:
            raise Malformed("This is not HTTP.") from None
        if version != "HTTP/1.1":
            raise Malformed("Only HTTP/1.1 is spoken here.")
        headers = self._headers()
        path, _, query = target.partition("?")
        return Request(method, path, dict(parse_qsl(query, keep_blank_values=True)), headers, self._body(headers))

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        size = 0
        while (line := self.rfile.readline(LARGEST_HEAD)) not in (b"\r\n", b"\n"):
            size += len(line)
            if not line:
                raise ConnectionResetError
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or size > LARGEST_HEAD:
                raise Malformed("The headers are not HTTP's.")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            raise Malformed("The length of the body is not one.")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError
        return body

    def _chunk(self) -> bytes:
        try:
            size = int(self.rfile.readline(LARGEST_HEAD).split(b";")[0], 16)
        except ValueError:
            raise Malformed("The body's chunks are not HTTP's.") from None
        if not 0 <= size <= LARGEST_BODY:
            raise Malformed("A chunk of the body is too large.")
        chunk = self.rfile.read(size)
        self.rfile.readline(LARGEST_HEAD)
        return chunk

    def _write(self, response: Response, *, keep: bool) -> None:
        reason = REASONS.get(response.status, "Unknown")
        lines = [f"HTTP/1.1 {response.status} {reason}", f"Content-Length: {len(response.body)}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if not keep:
            lines.append("Connection: close")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.request.sendall(head + response.body)

    def _stall(self) -> None:
        """Answer nothing until the client gives up or the server closes."""
        self.request.settimeout(0.1)
        while not self.server.closing.is_set():
            try:
                if not self.request.recv(65536):
                    return
            except TimeoutError:
                continue
