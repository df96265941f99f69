"""A whole project made from nothing, cut short anywhere: one more run, and it is as if nothing had happened.

Every write is one boundary: the process dies before it, or after it; its answer is lost; and where a credential is
handed to the store, the process dies there. At the end there is one of everything, and every credential is usable.
A secret, a token or an app that may have been made, and that nothing proves to be ours, is held with its id until
somebody has looked: here he deletes it, and one more run makes another.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from msgspec import structs

from reconciler import pipeline
from reconciler.apply.earlier import unfinished
from reconciler.config.read import Config
from reconciler.credentials.store import CredentialStore
from reconciler.emulator.core.exchange import Lost, Request, Response
from reconciler.emulator.seed.placing import counts
from reconciler.emulator.server.app import App
from reconciler.errors import Unreadable
from reconciler.kinds import KINDS
from reconciler.kinds._context import ApplyContext
from reconciler.load.repository import load
from reconciler.model import Delete
from reconciler.model.secret import Sealed
from reconciler.read.run import Run
from reconciler.read.target import open_target
from tests.emulator.certificates import public_key
from tests.everything import everything
from tests.memory_store import MemoryStore
from tests.stages import is_read
from tests.whole_project import SECRETS, applied, asked, copied, stytch

ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-(?:test|live)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
RANDOM: Final = re.compile(
    r'"((?:\w+_)?(?:last_four|hash|salt|secret|token|digest)|oauth_callback_id|key_id)": "[^"]*"'
)
OF_THE_PROJECT: Final = re.compile(r"email_template|default_email_templates ")
SHOWN_ONCE: Final = ("m2m_client", "connected_app", "scim_connection")
KEPT_BESIDES: Final = ("STYTCH_SECRET", "FRONTEND_TOKEN")  # of which the first is in use all the time
Moment = Literal["before it", "after it", "its answer is lost"]
Killed = type("Killed", (BaseException,), {})


class Interrupted:
    """An app's ``respond`` that goes wrong at the ``number``-th write."""

    def __init__(self, app: App, number: int, moment: Moment) -> None:
        self._respond, self._number, self._moment = app.respond, number, moment
        self.writes = 0

    def __call__(self, request: Request) -> Response:
        if is_read(request.method, request.path):
            return self._respond(request)
        self.writes += 1
        here = self.writes == self._number
        if here and self._moment == "before it":
            raise Killed
        response = self._respond(request)
        if here and self._moment == "after it":
            raise Killed
        return replace(response, lost=Lost.DROPPED) if here else response


class DyingStore(MemoryStore):
    """A store at whose ``number``-th credential the process dies, before or after it is kept."""

    def __init__(self, number: int, *, after: bool) -> None:
        super().__init__(SECRETS)
        self._number, self._after = number, after
        self.asked = 0

    def keep(self, name: str, value: Sealed, id: str) -> Path | None:
        self.asked += 1
        if self.asked == self._number and not self._after:
            raise Killed
        kept = super().keep(name, value, id)
        if self.asked == self._number:
            raise Killed
        return kept


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return copied(tmp_path)


def state(app: App) -> Counter[str]:
    """Everything in Stytch, but for ids, times and what is made at random.

    Templates are of the whole project: once it has a live environment, a run for a test one does not write them.
    """
    found = {key: value for key, value in everything(app).items() if not OF_THE_PROJECT.match(key[1])}
    return Counter(_anonymous(key[1], value) for key, value in found.items())


def _anonymous(sort: str, value: Any) -> str:
    if sort == "fraud_rule":  # setting one again changes nothing but this
        value = {name: each for name, each in value.items() if name != "last_updated_at"}
    if sort in ("member", "organization") and "reconciler" in (value.get("trusted_metadata") or {}):
        marked = {
            **value["trusted_metadata"]["reconciler"],
            "member": "",
            "written": "",
        }  # completed by the next update
        value = {**value, "trusted_metadata": {**value["trusted_metadata"], "reconciler": marked}}
    if sort == "saml_connection":  # a certificate has another serial number each time, the key in it has not
        keys = [public_key(each["certificate"]) for each in value["signing_certificates"]]
        value = {**value, "signing_certificates": keys}
    if sort == "organization":  # in the order in which they became active
        active = sorted(value["sso_active_connections"], key=lambda each: str(each["display_name"]))
        value = {**value, "sso_active_connections": active}
    text = json.dumps([sort, value], sort_keys=True)
    for pattern, instead in ((ID, "ID"), (TIME, "TIME"), (RANDOM, r'"\1"')):
        text = pattern.sub(instead, text)
    return text


