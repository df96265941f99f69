"""A local stand-in of GitHub's REST API: comments and issues of one repository, with permissions, pages and faults.

Each request, and each answer, is checked against GitHub's own description, of which openapi.json holds the operations
that are used; what nobody reads in an answer is that of its examples.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

REPOSITORY = "acme/identity"
DESCRIPTION = json.loads((Path(__file__).parent / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS: dict[str, dict[str, Any]] = DESCRIPTION["operations"]
BOT = {"login": "github-actions[bot]", "type": "Bot"}


@dataclass
class GitHub:
    """What is in the repository, who the token is and may do, and the answers that come first."""

    permissions: dict[str, str] = field(default_factory=lambda: {"issues": "write", "pull-requests": "write"})
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)  # of each its permissions; none: any will do
    user: dict[str, str] = field(default_factory=lambda: dict(BOT))
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[int, dict[str, str], bool]] = field(default_factory=list)  # the last says: but it was done
    asked: list[str] = field(default_factory=list)
    url: str = ""
    wrong: list[str] = field(default_factory=list)  # what GitHub's description does not permit

    def checked(
        self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any], token: str = ""
    ) -> tuple[int, Any]:
        """Answer, and note what is not as GitHub describes it."""
        name = f"{method} {re.sub(r'/[0-9]+', '/*', path.removeprefix(f'/repos/{REPOSITORY}'))}"
        operation = next((one for key, one in OPERATIONS.items() if re.sub(r"{.*?}", "*", key) == name), None)
        needed, level = self.needed(method, path)
        if self.tokens and token not in self.tokens:
            status, said = 401, {"message": "Bad credentials"}
        elif self.tokens.get(token, self.permissions).get(needed) not in ("write", level):
            status, said = 403, {"message": "Resource not accessible by integration"}
        else:
            status, said = self.answer(method, path, query, body)
        if operation is None:
            self.wrong.append(f"there is no {name}")
            return 404, {}
        for key, (value,) in query.items():
            schema = operation["query"].get(key, False)
            is_number = schema and schema.get("type") == "integer"
            self.check(f"{name} {key}", schema, int(value) if is_number else value)
        if operation["body"]:
            self.check(name, {**operation["body"], "additionalProperties": False}, body)
        if status < 300:
            self.check(f"{name} answer", operation["answer"], said)
            status = operation["status"]
        return status, said

    def check(self, what: str, schema: Any, value: Any) -> None:
        whole = {"$defs": DESCRIPTION["$defs"], **schema} if isinstance(schema, dict) else schema
        self.wrong += [f"{what}: {error.message}" for error in Draft202012Validator(whole).iter_errors(value)]

    @staticmethod
    def needed(method: str, path: str) -> tuple[str, str]:
        """Return the permission that a request needs, and its level."""
        return "pull-requests" if "/comments" in path else "issues", "read" if method == "GET" else "write"

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        path = path.removeprefix(f"/repos/{REPOSITORY}")
        page, size = int(query.get("page", ["1"])[0]), int(query.get("per_page", ["30"])[0])
        if method == "GET":
            rows = self.comments if "/comments" in path else [row for row in self.issues if self._matches(row, query)]
            return 200, rows[(page - 1) * size : page * size]
        if path == "/issues" or re.fullmatch(r"/issues/\d+/comments", path):
            rows = self.issues if path == "/issues" else self.comments
            rows.append(self.row("issue" if path == "/issues" else "comment", len(rows) + 1, self.user, **body))
            return 201, rows[-1]
        row = (self.comments if "/comments" in path else self.issues)[int(path.rpartition("/")[2]) - 1]
        row.update(body)
        return 200, row

    @staticmethod
    def row(what: str, number: int, user: dict[str, str] | None, **fields: Any) -> dict[str, Any]:
        """Return what GitHub would make."""
        name = "POST /issues" if what == "issue" else "POST /issues/{issue_number}/comments"
        example = {key: value for key, value in OPERATIONS[name]["example"].items() if key != "pull_request"}
        of_issues = {"number": number, "state": "open"} if what == "issue" else {}
        return {**example, **of_issues, "id": number, "user": user and {**example["user"], **user}, **fields}

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
                token = self.headers.get("authorization", "").removeprefix("Bearer ")
                found, said = there.checked(self.command, parts.path, parse_qs(parts.query), body, token)
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
    assert there.wrong == []
