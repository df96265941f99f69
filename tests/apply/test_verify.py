"""Stytch's answer to a write is held against what was sent, for every kind: what it says otherwise is a failure."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from reconciler.apply import verify
from reconciler.apply import write as apply
from reconciler.apply.verify import not_taken, other_name
from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.kinds import KINDS
from reconciler.kinds._context import ApplyContext
from reconciler.model import Change, Create, FieldChange, Json, Spec, Update
from reconciler.schema.kind import Kind
from tests.apply.test_lost_answers import MANIFESTS, run
from tests.everything import everything
from tests.memory_store import MemoryStore
from tests.repositories import OF_A_PROJECT, config_of, write
from tests.stages import is_read
from tests.whole_project import SECRETS, applied, copied, stytch

SHOW_NOTHING: Final = {"Secret", "PublicToken", "DefaultEmailTemplate"}  # whose answers hold nothing that was sent
READ_BACK: Final = {"SSOConnection"}  # made and completed by several requests, and then read
ELSEWHERE: Final = {"VerdictReasonOverride"}  # not in the project; tests/kinds has it
CONTEXT: Final = ApplyContext(client=None, owner=None, organization_ids={})  # type: ignore[arg-type] # nothing is written


class Otherwise:
    """An app's ``respond`` whose answers to writes have every value that was sent otherwise."""

    def __init__(self, app: App) -> None:
        self._respond = app.respond
        self._sent: set[tuple[str, str]] = set()

    def __call__(self, request: Request) -> Response:
        response = self._respond(request)
        if is_read(request.method, request.path) or response.status >= 300 or not request.body:
            return response
        self._sent.update(leaves(json.loads(request.body)))
        return replace(response, body=json.dumps(altered(json.loads(response.body), self._sent)).encode())


def leaves(value: Json) -> Iterator[tuple[str, str]]:
    """Every value that is no map or list, with its key."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        for each in inner if isinstance(inner, list) else [inner]:
            if isinstance(each, dict):
                yield from leaves(each)
            else:
                yield key, repr(each)


def altered(value: Json, sent: set[tuple[str, str]], key: str = "") -> Json:
    if isinstance(value, dict):
        return {name: altered(inner, sent, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [altered(inner, sent, key) for inner in value]
    if (key, repr(value)) not in sent or key.endswith(("_id", "_slug")) or key in ("user", "owner", "v"):
        return value
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int | float) else "other"


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The kinds whose answers were compared."""
    kinds: set[str] = set()
    real = verify.not_taken

    def seen(kind: Kind, change: Change, answered: Spec, with_ids: Any) -> Iterator[str]:
        kinds.add(kind.name)
        return real(kind, change, answered, with_ids)

    monkeypatch.setattr(apply, "not_taken", seen)
    return kinds


def test_a_connection_that_came_back_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(write(tmp_path, {"reconciler.yaml": OF_A_PROJECT, "manifests/all.yaml": MANIFESTS}))
    with closing(make(Options())) as app:
        respond = app.respond

        def renaming(asked: Request) -> Response:
            renamed = asked.body.replace(b'"Okta"', b'"OKTA"') if "/sso/" in asked.path else asked.body
            return respond(replace(asked, body=renamed))

        monkeypatch.setattr(app, "respond", renaming)
        outcomes = run(config, app, MemoryStore({})).outcomes
    (failed,) = (each for each in outcomes if each.result != "applied")
    assert (failed.address, failed.result) == ("SSOConnection/acme/Okta", "failed")
    assert (
        failed.detail
        == 'Stytch accepted the write, but its response differs from what was sent: its name is "OKTA" now, not "Okta"'
    )


MEMBER: Final = """\
apiVersion: reconciler/v1
kind: Organization
metadata: {name: acme}
spec: {organization_name: Acme}
---
apiVersion: reconciler/v1
kind: Member
metadata: {namespace: acme, name: ann@acme.example}
spec: {external_id: a1, mfa_phone_number: "+15005550006"}
"""


