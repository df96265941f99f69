"""Cases as files: each folder of tests/scenarios/SUBJECT is a repository, what is in Stytch, and what must come of it.

A folder holds what a team's repository holds (``reconciler.yaml`` may be left out: there is a plain one beside the
folders, as there is a ``policy.json``), ``live.yaml`` (organizations by slug, their members by address; ``mark`` is
ours and of that organization and member, but for what it says otherwise; null leaves a key of it out; ``$SLUG`` is an
organization's id) and ``expected.yaml``:

``plan`` every change with every field, in order (what a delete looks at again is not written down); ``observed``,
``written_from_live``, ``held``, ``removed``, ``stays`` (what is ours and no longer wanted), ``unmanaged``,
``unmatched``, ``manual_steps``, ``problems`` likewise, each empty unless it says otherwise (``any``: it does not
matter); ``waiting`` who waits for what is held, ``held_by`` and ``unmatched_by`` how many for which cause, where it
matters; ``access`` what changes do to people, where it matters, and in it ``growth``, what power grows, and
``loosened``; ``approvals`` what became of them, where it matters (``used_approvals`` puts the repository into git, and
says which were used before); ``accepted`` the fields that are left as they are; ``exit`` the exit code of the plan;
``drift_exit`` the exit code of drift, and ``origins`` where each change comes from, by address, where it matters:
against what was applied last, which is what the folder ``applied`` holds (``pending`` what that apply left undone;
``ignored`` files that git does not have; ``written`` in a mark the values it remembers);
``analysis`` what is said of the rules, where it matters;
``meanwhile`` what somebody changes in Stytch before the plan is applied;
``not_applied`` what does not come of it, ``details`` words that are said about it; ``along`` what Stytch itself
changes along with it (sort and id, as the emulator keeps them, or fields of what is changed); ``again`` the plan
after that, what was withheld unless it says otherwise; ``live`` facts that hold in Stytch at the end. Of input that
is refused, ``problems`` gives codes with places, ``hints`` words that must be said.

For what is neither an organization nor a member, ``calls`` in ``live.yaml`` are made against Stytch first, each
``METHOD path: body`` (``{environment}`` and ``{project}`` begin a path of the management API) and with it perhaps
``keep: {NAME: path in the answer}``, so that ``$NAME`` means what was answered; ``connected_app`` and
``scim_group`` instead of a call put in what no call makes: an app that registered itself, a group that was pushed.
In ``expected.yaml``, ``calls_meanwhile`` are such calls before the plan is applied, ``api`` facts about what a call
answers at the end (some of it, or ``none`` for a refusal). ``secrets`` are texts by name, as the environment has
them, or ``{value, id}`` as the credential store does, ``refused`` the names that the store refuses, ``kept`` those
that it holds at the end; ``begun`` says what an earlier run began and never ended, with the ids that were there
before, or a map: ``there`` those ids (if they were noted), ``made`` the id that was answered, ``last_four`` how the
credential ended that came with it; ``deleting`` which members it began to delete, in a map with when Stytch says that
it had written their marks. ``credentials`` are ``data`` and,
where a kind of the management API is declared, ``workspace``; ``behaviour`` switches of the emulator.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.errors import ReconcilerError
from reconciler.kinds import KINDS
from reconciler.model import Change, Delete, FieldChange, Listed, Plan, Problem, Update
from reconciler.plan.planned import Planned, drift_exit_code, exit_code, leaves_open
from reconciler.report.formats import render
from reconciler.report.plan import plan_report
from tests.everything import Everything, concerns, rest_of, went_along
from tests.stages import FOLDER, OWNER, SCENARIOS, Fields, Stage, outside_change, read, staged

CASES = SCENARIOS
FEW = 8  # requests that a plan makes, however much there is to decide
FEW_MORE = 12  # for each kind of the management API
# Everything that Stytch does not promise, the other way round.
OTHERWISE = (
    *("search_order=random", "set_order=reversed", "total=unknown", "last_cursor=absent", "unset_fields=null"),
    *("empty_metadata=absent", "lower_emails=false", "created_status=201", "get_shows_deleted=true"),
    *("unset_jwks_url=empty", "sdk_absent_section=default", "rbac_absent_list=kept"),
)


def marks(case: Path) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.odd_records,) if case.name.endswith("-an-odd-live-member") else ()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in CASES])
def test_it_comes_as_expected(case: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = read(case / "expected.yaml")
    with staged(case, tmp_path / "repository", expected) as stage:
        before = stage.state()
        planned: Planned | None = None
        if expected["exit"] in (1, 4):
            refused(stage)
        else:
            planned = stage.plan()
        assert (stage.state(), stage.writes) == (before, 0), "a plan writes nothing"
        if planned:
            came_of_it(stage, planned)
            unordered(case, tmp_path / "shuffled", expected, planned.plan)
        assert "@" not in caplog.text
        written = (path for path in stage.root.rglob("*") if path.is_file() and ".git" not in path.parts)
        told = caplog.text + "".join(path.read_text() for path in written)
        assert [name for name, text in secrets(stage).items() if text in told] == []


def refused(stage: Stage) -> None:
    """Input that cannot be: the exit code, and every problem with its place."""
    with pytest.raises(ReconcilerError) as caught:
        stage.plan()
    error, expected = caught.value, stage.expected
    assert error.exit_code == expected["exit"]
    said = [" ".join([one.code, "at" if one.at else "", *places(one)]).strip() for one in error.problems]
    assert sorted(said) == sorted(expected["problems"])
    words = " ".join(f"{one.message} {one.hint}" for one in error.problems)
    assert [hint for hint in expected.get("hints", ()) if hint not in words] == []


def came_of_it(stage: Stage, planned: Planned) -> None:
    """The plan, what applying it does, what it leaves alone, and the plan after it."""
    plan, expected = planned.plan, stage.expected
    shown(plan, expected, len(stage.management))
    caused(stage.root, plan)
    text = render(plan_report(plan), "text") + render(plan_report(plan), "json") + render(plan_report(plan), "markdown")
    assert [name for name, secret in secrets(stage).items() if secret in text] == []
    for address, fields in expected.get("meanwhile", {}).items():
        outside_change(stage, address, fields)
    stage.call(expected.get("calls_meanwhile", ()))
    before, written = stage.state(), stage.writes
    if "apply" in expected:
        with pytest.raises(ReconcilerError) as caught:
            stage.apply(planned)
        assert caught.value.exit_code == expected["apply"]
        outcomes: Sequence[Any] = ()
    else:
        outcomes = stage.apply(planned)
        if {one.result for one in outcomes} == {"applied"} and not expected.keys() & {"faults", "begun"}:
            assert stage.writes - written == plan.cost.writes, "the plan says how many writes it takes"
        assert stage.exit_code in ((1, 3) if leaves_open(plan) else (0, 1, 3)), "held is not green"
        withheld = [f"withheld {name(change)}" for change in plan.changes if change.withheld_by]
        not_applied = [f"{one.result} {one.action} {one.address}" for one in outcomes if one.result != "applied"]
        details = [f"{one.address}: {one.detail}" for one in outcomes if one.result == "failed"]
        assert sorted(not_applied) == sorted([*withheld, *expected.get("not_applied", ())]), details
        words = " ".join(f"{one.address}: {one.detail}" for one in outcomes)
        assert [word for word in expected.get("details", ()) if word not in words] == [], words
        assert [name for name, secret in secrets(stage).items() if secret in words] == []
    done = {(one.address, one.action) for one in outcomes if one.result != "withheld"}
    tried = [change for change in plan.changes if (change.address, action(change)) in done]
    left_alone(before, stage.state(), tried, expected.get("along", ()))
    again = stage.plan()
    withheld_again = [line(change) for change in plan.changes if change.withheld_by]
    assert lines(again.plan.changes) == normal(expected.get("again", withheld_again))
    facts(stage, expected.get("live", {}))
    answers(stage, expected.get("api", ()))
    if "kept" in expected:
        assert sorted(stage.store.texts) == sorted(expected["kept"])
    if all(change.withheld_by for change in again.plan.changes):
        written, settled = stage.writes, stage.state()
        if "apply" not in expected:
            stage.apply(again)
        assert (stage.writes, stage.state()) == (written, settled), "the second apply writes nothing"


def secrets(stage: Stage) -> Mapping[str, str]:
    """What must appear nowhere: the environment's secret, and everything in the credential store that is no id."""
    kept = {name: text for name, text in stage.store.texts.items() if text != stage.store.ids.get(name)}
    return {"the secret in use": stage.environment.secret, **kept}


