"""What an environment of type test never writes: decided by what it touches, and looked at again when it is written."""

from pathlib import Path

import pytest
from msgspec import structs

from reconciler import pipeline
from reconciler.config.read import Config, load_config
from reconciler.emulator.core.exchange import Response
from reconciler.emulator.seed.running import Options, make
from reconciler.errors import InvalidInput, Refused
from reconciler.model import Change, Create, Delete, FieldChange, Target, Update
from reconciler.plan.build import written_from_live
from reconciler.read.run import Run, open_run
from reconciler.read.target import PROJECTS
from tests.connected import connected
from tests.memory_store import MemoryStore
from tests.read.test_target import WORKSPACE, opened
from tests.repositories import write

BEFORE, AFTER = {"test": "TEST"}, {"test": "TEST", "production": "LIVE"}
TEMPLATE = """\
apiVersion: reconciler/v1
kind: EmailTemplate
metadata: {name: look}
spec: {name: Look, prebuilt_customization: {button_color: "#106ee9"}}
"""


def typed(sort: str) -> tuple[FieldChange, ...]:
    return (FieldChange(path=("type",), after=sort),)


def config_of(root: Path, sort: str, more: str = "") -> Config:
    environment, name = ("production", "live") if sort == "live" else ("test", "test")
    target = f"{{type: {sort}, project: b2b, environment: {environment}}}"
    text = f"apiVersion: reconciler/v1\nkind: Configuration\nenvironments:\n  {name}: {{target: {target}}}\n{more}"
    return load_config(write(root, {"reconciler.yaml": text, "manifests/a.yaml": TEMPLATE}), name)


@pytest.mark.parametrize(
    ("change", "there", "is_lives"),
    [
        (Update(kind="Project", name="b2b"), BEFORE, False),
        (Update(kind="Project", name="b2b"), AFTER, True),
        (Delete(kind="Project", name="b2b"), AFTER, True),
        (Create(kind="EmailTemplate", name="a"), BEFORE, False),
        (Create(kind="EmailTemplate", name="a"), AFTER, True),
        (Delete(kind="DefaultEmailTemplate", name="LOGIN"), AFTER, True),
        (Create(kind="Environment", name="production", fields=typed("LIVE")), BEFORE, False),
        (Create(kind="Environment", name="other", fields=typed("LIVE")), AFTER, True),
        (Create(kind="Environment", name="other", fields=typed("TEST")), AFTER, False),
        (Update(kind="Environment", name="production"), AFTER, True),
        (Delete(kind="Environment", name="production"), AFTER, True),
        (Update(kind="Environment", name="test"), AFTER, False),
        (Delete(kind="Environment", name="test"), AFTER, False),
        (Update(kind="Environment", name="late"), BEFORE, True),
        (Update(kind="Environment", name="odd"), {"odd": "PREVIEW"}, True),
        (Create(kind="Organization", name="acme"), AFTER, False),
        (Create(kind="Secret", name="A"), AFTER, False),
    ],
    ids=lambda value: value.address if isinstance(value, Change) else None,
)
def test_what_live_uses_is_written_from_live(
    tmp_path: Path, change: Change, there: dict[str, str], *, is_lives: bool
) -> None:
    target = Target(project="b2b", environment="test", project_id="project-test-1", environments=there)
    assert written_from_live(config_of(tmp_path, "test"), change, target) == is_lives
    assert not written_from_live(config_of(tmp_path, "live"), change, target)


def test_what_was_planned_otherwise_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    app = make(Options())
    config = config_of(tmp_path, "test")
    with connected(app) as client:
        planned = pipeline.plan(open_run(config, client))
        assert [change.address for change in planned.plan.written_from_live] == ["EmailTemplate/look"]
        forged = structs.replace(planned.plan, changes=planned.plan.written_from_live)
        with pytest.raises(Refused, match="used by a live environment"):
            pipeline.apply(open_run(config, client), structs.replace(planned, plan=forged), lambda _: None)
        assert not client.management.get("/pwa/v3/projects/b2b/email_templates")["email_templates"]
    app.close()