@pytest.mark.parametrize("field", ["external_id", "mfa_phone_number"])
def test_a_field_that_a_call_of_its_own_did_not_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    config = config_of(write(tmp_path, {"reconciler.yaml": OF_A_PROJECT, "manifests/all.yaml": MEMBER}))
    with closing(make(Options())) as app:
        run(config, app, MemoryStore({}))
        (member,) = (each for key, each in everything(app).items() if key[1] == "member")
        kept = {"status_code": 200, "request_id": "request-id-test-1", "member_id": member["member_id"]}
        answer = Response(200, json.dumps({**kept, "member": member, "organization": {}}).encode())
        respond = app.respond
        monkeypatch.setattr(app, "respond", lambda asked: answer if asked.method == "DELETE" else respond(asked))
        manifest = re.sub(rf"{field}: [^,}}]+", f"{field}: null", MEMBER)
        write(tmp_path, {"reconciler.yaml": OF_A_PROJECT, "manifests/all.yaml": manifest})
        (outcome,) = run(config, app, MemoryStore({})).outcomes
    assert outcome.result == "failed"
    assert f"differs from what was sent: {field} is " in outcome.detail


def test_the_answers_of_every_kind_are_compared(tmp_path: Path, compared: set[str]) -> None:
    config = copied(tmp_path)
    with stytch() as app:
        outcomes = applied(config, app, MemoryStore(SECRETS))
    assert {outcome.result for outcome in outcomes} == {"applied"}
    made = {outcome.address.partition("/")[0] for outcome in outcomes}
    assert compared == made - SHOW_NOTHING
    assert made == KINDS.keys() - ELSEWHERE


def test_an_answer_that_says_otherwise_is_a_failure_for_every_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = copied(tmp_path)
    with stytch() as app:
        monkeypatch.setattr(app, "respond", Otherwise(app))
        outcomes = applied(config, app, MemoryStore(SECRETS))
    failed = {outcome.address.partition("/")[0] for outcome in outcomes if outcome.result == "failed"}
    assert failed >= KINDS.keys() - SHOW_NOTHING - READ_BACK - ELSEWHERE
    assert all(
        "its response differs from what was sent" in outcome.detail
        for outcome in outcomes
        if outcome.result == "failed"
    )


VALUES: Final = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.just([]), st.just({}))


@given(VALUES, VALUES)
def test_a_value_is_taken_where_the_answer_has_it_or_both_have_none(sent: Json, answered: Json) -> None:
    change = Update(kind="M2MClient", name="a", id="a", fields=(FieldChange(path=("client_name",), after=sent),))
    odd = list(not_taken(KINDS["M2MClient"], change, {"client_name": answered}, CONTEXT.with_ids))
    nothing: tuple[Json, ...] = (None, "", [], {})
    same = type(sent) is type(answered) and sent == answered
    assert bool(odd) == (not same and not (sent in nothing and answered in nothing))


def test_line_ends_are_no_difference() -> None:
    sent = FieldChange(path=("template_content",), after='{\n  "a": 1\n}\n')
    change = Update(kind="JWTTemplate", name="M2M", id="M2M", fields=(sent,))
    answered = {"template_content": '{\r\n  "a": 1\r\n}\r\n'}
    assert list(not_taken(KINDS["JWTTemplate"], change, answered, CONTEXT.with_ids)) == []


def test_what_an_answer_leaves_out_says_nothing() -> None:
    change = Update(kind="M2MClient", name="a", id="a", fields=(FieldChange(path=("client_name",), after="A"),))
    assert list(not_taken(KINDS["M2MClient"], change, {"scopes": []}, CONTEXT.with_ids)) == []


def test_a_key_of_metadata_that_was_to_go_is_gone() -> None:
    gone = FieldChange(path=("trusted_metadata", "tier"), before="gold", after=UNSET)
    change = Update(kind="M2MClient", name="a", id="a", fields=(gone,))
    kind = KINDS["M2MClient"]
    assert list(not_taken(kind, change, {"trusted_metadata": {}}, CONTEXT.with_ids)) == []
    (said,) = not_taken(kind, change, {"trusted_metadata": {"tier": "gold"}}, CONTEXT.with_ids)
    assert said == 'trusted_metadata.tier is "gold", not left out'


@pytest.mark.parametrize(
    ("kind", "name", "answered", "is_another"),
    [
        ("SSOConnection", "Okta ", "Okta", True),
        ("SSOConnection", "Okta", "Okta", False),
        ("Member", "ann@acme.example", "Ann@acme.example", False),
        ("Organization", "acme", "acme-1", True),
        ("M2MClient", "Billing", "billing", True),
    ],
)
def test_a_thing_under_another_name(kind: str, name: str, answered: str, *, is_another: bool) -> None:
    change = Create(kind=kind, name=name)
    assert bool(other_name(KINDS[kind], change, {KINDS[kind].key.name: answered})) == is_another
