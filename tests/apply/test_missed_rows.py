"""Somebody whom one listing misses, because its pages belong to no one moment, is neither made anew nor doubled."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler import pipeline
from reconciler.config.read import Config
from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.errors import Unreadable
from reconciler.model import Outcome
from reconciler.plan.planned import exit_code
from reconciler.read.run import open_run
from tests.apply.test_apply import CONFIGURATION, MANIFESTS, RULES, run
from tests.connected import connected
from tests.repositories import config_of, write

ANN: Final = "ann@acme.example"
RESTORES: Final = CONFIGURATION.replace("    users:", "    members: {removed: restore}\n    users:")
ANN_BY_HAND: Final = """
---
apiVersion: reconciler/v1
kind: Member
metadata: {namespace: acme, name: ann@acme.example}
restore: true
"""


class Missing:
    """An app's ``respond`` whose first listings of members miss one, and do not know how many there are."""

    def __init__(self, app: App, member_id: str, listings: int = 1) -> None:
        self._respond, self._id, self._left = app.respond, member_id, listings
        self.listings = self.creates = 0

    def __call__(self, request: Request) -> Response:
        response = self._respond(request)
        self.creates += request.method == "POST" and request.path.endswith("/members")
        if not request.path.endswith("/members/search"):
            return response
        self.listings += 1
        if self.listings > self._left:
            return response
        body = json.loads(response.body)
        body["members"] = [each for each in body["members"] if each["member_id"] != self._id]
        body["results_metadata"]["total"] = -1
        return replace(response, body=json.dumps(body).encode())


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    yield made
    made.close()


def people(*addresses: str) -> str:
    """Users whose ids can be external ids."""
    records = ({"user_id": name.split("@")[0], "emails": [{"email": name, "verified": True}]} for name in addresses)
    return "".join(json.dumps(each) + "\n" for each in records)


def configured(root: Path, text: str = CONFIGURATION, more: str = "") -> Config:
    files = {
        "reconciler.yaml": text,
        "manifests/all.yaml": MANIFESTS + more,
        "rules/all.yaml": RULES,
        "users.jsonl": people(ANN, "bob@acme.example"),
    }
    return config_of(write(root, files))


def member(app: App, address: str = ANN) -> dict[str, Any]:
    return next(one for one in bulk.members(app) if one["email_address"] == address)


def statuses(app: App) -> list[str]:
    return sorted(one["status"] for one in bulk.members(app) if one["email_address"] == ANN)


def delete(app: App, there: dict[str, Any]) -> None:
    """Delete a member as somebody else would."""
    with connected(app) as client:
        client.delete_member(there["organization_id"], there["member_id"])


def missing(app: App, monkeypatch: pytest.MonkeyPatch, config: Config, member_id: str) -> tuple[Missing, list[Outcome]]:
    monkeypatch.setattr(app, "respond", strange := Missing(app, member_id))
    return strange, run(config, app)


def test_who_was_removed_is_not_made_anew(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(tmp_path)
    run(config, app)
    ann = member(app)
    delete(app, ann)
    with monkeypatch.context() as patched:
        strange, (outcome,) = missing(app, patched, config, ann["member_id"])
    assert (outcome.address, outcome.result) == (f"Member/acme/{ANN}", "withheld")
    assert f"somebody removed this member in Stytch ({ann['member_id']})" in outcome.detail
    assert (strange.listings, strange.creates, statuses(app)) == (2, 0, ["deleted"])
    with connected(app) as client:
        plan = pipeline.plan(open_run(config, client)).plan
    assert ([item.id for item in plan.removed], exit_code(plan)) == ([ann["member_id"]], 0)


@pytest.mark.parametrize(
    ("text", "more"), [(RESTORES, ""), (CONFIGURATION, ANN_BY_HAND)], ids=["all of them", "this one"]
)
def test_who_is_to_be_restored_is(
    tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch, text: str, more: str
) -> None:
    config = configured(tmp_path, text, more)
    run(config, app)
    ann = member(app)
    delete(app, ann)
    with monkeypatch.context() as patched:
        _, (outcome,) = missing(app, patched, config, ann["member_id"])
    assert outcome.result == "applied"
    assert statuses(app) == ["active", "deleted"]
    assert run(config, app) == []


def test_whom_we_deleted_is_made_again(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(tmp_path)
    run(config, app)
    ann = member(app)
    (tmp_path / "users.jsonl").write_text(people("bob@acme.example"), encoding="utf-8")
    assert [outcome.action for outcome in run(config, app)] == ["delete"]
    (tmp_path / "users.jsonl").write_text(people(ANN, "bob@acme.example"), encoding="utf-8")
    with monkeypatch.context() as patched:
        _, (outcome,) = missing(app, patched, config, ann["member_id"])
    assert (outcome.result, statuses(app)) == ("applied", ["active", "deleted"])


def test_who_is_there_is_found(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(tmp_path)
    run(config, app)
    ann = member(app)
    with monkeypatch.context() as patched:
        _, (outcome,) = missing(app, patched, config, ann["member_id"])
    assert (outcome.result, outcome.found or ann["member_id"] in outcome.detail, statuses(app)) == (
        "applied",
        True,
        ["active"],
    )
    assert run(config, app) == []


@pytest.mark.parametrize("moves", ["in Stytch", "in the source"])
def test_who_is_there_at_another_address_is_not_doubled(
    tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch, moves: str
) -> None:
    config = configured(tmp_path)
    run(config, app)
    ann = member(app)
    if moves == "in Stytch":
        with connected(app) as client:
            client.update_member(ann["organization_id"], ann["member_id"], {"email_address": f"smith.{ANN}"})
    else:
        text = people(ANN, "bob@acme.example").replace(f'"email": "{ANN}"', f'"email": "smith.{ANN}"')
        (tmp_path / "users.jsonl").write_text(text, encoding="utf-8")
    with monkeypatch.context() as patched:
        _, (outcome,) = missing(app, patched, config, ann["member_id"])
    assert outcome.result == "withheld", outcome
    assert f"{ann['member_id']} has this member's external id" in outcome.detail
    assert [one["member_id"] for one in bulk.members(app) if ANN in one["email_address"]] == [ann["member_id"]]


def test_nothing_is_written_where_nobody_can_tell_who_was_removed(
    tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path)
    run(config, app)
    (tmp_path / "users.jsonl").write_text(people(ANN, "bob@acme.example", "eve@acme.example"), encoding="utf-8")
    with connected(app) as client:
        planned = pipeline.plan(open_run(config, client))
        respond, writes = app.respond, []

        def refusing(request: Request) -> Response:
            if request.path.endswith("/members/search"):
                return Response(500, b"")
            writes.append(request.path)
            return respond(request)

        monkeypatch.setattr(app, "respond", refusing)
        with pytest.raises(Unreadable):
            pipeline.apply(open_run(config, client), planned, lambda _: None)
    assert writes == []