def shown(plan: Plan, expected: Fields, kinds: int = 0) -> None:
    """Everything that the plan says; ``kinds`` of the management API are looked at."""
    assert lines(plan.changes) == normal(expected["plan"])
    assert lines(plan.observed) == normal(expected.get("observed", []))
    assert lines(plan.written_from_live) == normal(expected.get("written_from_live", []))
    for part, key in (("held", "held"), ("removed", "removed"), ("kept", "stays"), ("unmanaged", "unmanaged")):
        listed: Sequence[Listed] = getattr(plan, part)
        if expected.get(key) != "any":
            assert [one.address for one in listed] == sorted(expected.get(key, [])), part
    waiting = {one.address: list(one.waiting) for one in plan.held if one.waiting}
    assert waiting == expected.get("waiting", waiting)
    for counted, causes in ((plan.held_by, "held_by"), (plan.unmatched_by, "unmatched_by")):
        found = {one.cause: one.count for one in counted}
        assert found == expected.get(causes, found)
    assert [step.name for step in plan.manual_steps] == expected.get("manual_steps", [])
    problems = [" ".join([one.code, *sorted(one.addresses), *sorted(one.users)]) for one in plan.problems]
    assert sorted(problems) == sorted(expected.get("problems", []))
    if expected.get("unmatched") != "any":
        assert list(plan.unmatched) == sorted(expected.get("unmatched", []))
    approvals = [f"{one.state} {one.name if one.state != 'missing' else one.guard}" for one in plan.approvals]
    assert approvals == expected.get("approvals", approvals)
    accepted = [f"{one.address} {'.'.join(one.path)}" for one in plan.accepted]
    assert accepted == expected.get("accepted", [])
    if "analysis" in expected:
        assert analysed(plan) == expected["analysis"]
    origins = {one.address: one.origin for one in (*plan.changes, *plan.observed)}
    assert origins == expected.get("origins", origins)
    assert drift_exit_code(plan) == expected.get("drift_exit", drift_exit_code(plan))
    assert exit_code(plan) == expected["exit"]
    access = json.loads(msgspec.json.encode(plan.access)) or {}
    access |= {key: [one["what"] for one in access.get(key, ())] for key in ("growth", "loosened")}
    assert {key: access.get(key) for key in expected.get("access", {})} == expected.get("access", {})
    counts = msgspec.to_builtins(plan.summary)
    assert {key: counts[key] for key in expected.get("counts", {})} == expected.get("counts", {})
    assert plan.cost.reads <= FEW + FEW_MORE * kinds


