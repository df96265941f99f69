"""Sending a request and reading the whole answer, within bounds: the one place where anything reaches the network.

Reads and writes, ours and those of Stytch's SDK, go this way, so that all of them obey one ``Network``. An answer has
a size, packed and unpacked, and a time in which it must be there: whoever answers may be broken, or not be Stytch.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

import httpcore
import httpx

from reconciler import __version__
from reconciler.clients.network import DEFAULT_PORTS, Network, Proxy
from reconciler.clients.responses import Answer, Unanswered, unanswered
from reconciler.clients.retry import CONNECT_TIMEOUT, READ_TIMEOUT
from reconciler.clients.wire import BROKEN, Deadline, Wire
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
        """Send ``body`` as JSON to an already quoted ``path``."""
        content = None if body is None else json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
        told = {**(headers or {}), **(IN_JSON if content is not None else {})}
        self._deadline.begin()
        try:
            with self._http.stream(method, path, params=parameters, content=content, headers=told) as response:
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
    """Name a server for people, and the proxy on the way to it."""
    found = urlsplit(url)
    port = f":{found.port}" if found.port and found.port != DEFAULT_PORTS.get(found.scheme) else ""
    host = f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname
    return f"{host}{port}{f' through {proxy.shown}' if proxy else ''}"
