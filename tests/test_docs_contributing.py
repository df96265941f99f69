"""The worked example of CONTRIBUTING.md is a kind that works."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reconciler.conform import conforms, json_schema_of
from reconciler.errors import Ambiguous
from reconciler.model import Create, Delete, FieldChange, Position, Resource, Update
from reconciler.schema import Kind
from reconciler.writing import Scene

PAGE = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
SCENE = Scene(owner="acme-identity", organization_ids={})


@pytest.fixture
def kind() -> Kind:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    module = ModuleType("reconciler.kinds.m2m_client")
    exec(compile(blocks[0], "CONTRIBUTING.md", "exec"), module.__dict__)  # noqa: S102 # our own example
    found = module.KIND
    assert isinstance(found, Kind)
    return found


class Requests:
    """A client that notes what it is asked; ``lost`` answers of creates never arrive."""

    def __init__(self, lost: int = 0) -> None:
        self.made: list[tuple[str, Any]] = []
        self.lost = lost

    def create_m2m_client(self, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        self.made.append(("create", body))
        if self.lost:
            self.lost -= 1
            raise Ambiguous("the answer was lost")
        return {"client_id": body["client_id"]}, "request-id-1"

    def find_m2m_client(self, client_id: str) -> tuple[dict[str, Any], str]:
        self.made.append(("find", client_id))
        return {"client_id": client_id}, "request-id-2"

    def update_m2m_client(self, client_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        self.made.append(("update", body))
        return {"client_id": client_id}, "request-id-3"

    def delete_m2m_client(self, client_id: str) -> str:
        self.made.append(("delete", client_id))
        return "request-id-4"


def test_its_schema_follows_from_the_spec(kind: Kind) -> None:
    schema = json_schema_of(kind.spec)
    assert {"client_name", "scopes", "status"} <= schema["properties"].keys()
    assert conforms({"client_name": "billing", "scopes": ["read:invoices"]}, kind.spec)
    assert not conforms({"client_nam": "billing"}, kind.spec)
    assert not conforms({"status": "paused"}, kind.spec)


def test_its_traits_are_read(kind: Kind) -> None:
    assert kind.merged == {"trusted_metadata"}
    assert kind.update_only == {"status"}
    assert kind.normalize({"scopes": ["b", "a", "b"]}) == {"scopes": ["a", "b"]}


def test_its_check_finds_what_types_do_not(kind: Kind) -> None:
    at = Position("manifests/clients.yaml", 1)
    resource = Resource(kind="M2MClient", name="billing", spec={"scopes": ["a", "a"]}, position=at)
    assert [problem.severity for problem in kind.check(resource)] != []
    assert list(kind.check(Resource(kind="M2MClient", name="billing", spec={"scopes": ["a"]}, position=at))) == []


@pytest.mark.parametrize("lost", [0, 1])
def test_its_create_is_made_once(kind: Kind, lost: int) -> None:
    assert kind.create
    client = Requests(lost)
    fields = (FieldChange(path=("client_name",), after="Billing"),)
    written = kind.create(client, Create(address="M2MClient/billing", kind="M2MClient", fields=fields), SCENE)
    assert written.id == "billing"
    assert client.made[0] == ("create", {"client_id": "billing", "scopes": [], "client_name": "Billing"})
    assert [name for name, _ in client.made] == ["create", "find"][: 1 + lost]


def test_its_update_and_delete_send_what_they_should(kind: Kind) -> None:
    assert kind.update
    assert kind.delete
    client = Requests()
    fields = (FieldChange(path=("status",), before="active", after="inactive"),)
    change = Update(address="M2MClient/billing", kind="M2MClient", id="billing", fields=fields)
    assert kind.update(client, change, SCENE).request_id == "request-id-3"
    assert (
        kind.delete(client, Delete(address="M2MClient/billing", kind="M2MClient", id="billing"), SCENE).id == "billing"
    )
    assert client.made == [("update", {"status": "inactive"}), ("delete", "billing")]
