"""HTTP/1.1 on a socket: h11 parses requests, and the socket is ours, so that faults can lose and delay answers."""

import re
import socket
import socketserver
import ssl
import threading
import traceback
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import h11

from reconciler.emulator.core.exchange import Lost, Refusal, Request, Response, error_body, new_id
from reconciler.emulator.server.app import App

LARGEST_HEAD = 65536
LARGEST_BODY = 64 * 1024 * 1024
RECEIVED = 65536
"""The most bytes to take from a socket at once."""
REASONS = {status.value: status.phrase for status in HTTPStatus}
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
    server: Server
    ahead = b""
    """What the client has sent of its next request."""
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
        """Return the next request, or None where the client has closed the connection.

        There is a parser for each request: h11 does not see the answers, which faults lose and delay.
        """
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        parser.receive_data(self._begun())
        head = self._event(parser)
        if not isinstance(head, h11.Request):
            return None
        if head.http_version not in {b"1.0", b"1.1"}:
            raise Refusal("bad_request", "Only HTTP/1.1 is supported.")
        self.persistent = head.http_version == b"1.1"
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        _check_size(int(headers.get("content-length", "0")))
        if parser.they_are_waiting_for_100_continue:
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray()
        while isinstance(event := self._event(parser), h11.Data):
            body += event.data
            _check_size(len(body))
        if event is None:
            return None
        self.ahead = parser.trailing_data[0]
        path, _, query = ORIGIN.sub("", head.target.decode(), count=1).partition("?")
        return Request(head.method.decode(), path, dict(parse_qsl(query, keep_blank_values=True)), headers, bytes(body))

    def _begun(self) -> bytes:
        """Return the first bytes of the next request, or none where the client has closed the connection."""
        while not (begun := self.ahead.lstrip(b"\r\n")):  # Some clients send an extra line after a body.
            self.ahead = self.request.recv(RECEIVED)
            if not self.ahead:
                break
        return begun

    def _event(self, parser: h11.Connection) -> object:
        """Return the next part of a request, or None where the client has closed the connection halfway."""
        try:
            while (event := parser.next_event()) is h11.NEED_DATA:
                received = self.request.recv(RECEIVED)
                if not received:
                    return None
                parser.receive_data(received)
        except h11.RemoteProtocolError:  # Its text may hold a header, and so a secret.
            raise Refusal("bad_request", "The request is not HTTP.") from None
        return event

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
            while self.request.recv(RECEIVED):
                continue
        except OSError:
            return

    def _stall(self) -> None:
        """Send nothing until the client gives up or the server closes."""
        self.request.settimeout(0.1)
        while not self.server.closing.is_set():
            try:
                if not self.request.recv(RECEIVED):
                    return
            except TimeoutError:
                continue


def _check_size(size: int) -> None:
    if size > LARGEST_BODY:
        raise Refusal("bad_request", "The body is too large.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _refused(refusal: Refusal) -> Response:
    return Response(refusal.status, error_body(refusal, new_id("request-id", "test")))
