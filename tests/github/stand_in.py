"""A local stand-in of GitHub's REST API: one repository, with permissions, pages and faults.

Each request, and each answer, is checked against GitHub's own description, of which openapi.json holds the operations
that are used; what nobody reads in an answer is that of its examples (where these lack a required field, it is null).
"""

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

REPOSITORY = "acme/identity"
DESCRIPTION = json.loads((Path(__file__).parent / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS: dict[str, dict[str, Any]] = DESCRIPTION["operations"]
KNOWN = {name: re.compile(re.sub(r"\\{.*?\\}", "[^/]+", re.escape(name))) for name in OPERATIONS}
BOT = {"login": "github-actions[bot]", "type": "Bot"}
BLOBS: Final = "/blobs/"
Query = Mapping[str, list[str]]
Row = dict[str, Any]


@dataclass
class GitHub:
    """What is in the repository, who the token is and may do, and the answers that come first."""

    permissions: dict[str, str] = field(
        default_factory=lambda: dict.fromkeys(("actions", "contents", "issues", "pull-requests"), "write")
    )
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)  # of each its permissions; none: any will do
    user: dict[str, str] = field(default_factory=lambda: dict(BOT))
    is_private: bool = True
    comments: list[Row] = field(default_factory=list)
    issues: list[Row] = field(default_factory=list)
    pulls: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    artifacts: list[Row] = field(default_factory=list)
    archives: dict[int, bytes] = field(default_factory=dict)  # the zip of each artifact
    brought: dict[int, set[str]] = field(default_factory=dict)  # the commits of each pull request, where it has many
    faults: list[tuple[int, dict[str, str], bool]] = field(default_factory=list)  # the last says: but it was done
    asked: list[str] = field(default_factory=list)
    url: str = ""
    wrong: list[str] = field(default_factory=list)  # what GitHub's description does not permit

    def checked(self, method: str, path: str, query: Query, body: Row, token: str = "") -> tuple[int, Any]:
        """Answer, and note what is not as GitHub describes it."""
        path = path.removeprefix(f"/repos/{REPOSITORY}")
        name = f"{method} {path}"
        operation = next((OPERATIONS[known] for known, pattern in KNOWN.items() if pattern.fullmatch(name)), None)
        if operation is None:
            self.wrong.append(f"there is no {name}")
            return 404, {}
        for key, (value,) in query.items():
            schema = operation["query"].get(key, False)
            is_number = schema and schema.get("type") == "integer"
            self.check(f"{name} {key}", schema, int(value) if is_number else value)
        if operation["body"]:
            self.check(name, {**operation["body"], "unevaluatedProperties": False}, body)
        status, said = self.permitted(method, path, query, body, token)
        if status < 300:
            self.check(f"{name} answer", operation["answer"], said)
            status = operation["status"]
        return status, said

    def check(self, what: str, schema: Any, value: Any) -> None:
        whole = {"$defs": DESCRIPTION["$defs"], **schema} if isinstance(schema, dict) else schema
        self.wrong += [f"{what}: {error.message}" for error in Draft202012Validator(whole).iter_errors(value)]

    def permitted(self, method: str, path: str, query: Query, body: Row, token: str) -> tuple[int, Any]:
        """Answer a token that may ask for it."""
        if self.tokens and token not in self.tokens:
            return 401, {"message": "Bad credentials"}
        may = self.tokens.get(token, self.permissions)
        enough = ("write",) if method != "GET" else ("read", "write")
        for known, pattern, permissions, answer in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == known:
                if permissions and not any(may.get(name) in enough for name in permissions):
                    return 403, {"message": "Resource not accessible by integration"}
                return answer(self, found, query, body)
        return 404, {"message": "Not Found"}

    @staticmethod
    def row(what: str, number: int, user: dict[str, str] | None, **fields: Any) -> Row:
        """Return a comment or an issue as GitHub would make it."""
        name = "POST /issues" if what == "issue" else "POST /issues/{issue_number}/comments"
        example = {key: value for key, value in OPERATIONS[name]["example"].items() if key != "pull_request"}
        of_issues = {"number": number, "state": "open"} if what == "issue" else {}
        return {**example, **of_issues, "id": number, "user": user and {**example["user"], **user}, **fields}

    def pull(self, head: Row, **fields: Any) -> Row:
        """Add a pull request from a branch: ``head`` has ``ref`` and ``sha``, and may have ``repo``, another's name."""
        number = len(self.pulls) + 1
        fields = {"state": "open", "merged": False, "merged_at": None, "merge_commit_sha": None, **fields}
        self.pulls.append(_pull(number, head, fields))
        return self.pulls[-1]

    def run(self, event: str, head: Row, *, workflow: str = "plan.yml", **fields: Any) -> Row:
        """Add a run of a workflow, for what ``head`` names as in ``pull``; it is over and well unless fields differ."""
        example = OPERATIONS["GET /actions/runs/{run_id}"]["example"]
        ended = {"status": "completed", "conclusion": "success", "event": event, "id": len(self.runs) + 1}
        about = {"head_branch": head["ref"], "head_sha": head["sha"], "path": f".github/workflows/{workflow}"}
        repository = {**example["head_repository"], "full_name": head.get("repo") or REPOSITORY}
        self.runs.append({**example, **ended, **about, "head_repository": repository, **fields})
        return self.runs[-1]

    def artifact(self, name: str, run: Row, content: Mapping[str, bytes], **fields: Any) -> Row:
        """Add an artifact of a run."""
        number = len(self.artifacts) + 1
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, text in content.items():
                archive.writestr(file, text)
        self.archives[number] = packed.getvalue()
        example = OPERATIONS["GET /actions/artifacts/{artifact_id}"]["example"]
        of_run = {key: run[key] for key in ("id", "head_branch", "head_sha")}
        fields = {"expired": False, "size_in_bytes": len(self.archives[number]), **fields}
        about = {"workflow_run": {**example["workflow_run"], **of_run}, **fields}
        self.artifacts.append({**example, "id": number, "name": name, **about})
        return self.artifacts[-1]


def _pull(number: int, head: Row, fields: Row) -> Row:
    example = OPERATIONS["POST /pulls"]["example"]
    repo = {**example["base"]["repo"], "full_name": REPOSITORY}
    from_repo = {**repo, "full_name": head.get("repo") or REPOSITORY}
    label = f"{from_repo['full_name'].partition('/')[0]}:{head['ref']}"
    about = {
        "number": number,
        "head": {**example["head"], "ref": head["ref"], "sha": head["sha"], "label": label, "repo": from_repo},
        "base": {**example["base"], "ref": "main", "repo": repo},
    }
    return {**example, "requested_teams": [], "labels": [], **about, **fields}


def _paged(rows: list[Row], query: Query, key: str = "") -> tuple[int, Any]:
    page, size = int(query.get("page", ["1"])[0]), int(query.get("per_page", ["30"])[0])
    shown = rows[(page - 1) * size : page * size]
    return 200, {"total_count": len(rows), key: shown} if key else shown


def _asked(row: Row, query: Query, *keys: str) -> bool:
    return all(row[key] == query[key][0] for key in keys if key in query)


def _repository(there: GitHub, _: re.Match[str], _query: Query, _body: Row) -> tuple[int, Any]:
    example = OPERATIONS["GET "]["example"]
    visibility = "private" if there.is_private else "public"
    known = {"language": None, "full_name": REPOSITORY, "default_branch": "main"}
    nested = {key: {"language": None, **example[key]} for key in ("template_repository", "parent", "source")}
    return 200, {**example, **known, **nested, "private": there.is_private, "visibility": visibility}


def issue_url(number: int) -> str:
    """Return how a comment names the issue, or pull request, that it is on."""
    return f"https://api.github.com/repos/{REPOSITORY}/issues/{number}"


def _comments(there: GitHub, found: re.Match[str], query: Query, _: Row) -> tuple[int, Any]:
    return _paged([row for row in there.comments if row["issue_url"] == issue_url(int(found[1]))], query)


def _comment(there: GitHub, found: re.Match[str], _: Query, body: Row) -> tuple[int, Any]:
    on = issue_url(int(found[1]))
    there.comments.append(there.row("comment", len(there.comments) + 1, there.user, issue_url=on, **body))
    return 201, there.comments[-1]


def _issues(there: GitHub, _: re.Match[str], query: Query, _body: Row) -> tuple[int, Any]:
    wanted = query.get("labels", [""])[0]
    rows = [row for row in there.issues if _asked(row, query, "state") and (not wanted or wanted in row["labels"])]
    return _paged(rows, query)


def _issue(there: GitHub, _: re.Match[str], _query: Query, body: Row) -> tuple[int, Any]:
    there.issues.append(there.row("issue", len(there.issues) + 1, there.user, **body))
    return 201, there.issues[-1]


def _changed(name: str) -> Callable[[GitHub, re.Match[str], Query, Row], tuple[int, Any]]:
    def change(there: GitHub, found: re.Match[str], _: Query, body: Row) -> tuple[int, Any]:
        row: Row = getattr(there, name)[int(found[1]) - 1]
        row.update(body)
        return 200, row

    return change


def _labels(there: GitHub, found: re.Match[str], _: Query, body: Row) -> tuple[int, Any]:
    example = OPERATIONS["POST /issues/{issue_number}/labels"]["example"]
    row = there.pulls[int(found[1]) - 1]
    there_before = {label["name"] for label in row["labels"]}
    row["labels"] += [{**example, "name": name} for name in body["labels"] if name not in there_before]
    return 200, row["labels"]


def _pulls(there: GitHub, _: re.Match[str], query: Query, _body: Row) -> tuple[int, Any]:
    state = query.get("state", ["open"])[0]
    rows = [row for row in there.pulls if state in ("all", row["state"])]
    rows = [row for row in rows if "head" not in query or row["head"]["label"] == query["head"][0]]
    rows = [row for row in rows if "base" not in query or row["base"]["ref"] == query["base"][0]]
    return _paged(rows, query)


def _opened(there: GitHub, _: re.Match[str], _query: Query, body: Row) -> tuple[int, Any]:
    head = {"ref": body.pop("head"), "sha": "0" * 40}
    into = body.pop("base")
    row = there.pull(head, user={**OPERATIONS["POST /pulls"]["example"]["user"], **there.user}, **body)
    row["base"]["ref"] = into
    return 201, row


def _of_commit(there: GitHub, found: re.Match[str], query: Query, _: Row) -> tuple[int, Any]:
    commits = {row["number"]: {row["merge_commit_sha"], row["head"]["sha"]} for row in there.pulls}
    rows = [row for row in there.pulls if found[1] in commits[row["number"]] | there.brought.get(row["number"], set())]
    return _paged(rows, query)


def _runs(there: GitHub, found: re.Match[str], query: Query, _: Row) -> tuple[int, Any]:
    rows = [row for row in reversed(there.runs) if _asked(row, query, "event", "head_sha")]
    if found.groups():
        rows = [row for row in rows if found[1] in (str(row["workflow_id"]), row["path"].rpartition("/")[2])]
    if "branch" in query:
        rows = [row for row in rows if row["head_branch"] == query["branch"][0]]
    if "status" in query:
        rows = [row for row in rows if query["status"][0] in (row["status"], row["conclusion"])]
    return _paged(rows, query, "workflow_runs")


def _run(there: GitHub, found: re.Match[str], _: Query, _body: Row) -> tuple[int, Any]:
    rows = [row for row in there.runs if row["id"] == int(found[1])]
    return (200, rows[0]) if rows else (404, {"message": "Not Found"})


def _artifacts(there: GitHub, found: re.Match[str], query: Query, _: Row) -> tuple[int, Any]:
    rows = [row for row in reversed(there.artifacts) if _asked(row, query, "name")]
    if found.groups():
        rows = [row for row in rows if row["workflow_run"]["id"] == int(found[1])]
    return _paged(rows, query, "artifacts")


def _zip(there: GitHub, found: re.Match[str], _: Query, _body: Row) -> tuple[int, Any]:
    """Say where the archive is: elsewhere, where the token is not to be sent."""
    number = int(found[1])
    if number not in there.archives or there.artifacts[number - 1]["expired"]:
        return 410, {"message": "Artifact has expired"}
    return 302, f"{there.url.replace('127.0.0.1', 'localhost')}{BLOBS}{number}"


_OF_PULLS: Final = ("pull-requests", "issues")
# What is asked, which of these permissions is enough, and what answers.
ROUTES: Final[tuple[tuple[str, str, tuple[str, ...], Callable[..., tuple[int, Any]]], ...]] = (
    ("GET", r"", (), _repository),
    ("GET", r"/issues/(\d+)/comments", _OF_PULLS, _comments),
    ("POST", r"/issues/(\d+)/comments", ("pull-requests",), _comment),
    ("PATCH", r"/issues/comments/(\d+)", ("pull-requests",), _changed("comments")),
    ("POST", r"/issues/(\d+)/labels", _OF_PULLS, _labels),
    ("GET", r"/issues", ("issues",), _issues),
    ("POST", r"/issues", ("issues",), _issue),
    ("PATCH", r"/issues/(\d+)", ("issues",), _changed("issues")),
    ("GET", r"/pulls", ("pull-requests",), _pulls),
    ("POST", r"/pulls", ("pull-requests",), _opened),
    ("GET", r"/pulls/(\d+)", ("pull-requests",), lambda there, found, *_: (200, there.pulls[int(found[1]) - 1])),
    ("GET", r"/commits/(\w+)/pulls", ("pull-requests",), _of_commit),
    ("GET", r"/actions/runs", ("actions",), _runs),
    ("GET", r"/actions/workflows/([\w.-]+)/runs", ("actions",), _runs),
    ("GET", r"/actions/runs/(\d+)", ("actions",), _run),
    ("GET", r"/actions/runs/(\d+)/artifacts", ("actions",), _artifacts),
    ("GET", r"/actions/artifacts", ("actions",), _artifacts),
    ("GET", r"/actions/artifacts/(\d+)", ("actions",), lambda there, f, *_: (200, there.artifacts[int(f[1]) - 1])),
    ("GET", r"/actions/artifacts/(\d+)/zip", ("actions",), _zip),
)


@contextmanager
def github() -> Iterator[GitHub]:
    """Serve a repository on 127.0.0.1."""
    there = GitHub()

    class Answering(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            if parts.path.startswith(BLOBS):
                self.blob(int(parts.path.removeprefix(BLOBS)))
                return
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
            if status == 302:
                self.send(status, b"", {**headers, "location": said})
            else:
                self.send(status, json.dumps(said).encode(), headers)

        def blob(self, number: int) -> None:
            """Answer as the store of artifacts does: it refuses a token that is not its own."""
            if self.headers.get("authorization"):
                there.wrong.append("the token was sent to where artifacts are stored")
                self.send(400, b"", {})
            else:
                self.send(200, there.archives[number], {"content-type": "application/zip"})

        def send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
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
