"""Which Consumer project the users come from: the one that the file names, and one of the target's type."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from reconciler import pipeline
from reconciler.clients.pacing import Clock
from reconciler.commands.explain import explain_user
from reconciler.config.read import Config, load_config
from reconciler.emulator.core.workspace import Type
from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, make
from reconciler.emulator.server.app import App
from reconciler.errors import Refused
from reconciler.read.run import open_run
from reconciler.read.users import missed_users
from reconciler.report.formats import render
from reconciler.report.plan import plan_report
from tests.apply.test_apply import MANIFESTS, RULES
from tests.connected import connected
from tests.repositories import write

OTHER = "project-test-00000000-0000-4000-8000-000000000000"


@pytest.fixture
def app() -> Iterator[App]:
    made = make(Options())
    emails = [{"email": "ann@acme.example", "verified": True, "email_id": "email-test-1"}]
    bulk.place_user(made, {"user_id": "user-test-1", "emails": emails})
    yield made
    made.close()


def config_of(app: App, root: Path, users: str, sort: Type = "test", rules: str = RULES) -> Config:
    consumer, target = app.workspace.environment("CONSUMER"), app.workspace.environment("B2B", sort)
    text = "apiVersion: reconciler/v1\nkind: Configuration\nname: acme\nenvironments:\n  here:\n"
    text += f"    target: {{type: {sort}, project_id: {target.project_id}}}\n    users: {{consumer: {users}}}\n"
    files = {"reconciler.yaml": text.replace("HERE", consumer.project_id), "manifests/a.yaml": MANIFESTS}
    return load_config(write(root, {**files, **({"rules/a.yaml": rules} if rules else {})}))


PINNED, ALLOWED, ANOTHER = "{project_id: HERE}", "{project_id: HERE, other_type: allow}", f"{{project_id: {OTHER}}}"


@pytest.mark.parametrize(
    ("users", "sort", "said"),
    [
        (PINNED, "test", ""),
        ("live", "test", ""),
        (ALLOWED, "live", ""),
        (ANOTHER, "test", "the users are those of"),
        ("live", "live", "test users must not become live members"),
        (f"{{project_id: {OTHER}, other_type: allow}}", "live", "the users are those of"),
    ],
    ids=["pinned", "alias", "other type allowed", "another project", "other type", "another project of the other type"],
)
def test_users_come_from_the_project_that_is_named_and_of_the_targets_type(
    app: App, tmp_path: Path, users: str, sort: Type, said: str
) -> None:
    config = config_of(app, tmp_path, users, sort)
    consumer = app.workspace.environment("CONSUMER").project_id
    with connected(app, sort=sort) as client:
        if said:
            with pytest.raises(Refused, match=said) as refused:
                pipeline.plan(open_run(config, client))
            assert refused.value.problems[0].hint
            with pytest.raises(Refused, match=said):
                explain_user(config, "ann@acme.example", lambda _: nullcontext(client))
            return
        plan = pipeline.plan(open_run(config, client)).plan
        assert (plan.users_project_id, plan.summary.users) == (consumer, 1)
        assert f"1 user of the Consumer project {consumer}" in render(plan_report(plan), "text")
        assert explain_user(config, "ann@acme.example", lambda _: nullcontext(client))


def test_without_a_rule_nobody_is_asked_for_users(app: App, tmp_path: Path) -> None:
    config = config_of(app, tmp_path, ANOTHER, rules="")
    with connected(app) as client:
        plan = pipeline.plan(open_run(config, client)).plan
    assert (plan.users_project_id, plan.summary.users, plan.unmatched) == ("", 0, ())


def test_who_is_interrupted_while_several_are_looked_for_does_not_wait_for_them() -> None:
    """Another thread may be in a pause of minutes, which ends when the run is ended: after this."""
    clock, asked = Clock(), threading.Event()

    class Interrupted:
        def has_user(self, user_id: str) -> bool:
            if user_id == "first":
                assert asked.wait(30)
                raise KeyboardInterrupt
            asked.set()
            clock.sleep(3600)
            return True

    client: Any = Interrupted()
    try:
        with pytest.raises(KeyboardInterrupt):
            missed_users(client, ["first", "second"])
    finally:
        clock.stop()
