"""What plans and applies cost in requests: so many for each resource that is written, and nothing that grows faster.

``CASES`` says of each kind how many requests a resource takes at most where it is created, updated and deleted, and
docs/stytch.md the same. All else, what is read for a plan and before writes, does not depend on how many
there are, but for pages of 1,000 rows (100 of fraud rules), of which there is one here.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
import yaml

from reconciler import pipeline
from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials
from reconciler.config.schema import Limits
from reconciler.credentials import backend, dotenv
from reconciler.emulator.core.exchange import Request, Response
from reconciler.emulator.data.fraud import REASONS
from reconciler.emulator.seed.running import Options, make, variables
from reconciler.emulator.server.app import App
from reconciler.emulator.server.transport import EmulatorTransport
from reconciler.export.gather import ExportRequest, export
from reconciler.kinds import KINDS
from reconciler.read.run import Run, store_of
from tests.connected import VirtualClock
from tests.repositories import config_of

Fields = dict[str, Any]
Make = Callable[[int], Fields]
T = TypeVar("T")
FEW: Final = 5
AROUND: Final = 12  # requests of a plan and before and after writes, however many there are
PAGE: Final = Path(__file__).parent.parent.parent / "docs" / "stytch.md"
DATA: Final = ("STYTCH_PROJECT_ID", "STYTCH_SECRET")
PERCENT: Final = [name for name in Limits.__struct_fields__ if "percent" in name]


def named(name: str) -> Make:
    return lambda number: {"name": name.format(number)}


def in_an_organization(number: int) -> Fields:
    return {"namespace": f"o{number}", "name": "Okta"}


class Case:
    """How resources of a kind are named, what is declared of them first, and what instead later.

    ``costs`` are the requests that one takes: created, updated, deleted.
    """

    def __init__(self, metadata: Make, spec: Fields, later: Fields, costs: tuple[int, int, int], **more: Any) -> None:
        self.metadata, self.spec, self.later, self.costs = metadata, spec, later, costs
        self.in_organizations: bool = more.get("in_organizations", False)
        self.live: bool = more.get("live", False)


CASES: Final[Mapping[str, Case]] = {
    "Environment": Case(named("e{}"), {"name": "E", "type": "TEST"}, {"name": "F", "type": "TEST"}, (1, 1, 1)),
    "Secret": Case(named("SECRET_{}"), {}, {}, (1, 0, 1)),
    "PublicToken": Case(named("TOKEN_{}"), {}, {}, (1, 0, 1)),
    "RedirectURL": Case(
        named("https://acme.example/{}"),
        {"valid_types": [{"type": "LOGIN"}]},
        {"valid_types": [{"type": "LOGIN"}, {"type": "INVITE"}]},
        (1, 2, 1),
    ),
    "TrustedTokenProfile": Case(
        named("p{}"),
        {"issuer": "i", "audience": "a", "public_key_type": "JWK", "jwks_url": "https://i.example"},
        {"issuer": "j", "audience": "a", "public_key_type": "JWK", "jwks_url": "https://i.example"},
        (2, 1, 1),
    ),
    "EmailTemplate": Case(
        named("t{}"),
        {"name": "T", "prebuilt_customization": {"button_border_radius": 1}},
        {"name": "U", "prebuilt_customization": {"button_border_radius": 1}},
        (1, 2, 1),
        live=True,
    ),
    "M2MClient": Case(named("c{}"), {"scopes": []}, {"scopes": ["read:users"]}, (2, 1, 1)),
    "ConnectedApp": Case(
        named("a{}"),
        {"client_type": "first_party"},
        {"client_type": "first_party", "client_description": "A"},
        (2, 2, 1),
    ),
    "DFPRule": Case(named("cidr_block/10.{}.0.0/16"), {"action": "BLOCK"}, {"action": "CHALLENGE"}, (1, 1, 1)),
    "VerdictReasonOverride": Case(
        named("REASON_{}"),
        {"override_action": "BLOCK"},
        {"override_action": "ALLOW"},
        (1, 1, 1),
    ),
    "Organization": Case(named("o{}"), {"organization_name": "O"}, {"organization_name": "P"}, (2, 2, 2)),
    "SSOConnection": Case(
        in_an_organization,
        {"connection_type": "saml", "idp_entity_id": "i"},
        {"connection_type": "saml", "idp_entity_id": "j"},
        (6, 4, 4),
        in_organizations=True,
    ),
    "SCIMConnection": Case(
        in_an_organization,
        {"identity_provider": "okta"},
        {"identity_provider": "generic"},
        (3, 3, 4),
        in_organizations=True,
    ),
    "Member": Case(
        lambda number: {"namespace": "acme", "name": f"m{number}@acme.example"}, {"name": "M"}, {"name": "N"}, (2, 2, 3)
    ),
}
ONE_OF_A_KIND: Final = KINDS.keys() - CASES.keys()  # settings, and what there can be only one of, or nine


def counting(counted: list[object], call: Callable[..., T]) -> Callable[..., T]:
    def counts(*args: Any, **kwargs: Any) -> T:
        counted.append(call)
        return call(*args, **kwargs)

    return counts


class Repository:
    """A repository with so many resources of a kind, and an emulated Stytch whose requests are counted."""

    def __init__(self, root: Path, app: App, kind: str, number: int) -> None:
        self.root, self.app, self.kind, self.number = root, app, kind, number
        self.case = CASES[kind]
        self.requests: list[str] = []
        respond = app.respond

        def counting(request: Request) -> Response:
            self.requests.append(f"{request.method} {request.path}")
            return respond(request)

        app.respond = counting  # type: ignore[method-assign] # that is how to see them
        (root / "manifests").mkdir(parents=True)
        sort, slug = ("live", "production") if self.case.live else ("test", "test")
        guards = {"max_deletes": 1000, "max_organization_deletes": 1000} | dict.fromkeys(PERCENT, 100)
        environment = {
            "target": {"type": sort, "project": "b2b", "environment": slug},
            "credentials": {"file": "credentials.env", "ephemeral": True},
            "rates": {"requests_per_second": 10_000, "searches_per_minute": 100_000},
            "guards": guards,
        }
        self._write("reconciler.yaml", [{"kind": "Configuration", "name": "me", "environments": {"test": environment}}])

    def declare(self, spec: Fields | None) -> None:
        slugs = [f"o{number}" for number in range(self.number)] * self.case.in_organizations
        slugs += ["acme"] * (self.kind == "Member")
        documents: list[Fields] = [
            {"kind": "Organization", "metadata": {"name": slug}, "spec": {"organization_name": "O"}} for slug in slugs
        ]
        if slugs:
            self._write("manifests/organizations.yaml", documents)
            self.applied()
        for number in range(self.number):
            metadata = self.case.metadata(number)
            document: Fields = {"kind": self.kind, "metadata": metadata}
            if spec is None:
                documents.append({**document, "ensure": "absent", "lifecycle": {"allow_delete": metadata["name"]}})
            else:
                documents.append({**document, **({"spec": spec} if spec else {})})
        self._write("manifests/all.yaml", documents[len(slugs) :])

    def applied(self) -> None:
        done = self.asked(lambda run: pipeline.apply(run, pipeline.plan(run), lambda _: None))
        assert {each.result for each in done.outcomes} <= {"applied"}, done.outcomes
        self.changed = len(done.outcomes)

    def asked(self, call: Callable[[Run], T]) -> T:
        known = variables(self.app, "http://127.0.0.1:1")
        if self.case.live:  # the workspace key alone finds it
            known = {name: value for name, value in known.items() if name not in DATA}
        transports = Transports(clock=VirtualClock(), transport=EmulatorTransport(self.app))
        config = config_of(self.root)
        with open_client(Credentials.from_environment(known), config.rates, transports) as client:
            return call(Run(config, client, store_of(config)))

    def cost(self, spec: Fields | None) -> int:
        """The requests of an apply that makes every resource so, its plan included."""
        self.declare(spec)
        before = len(self.requests)
        self.applied()
        assert self.changed == self.number
        return len(self.requests) - before

    def _write(self, name: str, documents: list[Fields]) -> None:
        versioned = [{"apiVersion": "reconciler/v1", **each} for each in documents]
        (self.root / name).write_text(yaml.safe_dump_all(versioned, sort_keys=False), encoding="utf-8")


def costs(root: Path, kind: str, number: int) -> tuple[int, ...]:
    app = make(Options())
    try:
        repository, case = Repository(root, app, kind, number), CASES[kind]
        specs = [case.spec, *([case.later] if case.later else []), None]
        return tuple(repository.cost(spec) for spec in specs)
    finally:
        app.close()


@pytest.fixture(autouse=True)
def many_verdict_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Stytch has, of which few are known."""
    known = {**REASONS, **{f"REASON_{number}": "ALLOW" for number in range(3 * FEW)}}
    monkeypatch.setattr("reconciler.emulator.data.fraud.REASONS", known)


