"""An emulator in process for each test. Every response of these tests is compared with the vendor's description."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from stytch_management import Client

from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.core.workspace import Environment
from reconciler.emulator.seed.running import Options, Running, running
from reconciler.emulator.server.app import App
from reconciler.emulator.server.routes import is_management


class Api:
    """Calls an app as a client would: ``api("GET", "/v1/…")`` returns the status and the decoded body."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.now = 1_700_000_000.0
        self.slept: list[float] = []
        app.clock = lambda: self.now
        app.sleep = self.slept.append

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        environment: Environment | None = None,
    ) -> tuple[int, Any]:
        response = self.respond(method, path, body, query=query, environment=environment)
        return response.status, json.loads(response.body)

    def respond(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        environment: Environment | None = None,
    ) -> Response:
        consumer = path.startswith(("/v1/users", "/v1/rbac", "/v1/sessions"))
        asking = environment or self.app.workspace.environment("CONSUMER" if consumer else "B2B")
        workspace = self.app.workspace
        manages = is_management(path)
        name, secret = (workspace.key_id, workspace.key_secret) if manages else (asking.project_id, asking.secret)
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.app.respond(
            Request(method, path, query or {}, {"authorization": self.basic(name, secret)}, content)
        )

    @staticmethod
    def basic(name: str, secret: str) -> str:
        """Return the header that carries these credentials."""
        return f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Return the body of an answer that must be a success."""
        status, answer = self(method, path, body, **more)
        assert status in {200, 201}, answer
        return answer

    def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Return the status and the type of an answer that must be an error."""
        status, answer = self(method, path, body, **more)
        assert status >= 400, answer
        return status, answer["error_type"]

    def organization(self, slug: str = "acme", **fields: Any) -> Any:
        """Return a new organization."""
        body = {"organization_name": slug, "organization_slug": slug, **fields}
        return self.ok("POST", "/v1/b2b/organizations", body)["organization"]

    def member(self, address: str = "ann@acme.com", organization: str = "acme", **fields: Any) -> Any:
        """Return a new member."""
        body = {"email_address": address, **fields}
        return self.ok("POST", f"/v1/b2b/organizations/{organization}/members", body)["member"]

    def user(self, email: str = "ann@acme.com", **fields: Any) -> Any:
        """Return a new Consumer user."""
        return self.ok("POST", "/v1/users", {"email": email, **fields})["user"]

    def search(self, what: str, *operands: tuple[str, Any], operator: str = "AND", **more: Any) -> Any:
        """Return the rows of a search for organizations, members (of every organization) or users."""
        body = {"query": {"operator": operator, "operands": [_operand(*each) for each in operands]}, **more}
        if what == "members" and "organization_ids" not in more:
            found = self.ok("POST", "/v1/b2b/organizations/search", {"limit": 1000})["organizations"]
            body["organization_ids"] = [each["organization_id"] for each in found]
        path = {
            "organizations": "/v1/b2b/organizations/search",
            "members": "/v1/b2b/organizations/members/search",
            "users": "/v1/users/search",
        }[what]
        return self.ok("POST", path, body)["results" if what == "users" else what]


def _operand(name: str, value: Any) -> dict[str, Any]:
    return {"filter_name": name, "filter_value": value}


@pytest.fixture
def api(app: App) -> Api:
    return Api(app)


@pytest.fixture
def https(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """An emulator on a socket, over https, that this process trusts."""
    with running(Options(https=True)) as started:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", started.environment["REQUESTS_CA_BUNDLE"])
        yield started


@pytest.fixture
def management(https: Running) -> Client:
    """The vendor's management SDK, pointed at ``https``."""
    environment = https.environment
    return Client(
        environment["STYTCH_WORKSPACE_KEY_ID"],
        environment["STYTCH_WORKSPACE_KEY_SECRET"],
        base_url=environment["STYTCH_MANAGEMENT_BASE_URI"],
    )
