"""Bulk and single reads over httpx: one pool of connections a project, our timeouts, no redirects."""

import os
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx

from reconciler import __version__
from reconciler.clients.answers import Answer, unanswered
from reconciler.clients.retry import CONNECT_TIMEOUT, READ_TIMEOUT

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class Transport:
    """Sends one request at a time and gives the whole answer, or raises ``Unanswered``."""

    def __init__(
        self, base_url: str, project_id: str, secret: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=base_url,
            auth=httpx.BasicAuth(project_id, secret),
            headers={"User-Agent": f"stytch-reconciler/{__version__}", "Accept": "application/json"},
            timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT, pool=None),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
            follow_redirects=False,
            transport=transport,
            verify=_trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send ``body`` as JSON to an already quoted ``path``."""
        try:
            response = self._http.request(method, path, params=parameters, json=body)
        except httpx.RequestError as error:
            raise unanswered(error, sent=not isinstance(error, NOT_SENT)) from None
        return Answer(response.status_code, response.headers, response.content)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()


@cache
def _trusted(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Read whom to trust, once for the APIs of a run: it takes longer than most requests."""
    return httpx.create_ssl_context()
