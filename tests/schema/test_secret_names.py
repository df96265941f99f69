"""Secrets by name: what is one, what is sent and shown in its place, and how credentials are called."""

from typing import Any

import pytest
from msgspec import UNSET

from reconciler.kinds import KINDS
from reconciler.model import Create, Delete, FieldChange, Position, Resource, Update
from reconciler.schema.secret_names import (
    as_declared,
    as_shown,
    credential_name,
    gives_credential,
    is_name,
    is_secret_name,
    names_in,
    replaced,
    secrets_needed,
)

STREAMING, SSO = KINDS["EventLogStreaming"], KINDS["SSOConnection"]
CONFIG = {"datadog": {"api_key": {"secret": "KEY"}, "site": "EU"}}
AT = Position("manifests/a.yaml", 3)


def resource(kind: str, name: str, spec: dict[str, Any] | None = None, **more: Any) -> Resource:
    return Resource(kind=kind, name=name, spec=spec or {}, position=AT, **more)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"secret": "KEY"}, True),
        ({"secret": 5}, False),
        ({"secret": {"secret": "KEY"}}, False),
        ({"secret": "KEY", "more": 1}, False),
        ({}, False),
        ("KEY", False),
        (None, False),
    ],
    ids=repr,
)
def test_what_is_the_name_of_a_secret(value: object, named: bool) -> None:  # noqa: FBT001 # one of the cases
    assert is_name(value) is named


@pytest.mark.parametrize(
    ("text", "can_be"),
    [("KEY", True), ("_k9", True), ("9K", False), ("A-B", False), ("KEY_ID", False), ("KEY\n", False), ("", False)],
)
def test_what_a_secret_can_be_called(text: str, can_be: bool) -> None:  # noqa: FBT001 # one of the cases
    assert is_secret_name(text) is can_be


def test_names_are_found_and_replaced_wherever_they_stand() -> None:
    value = {"a": {"secret": "ONE"}, "list": [{"secret": "TWO"}, {"b": {"secret": "ONE"}}, 5], "c": "ONE", "d": None}
    assert list(names_in(value)) == [(("a",), "ONE"), (("list", "0"), "TWO"), (("list", "1", "b"), "ONE")]
    told = replaced(value, str.lower)
    assert told == {"a": "one", "list": ["two", {"b": "one"}, 5], "c": "ONE", "d": None}
    assert value["a"] == {"secret": "ONE"}


def test_the_secrets_that_a_thing_is_sent_with() -> None:
    spec = {"client_secret": {"secret": "OURS"}, "attribute_mapping": {"secret": "none of ours"}}
    declared = resource("SSOConnection", "Okta", spec, initial={"signing_private_key": {"secret": "KEY"}})
    assert sorted(secrets_needed(SSO, declared)) == [
        (("initial", "signing_private_key"), "KEY"),
        (("spec", "client_secret"), "OURS"),
    ]
    app = resource("ConnectedApp", "Acme", {"client_secret": {"secret": "GIVEN"}})
    assert list(secrets_needed(KINDS["ConnectedApp"], app)) == []  # Stytch gives it


def test_a_secret_is_compared_by_what_is_shown_of_it_and_planned_by_its_name() -> None:
    spec = {"destination_config": CONFIG, "streaming_status": "ACTIVE"}
    shown = as_shown(STREAMING, spec, {"KEY": "cdef"}.get)
    assert shown["destination_config"] == {"datadog": {"api_key": {"last_four": "cdef"}, "site": "EU"}}
    assert shown["streaming_status"] == "ACTIVE"
    assert as_shown(STREAMING, spec, lambda _: None)["destination_config"]["datadog"]["api_key"] == {"last_four": None}
    change = FieldChange(path=("destination_config",), before={"datadog": {}}, after=shown["destination_config"])
    planned = as_declared(STREAMING, change, spec)
    assert (planned.before, planned.after) == ({"datadog": {}}, CONFIG)
    other = FieldChange(path=("streaming_status",), after="ACTIVE")
    assert as_declared(STREAMING, other, spec) is other


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        (resource("Secret", "STYTCH_SECRET"), "STYTCH_SECRET"),
        (resource("PublicToken", "FRONTEND"), "FRONTEND"),
        (resource("M2MClient", "billing"), "M2M_CLIENT_BILLING_SECRET"),
        (resource("ConnectedApp", "Acme: the App!"), "CONNECTED_APP_ACME_THE_APP_SECRET"),
        (resource("SCIMConnection", "Okta", namespace="acme-inc"), "SCIM_CONNECTION_ACME_INC_OKTA_BEARER_TOKEN"),
        (resource("M2MClient", "billing", {"client_secret": {"secret": "MINE"}}), "MINE"),
        (resource("M2MClient", "billing", initial={"client_secret": {"secret": "MINE"}}), "MINE"),
    ],
    ids=["nameless", "public", "by its id", "odd", "inside", "in its spec", "in its initial"],
)
def test_what_the_credential_of_a_thing_is_called(declared: Resource, name: str) -> None:
    assert credential_name(KINDS[declared.kind], declared) == name


def test_what_has_no_credential_has_no_name_for_it() -> None:
    with pytest.raises(ValueError, match="a Project has no credential"):
        credential_name(KINDS["Project"], resource("Project", "acme"))


@pytest.mark.parametrize(
    "name", [name for name, kind in KINDS.items() if kind.credential and not kind.identity.id_is_key]
)
def test_a_name_that_is_made_can_be_kept(name: str) -> None:
    for key in ("acme", "Ünï cödé", "9", "a" * 200, "--"):
        assert is_secret_name(credential_name(KINDS[name], resource(name, key, namespace="acme")))


def test_which_changes_may_give_a_credential() -> None:
    named = FieldChange(path=("client_secret",), after={"secret": "A"})
    plain = FieldChange(path=("client_name",), after="A", before=UNSET)
    change: dict[str, Any] = {"kind": "M2MClient", "name": "a"}
    assert gives_credential(Create(**change, fields=(plain, named)))
    assert gives_credential(Update(**change, fields=(named,)))
    assert not gives_credential(Update(**change, fields=(plain,)))
    assert not gives_credential(Create(**change, fields=(named,), withheld_by="max_deletes"))
    assert not gives_credential(
        Delete(**change, fields=(FieldChange(path=("client_secret",), before={"secret": "A"}),))
    )