def analysed(plan: Plan) -> Fields:
    """What is said of the rules, without places, which hang on the order of documents."""
    said: Fields = json.loads(msgspec.json.encode(plan.analysis)) or {}
    for found in said.values():
        for one in found if isinstance(found, list) else ():
            assert (one.pop("file"), one.pop("line")) != ("", 0)
    return said


def caused(root: Path, plan: Plan) -> None:
    """Every line has a cause: a line of a file of the repository."""
    for change in (*plan.changes, *plan.observed):
        assert change.causes or isinstance(change, Delete), change.address
        for cause in change.causes:
            assert 0 < cause.line <= len((root / cause.file).read_text().splitlines())


def unordered(case: Path, root: Path, expected: Fields, plan: Plan) -> None:
    """The plan hangs neither on the order of files, documents, rules, users and rows, nor on how Stytch answers."""
    with staged(case, root, expected, behaviour=OTHERWISE) as stage:
        shuffle(root)
        again = stage.plan().plan
        shown(again, stage.expected, len(stage.management))
        assert marked(again.changes) == marked(plan.changes)


def marked(changes: Sequence[Change]) -> list[Any]:
    """The ids and marks of organizations and members; the emulator gives other things another id each time."""
    return [(one.id, one.mark) for one in changes if KINDS[one.kind].is_searched]


def left_alone(before: Everything, after: Everything, tried: Sequence[Change], along: Sequence[str]) -> None:
    """What no change names is as it was, and so is what a change does not mention."""
    for key, was in before.items():
        changes = [change for change in tried if concerns(change, key, was)]
        if any(went_along(change, key, was, before) for change in tried):
            assert key not in after, key
        elif changes and key not in after:
            assert any(isinstance(change, Delete) or change.replaces for change in changes), key
        elif " ".join(part for part in key[1:] if part) in along:
            assert after[key] != was, key
        elif not changes:
            assert after.get(key) == was, key
        made_anew = any(not isinstance(change, Update) for change in changes) and key[1] != "member"  # which stays
        for change in changes if key in after and not made_anew else ():
            now, then = (rest_of(one, change, key[1]) or {} for one in (after[key], was))
            assert {name for name in now | then if now.get(name) != then.get(name)} <= {*along}, key


