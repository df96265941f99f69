"""A local stand-in of GitHub's REST API: comments and issues of one repository, with permissions, pages and faults."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "acme/identity"
BOT = {"login": "github-actions[bot]", "type": "Bot"}


@dataclass
class GitHub:
    """What is in the repository, who the token is and may do, and the answers that come first."""

    permissions: set[str] = field(default_factory=lambda: {"issues", "pull-requests"})
    user: dict[str, str] = field(default_factory=lambda: dict(BOT))
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[int, dict[str, str], bool]] = field(default_factory=list)  # the last says: but it was done
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        path = path.removeprefix(f"/repos/{REPOSITORY}")
        needed = "pull-requests" if "/comments" in path else "issues"
        if needed not in self.permissions:
            return 403, {"message": "Resource not accessible by integration"}
        page, size = int(query.get("page", ["1"])[0]), int(query.get("per_page", ["30"])[0])
        if method == "GET":
            rows = self.comments if "/comments" in path else [row for row in self.issues if self._matches(row, query)]
            return 200, rows[(page - 1) * size : page * size]
        if path == "/issues" or re.fullmatch(r"/issues/\d+/comments", path):
            rows = self.issues if path == "/issues" else self.comments
            rows.append({"id": len(rows) + 1, "number": len(rows) + 1, "state": "open", "user": self.user, **body})
            return 201, rows[-1]
        row = (self.comments if "/comments" in path else self.issues)[int(path.rpartition("/")[2]) - 1]
        row.update(body)
        return 200, row

    @staticmethod
    def _matches(row: dict[str, Any], query: dict[str, list[str]]) -> bool:
        return row["state"] == query["state"][0] and query["labels"][0] in row.get("labels", ())


@contextmanager
def github() -> Iterator[GitHub]:
    """Serve a repository on 127.0.0.1."""
    there = GitHub()

    class Answering(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            there.asked.append(f"{self.command} {parts.path.removeprefix(f'/repos/{REPOSITORY}')}")
            headers: dict[str, str] = {}
            status, done = 0, True
            said: Any = {}
            if there.faults:
                status, headers, done = there.faults.pop(0)
            if done:
                found, said = there.answer(self.command, parts.path, parse_qs(parts.query), body)
                status = status or found
            content = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 # as http.server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    there.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