@pytest.mark.parametrize("kind", CASES)
def test_requests_grow_with_what_is_written_and_no_faster(tmp_path: Path, kind: str) -> None:
    for number in (FEW, 2 * FEW, 3 * FEW):  # as they are written side by side, some share what others read
        for spent, documented in zip(
            costs(tmp_path / str(number), kind, number), filter(None, CASES[kind].costs), strict=True
        ):
            assert spent <= AROUND + number * (documented + 2 * CASES[kind].in_organizations)


def test_files_are_not_parsed_for_each_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[object] = []
    for owner, name in ((dotenv, "assignments_of"), (backend.Ledger, "_understood")):
        monkeypatch.setattr(owner, name, counting(parsed, getattr(owner, name)))
    for number in (FEW, 3 * FEW):
        parsed.clear()
        costs(tmp_path / str(number), "M2MClient", number)
        assert len(parsed) <= AROUND + number  # a thread may see what another one is about to write


def test_what_is_written_so_often_is_documented() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([0-9, |]+) \|$", PAGE.read_text(), re.MULTILINE))
    documented = {kind: tuple(map(int, re.findall(r"\d+", row))) for kind, row in rows.items()}
    assert documented == {kind: case.costs for kind, case in CASES.items()}
    assert {kind for kind in KINDS if KINDS[kind].identity.singletons} <= ONE_OF_A_KIND
    assert len(ONE_OF_A_KIND) == len(KINDS) - len(CASES) == 8


def test_an_export_asks_no_organization_what_its_record_says(tmp_path: Path) -> None:
    """Its SSO connections are asked for, several at a time; whether it has a SCIM connection its record says."""
    app = make(Options())
    try:
        repository = Repository(tmp_path, app, "SCIMConnection", FEW)
        repository.declare(repository.case.spec)
        repository.applied()
        (tmp_path / "manifests" / "others.yaml").write_text(
            yaml.safe_dump_all(
                {"apiVersion": "reconciler/v1", "kind": "Organization", "metadata": {"name": f"other-{number}"}}
                | {"spec": {"organization_name": "O"}}
                for number in range(3 * FEW)
            )
        )
        repository.applied()
        repository.requests.clear()
        repository.asked(lambda run: export(run, ExportRequest(unmanaged=True, members=True)))
        paths = Counter(re.sub(r"[\w-]*-test-[\w-]+", "*", each) for each in repository.requests)
        assert paths["GET /v1/b2b/sso/*"] == 4 * FEW
        assert paths["GET /v1/b2b/scim/*/connection"] == FEW
        assert paths["POST /v1/b2b/organizations/members/search"] == 1
    finally:
        app.close()
