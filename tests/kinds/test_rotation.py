"""A rotation that was cut short is completed only if the new credential is stored, and for this very resource."""

import pytest

from reconciler.diff.ownership import Owner
from reconciler.kinds._context import ApplyContext
from reconciler.kinds._credentials import Rotation
from reconciler.kinds._writing import WriteResult
from reconciler.model import FieldChange, Intent, Update
from tests.memory_store import MemoryStore

FIELD = "client_secret"


@pytest.mark.parametrize(("stored_for", "steps"), [("app-1", ["complete"]), ("app-2", ["cancel", "start", "complete"])])
def test_a_credential_that_ends_alike_may_be_another_resources(stored_for: str, steps: list[str]) -> None:
    named = FieldChange(path=(FIELD,), after={"secret": "BILLING"})
    change = Update(kind="ConnectedApp", name="Billing", id="app-1", fields=(named,))
    store = MemoryStore({"BILLING": {"value": "an-old-secret-abcd", "id": stored_for}})
    intent = Intent(address=change.address, journal="journal", made="app-1", given=frozenset({"abcd"}))
    context = ApplyContext(
        client=None,  # type: ignore[arg-type] # nothing is asked
        owner=Owner("acme-identity"),
        organization_ids={},
        store=store,
        begun={change.address: (intent,)},
    )
    done = []

    def step(name: str) -> WriteResult:
        done.append(name)
        return WriteResult("app-1", "request", {f"next_{FIELD}": "a-new-secret-efgh"})

    Rotation(FIELD, step, lambda: {f"next_{FIELD}_last_four": "abcd"}).rotate(change, "app-1", context)
    assert done == steps
    assert store.ids == {"BILLING": "app-1"}