def facts(stage: Stage, wanted: Fields) -> None:
    """What must be so in Stytch at the end."""
    for address, told in wanted.items():
        found = stage.find(address)
        if told == "none":
            assert found is None, address
            continue
        assert found is not None, address
        metadata = dict(found.get("trusted_metadata") or {})
        mark = metadata.pop("reconciler", "none")
        if isinstance(mark, dict) and "written" not in (told.get("mark") or ()):
            mark = {key: value for key, value in mark.items() if key != "written"}
        there = {**found, "trusted_metadata": metadata, "mark": mark, "roles": direct(found)}
        must = dict(told)
        if isinstance(told.get("mark"), dict):
            ids = {key: found[f"{key}_id"] for key in ("organization", "member") if f"{key}_id" in found}
            whole = {"v": 1, "owner": OWNER, **ids, **told["mark"]}
            must["mark"] = {key: value for key, value in whole.items() if value is not None}
        assert {key: there.get(key) for key in must} == must, address


def answers(stage: Stage, wanted: Sequence[Mapping[str, Any]]) -> None:
    """What calls must answer at the end, or some of it."""
    for told in wanted:
        ((request, must),) = told.items()
        status, answer = stage.ask(request)
        if must == "none":
            assert 400 <= status < 500, (request, answer)
        else:
            assert some_of(answer, must) == must, (request, answer)


def some_of(whole: Any, part: Any) -> Any:
    """``whole`` without the keys of maps that ``part`` does not have."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return {key: some_of(whole.get(key), inner) for key, inner in part.items()}
    if isinstance(whole, list) and isinstance(part, list) and len(whole) == len(part):
        return list(map(some_of, whole, part))
    return whole


# ---- how things are written down


def action(change: Change) -> str:
    return type(change).__name__.lower()


def name(change: Change) -> str:
    return f"{action(change)} {change.address}"


def line(change: Change) -> dict[str, list[str]]:
    said = [] if isinstance(change, Delete) else [field_text(field) for field in change.fields]
    said += ["adopted"] * change.adopts + ["replaced"] * change.replaces
    said += [f"withheld by {change.withheld_by}"] * bool(change.withheld_by)
    return {name(change): said}


def lines(changes: Sequence[Change]) -> list[dict[str, list[str]]]:
    return normal([line(change) for change in changes])


def normal(expected: Sequence[Mapping[str, list[str]]]) -> list[dict[str, list[str]]]:
    """The changes in their order; the fields of one in any."""
    return [{key: sorted(said) for key, said in one.items()} for one in expected]


def field_text(field: FieldChange) -> str:
    before, after = (
        " " + value_text(value) if value is not msgspec.UNSET else "" for value in (field.before, field.after)
    )
    return f"{'.'.join(field.path)}:{before} →{after}"


def value_text(value: Any) -> str:
    """A value as in YAML's flow style."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {value_text(inner)}" for key, inner in value.items()) + "}"
    plain = isinstance(value, str) and not re.fullmatch(r"|true|false|null|-?\d+(\.\d+)?", value)
    return str(value) if plain else f"'{value}'" if isinstance(value, str) else json.dumps(value)


def places(problem: Problem) -> list[str]:
    return [f"{place.file}:{place.line}" for place in problem.at]


def direct(member: Fields) -> list[str]:
    roles = member.get("roles") or ()
    return sorted(
        role["role_id"]
        for role in roles
        if role["role_id"] != "stytch_member"
        and any(source["type"] == "direct_assignment" for source in role["sources"])
    )


# ---- how a case is turned round


def shuffle(root: Path) -> None:
    """Turn round the order of files, of documents in a file, of rules in a document, of users and rows."""
    for folder in ("manifests", "rules"):
        files = sorted(path for path in (root / folder).rglob("*.y*ml"))
        for number, path in enumerate(reversed(files)):
            documents = re.split(r"^---\s*$", path.read_text(), flags=re.MULTILINE)
            path.with_name(f"{number:03}-{path.name}").write_text("\n---\n".join(map(turned, reversed(documents))))
            path.unlink()
    for path in (*root.glob("*.jsonl"), *root.glob("*.csv")):
        rows = path.read_text().splitlines(keepends=True)
        header = 1 if path.suffix == ".csv" else 0
        path.write_text("".join([*rows[:header], *reversed(rows[header:])]))


def turned(document: str) -> str:
    """A document of rules with its rules the other way round."""
    if "kind: MappingRules" not in document:
        return document.replace("...\n", "")
    head, rules = document.split("  rules:\n")
    items = re.split(r"^(?=    - )", rules, flags=re.MULTILINE)
    return f"{head}  rules:\n{''.join(reversed(items))}"


def test_cases_are_numbered() -> None:
    assert sorted(CASES) == sorted(path for path in FOLDER.glob("*/*") if path.is_dir())
    numbers = [int(case.name.split("-")[0]) for case in CASES]
    assert len(set(numbers)) == len(numbers)
    # Each follows another, or begins a ten.
    assert [number for number in numbers if number % 10 and number > 1 and number - 1 not in numbers] == []