def undisturbed(config: Config) -> tuple[Counter[str], int, int]:
    """The end, and how many writes and credentials lead to it."""
    with stytch() as app:
        counting, store = Interrupted(app, 0, "before it"), DyingStore(0, after=False)
        app.respond = counting  # type: ignore[method-assign] # that is what is tested
        assert [outcome for outcome in applied(config, app, store) if outcome.result != "applied"] == []
        assert applied(config, app, store) == ()
        usable(app, store)
        return state(app), counting.writes, store.asked


def usable(app: App, store: MemoryStore) -> None:
    """Every credential that is kept is the one that Stytch has."""
    here = next(
        each for each in app.workspace.environments if each.slug == "production" and each.project_slug == "acme-b2b"
    )
    shown = json.dumps(list(everything(app).values()))
    for name, id_ in store.ids.items():
        text = store.texts[name]
        opens = [sort for sort in SHOWN_ONCE if counts(app, sort, id_, text, here)]
        assert opens or (name in KEPT_BESIDES and id_ in shown), f"{name} opens nothing"


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before it", "after it", "its answer is lost"])
def test_at_any_write(config: Config, monkeypatch: pytest.MonkeyPatch, moment: Moment) -> None:
    wanted, writes, _ = undisturbed(config)
    for number in range(1, writes + 1):
        forget_journal(config)
        with stytch() as app:
            store = MemoryStore(SECRETS)
            with monkeypatch.context() as patched:
                patched.setattr(app, "respond", Interrupted(app, number, moment))
                if moment == "its answer is lost":
                    left = [outcome for outcome in applied(config, app, store) if outcome.result != "applied"]
                    assert {outcome.result for outcome in left} <= {"withheld", "skipped"}, number
                    assert bool(left) == bool(doubtful(config, app, store)), number
                else:
                    with pytest.raises(Killed):
                        applied(config, app, store)
            settled(config, app, store, wanted, number)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before it is kept", "after it is kept"])
def test_at_any_credential(config: Config, *, after: bool) -> None:
    wanted, _, credentials = undisturbed(config)
    for number in range(1, credentials + 1):
        forget_journal(config)
        with stytch() as app:
            dying = DyingStore(number, after=after)
            with pytest.raises(Killed):
                applied(config, app, dying)
            store = MemoryStore(known(dying))
            settled(config, app, store, wanted, number)


def settled(config: Config, app: App, store: MemoryStore, wanted: Counter[str], number: int) -> None:
    """One more run, and all is as it should be; a further one finds nothing to do."""
    with suppress(Unreadable):
        applied(config, app, store)
    if doubtful(config, app, store, delete=True):
        applied(config, app, store)
    assert state(app) == wanted, number
    assert applied(config, app, store) == (), number
    assert unfinished(config.root, config.environment).credentials == {}, number
    usable(app, store)


def doubtful(config: Config, app: App, store: CredentialStore, *, delete: bool = False) -> list[str]:
    """What is held because nothing proves whose it is; somebody may look, and delete it."""
    with asked(config, app) as client:
        context = ApplyContext(client=client, owner=config.owner, organization_ids={})
        try:
            planned = pipeline.plan(Run(config, client, store))
        except Unreadable as error:  # without a secret
            problems = error.problems
            target = open_target(Run(config, client, store), load(config)[0])
            context = structs.replace(context, target=target)
        else:
            problems = planned.plan.problems
            context = structs.replace(context, organization_ids=dict(planned.organization_ids), target=planned.target)
        held = [problem for problem in problems if problem.code == "unproven"]
        for problem in held if delete else ():
            (address,), (identifier,) = problem.addresses, ID.findall(problem.message)
            kind, _, name = address.partition("/")
            namespace, name = name.split("/", 1) if KINDS[kind].namespace else (None, name)
            change = Delete(kind=kind, namespace=namespace, name=name, id=identifier)
            verb = KINDS[kind].verbs.delete
            assert verb
            verb(change, context)
        return [problem.message for problem in held]


def known(store: MemoryStore) -> Mapping[str, Any]:
    return {
        name: {"value": text, "id": store.ids[name]} if name in store.ids else text
        for name, text in store.texts.items()
    }


def forget_journal(config: Config) -> None:
    for path in (config.root / ".reconciler").glob("journal-*"):
        path.unlink()