def test_a_live_environment_writes_it(tmp_path: Path) -> None:
    app = make(Options())
    config = config_of(tmp_path, "live", "  test: {target: {project: b2b, environment: test}}\n")
    with connected(app, sort="live") as client:
        planned = pipeline.plan(open_run(config, client))
        assert (planned.plan.written_from_live, planned.plan.observed) == ((), ())
        assert [one.result for one in pipeline.apply(open_run(config, client), planned, lambda _: None).outcomes] == [
            "applied"
        ]
    app.close()


@pytest.mark.parametrize(
    ("target", "is_live"),
    [
        (Target(project_id="project-test-1"), False),
        (Target(project_id="project-live-1"), True),
        (Target(project_id="project-1"), True),
        (Target(project_id="PROJECT-TEST-1"), True),
        (Target(project_id="project-test-1", environment="a", environments={"a": "LIVE"}), True),
        (Target(project_id="project-test-1", environment="a", environments={"a": "TEST", "b": "LIVE"}), False),
        (Target(project="new"), False),
    ],
    ids=str,
)
def test_what_is_not_known_to_be_a_test_environment_is_live(target: Target, *, is_live: bool) -> None:
    assert target.is_live == is_live


@pytest.mark.parametrize("target", ["type: live", "type: live, project: a", "type: live, environment: b"])
def test_a_live_target_says_which_project_it_is(tmp_path: Path, target: str) -> None:
    text = f"apiVersion: reconciler/v1\nkind: Configuration\nenvironments: {{live: {{target: {{{target}}}}}}}\n"
    with pytest.raises(InvalidInput, match="no project is named") as caught:
        load_config(write(tmp_path, {"reconciler.yaml": text}))
    assert caught.value.problems[0].at


def test_a_test_configuration_makes_no_live_environment_its_own(tmp_path: Path) -> None:
    manifests = """\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: staging}
spec: {name: Staging}
initial: {type: LIVE}
---
apiVersion: reconciler/v1
kind: Project
metadata: {name: acme}
spec: {name: Acme}
"""
    text = "apiVersion: reconciler/v1\nkind: Configuration\nenvironments:\n"
    text += "  test: {target: {project: acme, environment: staging}}\n"
    config = load_config(write(tmp_path, {"reconciler.yaml": text, "manifests/a.yaml": manifests}))
    app = make(Options())
    with opened(app, *WORKSPACE) as client, pytest.raises(Refused, match="is LIVE"):
        pipeline.plan(open_run(config, client))
    app.close()


def test_a_project_that_a_list_did_not_show_is_live_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of projects lags behind: what the plan took for a project from nothing turns out to be there."""
    documents = "".join(
        f"---\napiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{spec}"
        for kind, name, spec in (
            ("Project", "b2b", "spec: {name: B2B}\n"),
            ("Environment", "production", "spec: {name: Production, type: LIVE}\n"),
            ("Environment", "test", "spec: {name: Test, type: TEST}\n"),
            ("Secret", "API_SECRET", ""),
        )
    )
    app = make(Options())
    config = config_of(tmp_path, "test")
    (tmp_path / "manifests" / "b.yaml").write_text(documents)
    respond, store = app.respond, MemoryStore({})
    with monkeypatch.context() as lagging, opened(app, *WORKSPACE) as client:
        lagging.setattr(
            app,
            "respond",
            lambda request: Response(200, b'{"projects": []}') if request.path == PROJECTS else respond(request),
        )
        planned = pipeline.plan(Run(config, client, store))
        assert "create EmailTemplate/look" in {f"create {change.address}" for change in planned.plan.changes}
        lagging.undo()
        done = {
            one.address: one for one in pipeline.apply(Run(config, client, store), planned, lambda _: None).outcomes
        }
        assert (done["EmailTemplate/look"].result, done["EmailTemplate/look"].detail[:17]) == (
            "withheld",
            "written from live",
        )
        assert not client.management.get(f"{PROJECTS}/b2b/email_templates")["email_templates"]
    app.close()
