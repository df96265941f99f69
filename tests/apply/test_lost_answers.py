"""A write whose answer says nothing of what became of it: nothing is ever made twice, whatever came back instead."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from reconciler import pipeline
from reconciler.apply.execute import Applied
from reconciler.config.read import Config
from reconciler.emulator.core.exchange import Lost, Request, Response
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.plan.planned import exit_code
from reconciler.read.run import Run
from tests.connected import connected
from tests.everything import everything
from tests.memory_store import MemoryStore
from tests.repositories import OF_A_PROJECT, config_of, write

MANIFESTS: Final = """\
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}
spec: {organization_name: Acme}
---
apiVersion: reconciler/v1
kind: SSOConnection
metadata: {namespace: acme, name: Okta}
spec: {connection_type: saml, idp_entity_id: okta-acme}
---
apiVersion: reconciler/v1
kind: SCIMConnection
metadata: {namespace: acme, name: Okta}
spec: {identity_provider: okta}
---
apiVersion: reconciler/v1
kind: ConnectedApp
metadata: {name: Partner}
spec: {client_type: third_party, redirect_urls: ["https://partner.example/callback"]}
---
apiVersion: reconciler/v1
kind: TrustedTokenProfile
metadata: {name: partner}
spec: {issuer: idp.example, audience: acme, public_key_type: JWK, jwks_url: "https://idp.example/keys"}
---
apiVersion: reconciler/v1
kind: PublicToken
metadata: {name: FRONTEND_TOKEN}
---
apiVersion: reconciler/v1
kind: Secret
metadata: {name: SPARE_SECRET}
"""
SORTS: Final = (
    *("organization", "saml_connection", "scim_connection", "connected_app"),
    *("trusted_token_profile", "public_token", "secret"),
)
SHOWN_ONCE: Final = {"PublicToken", "Secret", "ConnectedApp", "SCIMConnection"}  # by the answer that was lost
CREATES: Final = re.compile(
    r"/v1/b2b/organizations|/v1/b2b/sso/saml/[^/]+|/v1/b2b/scim/[^/]+/connection|/v1/connected_apps/clients"
    r"|.*/(trusted_token_profiles|public_tokens|secrets)"
)
HTML: Final = b"<!DOCTYPE html><title>Service Unavailable</title>"
OWN: Final = b'{"status_code": %d, "request_id": "request-id-test-1", "error_type": "internal_server_error"}'
INSTEAD: Final = {
    "nothing": Response(0, b"", lost=Lost.DROPPED),
    "503": Response(503, OWN % 503),
    "500": Response(500, OWN % 500),
    "503 of a proxy": Response(503, HTML),
    "504 of a proxy": Response(504, b""),
    "403 of a proxy": Response(403, HTML),
    "404 of a proxy": Response(404, b'{"message": "Not Found"}'),
    "429 of a proxy": Response(429, HTML),
    "429 of a proxy, for an hour": Response(429, HTML, (("Retry-After", "3600"),)),
    "a redirect": Response(307, b""),
    "200 of a proxy": Response(200, HTML),
    "200 without anything": Response(200, b""),
    "200 with an empty object": Response(200, b"{}"),
    "200 that names an error": Response(200, OWN % 500),
}


class Instead:
    """An app's ``respond`` that makes each thing once and gives another answer to that."""

    def __init__(self, app: App, response: Response) -> None:
        self._respond, self._response = app.respond, response
        self.seen: set[str] = set()

    def __call__(self, request: Request) -> Response:
        response = self._respond(request)
        if request.method != "POST" or not CREATES.fullmatch(request.path) or request.path in self.seen:
            return response
        self.seen.add(request.path)
        return replace(self._response)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_of(write(tmp_path, {"reconciler.yaml": OF_A_PROJECT, "manifests/all.yaml": MANIFESTS}))


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


def run(config: Config, app: App, store: MemoryStore) -> Applied:
    with connected(app) as client:
        return pipeline.apply(Run(config, client, store), pipeline.plan(Run(config, client, store)), lambda _: None)


def there(app: App) -> Counter[str]:
    return Counter({sort: sum(key[1] == sort for key in everything(app)) for sort in SORTS})


@pytest.mark.parametrize("instead", INSTEAD.values(), ids=INSTEAD)
def test_nothing_is_made_twice(config: Config, app: App, monkeypatch: pytest.MonkeyPatch, instead: Response) -> None:
    store = MemoryStore({})
    before = there(app)
    with monkeypatch.context() as patched:
        patched.setattr(app, "respond", strange := Instead(app, instead))
        applied = run(config, app, store)
    assert len(strange.seen) == len(SORTS)
    assert there(app) - before == Counter(SORTS)
    results = {outcome.address.partition("/")[0]: outcome.result for outcome in applied.outcomes}
    assert results == {**dict.fromkeys(results, "applied"), **dict.fromkeys(SHOWN_ONCE, "withheld")}
    assert applied.exit_code == 3
    ids = {key[2] for key in everything(app)}
    held = [outcome.detail for outcome in applied.outcomes if outcome.result == "withheld"]
    assert all(any(each in detail for each in ids) for detail in held), "each says which it is"
    assert run(config, app, store).outcomes == ()
    assert there(app) - before == Counter(SORTS)
    with connected(app) as client:
        plan = pipeline.plan(Run(config, client, store)).plan
    assert {item.address.partition("/")[0] for item in plan.held} == SHOWN_ONCE
    assert exit_code(plan) == 3
