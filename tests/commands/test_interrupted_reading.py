"""A plan that is interrupted while it reads: it ends, whatever it waits for, and in whichever thread."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reconciler.emulator.core.exchange import JSON, Request, Response
from reconciler.emulator.seed.bulk import place_organization
from reconciler.emulator.seed.running import Options, running
from tests.repositories import ORGANIZATION, OWNED, write

REFUSED = b'{"status_code": 429, "request_id": "request-id-test-1", "error_type": "too_many_requests"}'
WAYS = {
    "a pause": Response(429, REFUSED, (*JSON, ("Retry-After", "290"))),
    "an outage": Response(503, b"<html>"),
    "no answer": None,
}
PLACES = {  # where it is read
    "the main thread": "/v1/b2b/organizations/search",
    "a thread of several": "/v1/b2b/organizations/members/search",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM], ids=lambda told: told.name)
def test_a_plan_that_is_interrupted_ends(way: str, where: str, told: signal.Signals, tmp_path: Path) -> None:
    write(tmp_path, {"reconciler.yaml": OWNED, "manifests/acme.yaml": ORGANIZATION})
    over, met = threading.Event(), threading.Event()
    with running(Options()) as server:
        place_organization(server.app, {"organization_slug": "acme"})
        respond = server.app.respond

        def disturbed(request: Request) -> Response:
            if request.path == PLACES[where]:
                met.set()
                if WAYS[way] is None:
                    over.wait(60)
            found = WAYS[way]
            return found if found and request.path == PLACES[where] else respond(request)

        server.app.respond = disturbed  # type: ignore[method-assign] # what is tested
        command = [sys.executable, "-m", "reconciler", "-C", str(tmp_path), "plan"]
        process = subprocess.Popen(
            command, env={**os.environ, **server.environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            assert met.wait(60)
            threading.Event().wait(0.5)  # so that it waits
            process.send_signal(told)
            _, said = process.communicate(timeout=60)
        finally:
            over.set()
            process.kill()
    assert (process.returncode, said.decode().strip()) == (128 + told, "interrupted")
