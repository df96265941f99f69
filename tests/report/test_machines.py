"""Annotations, JUnit, SARIF and outputs: valid for their readers, on the right lines, and nothing in them acts."""

import json
import re
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from jsonschema import Draft7Validator
from msgspec import structs

from reconciler.clients.redact import mask
from reconciler.commands.cli import cli
from reconciler.model import Cause, Change, Count, Create, Delete, GuardResult, Position, Problem
from reconciler.report import machines
from reconciler.report.findings import Finding, by_gravity, of_plan, of_problems
from reconciler.report.formats import render
from reconciler.report.markdown import masked
from reconciler.report.problems import problems_report
from tests.report.test_comment import TEXTS, member, planned, written

SARIF = Draft7Validator(json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text(encoding="utf-8")))
ADMIN = Create(
    kind="Member",
    namespace="zz",
    name="eve@acme.example",
    fields=member(1).fields,
    causes=(Cause(file="manifests/a.yaml", line=3),),
)
LATE = Delete(
    kind="Member",
    namespace="zy",
    name="bob@acme.example",
    withheld_by="max_deletes",
    causes=(Cause(file="rules/b.yaml", line=9),),
)
PLAN = structs.replace(
    planned(member(1), member(2), ADMIN, LATE),
    guards=(GuardResult(name="max_deletes", ok=False, seen=Count(1, 0)),),
    problems=(
        Problem(code="odd", severity="warning", message="odd, 100%: x", at=(Position("rules/a.yaml", 7, 2),)),
        Problem(code="far", severity="problem", message="nowhere"),
    ),
)


def errors(text: str) -> list[str]:
    return [each.message for each in SARIF.iter_errors(json.loads(text))]


def test_annotations_stand_on_the_lines_that_ask_for_it() -> None:
    shown = machines.annotations(by_gravity(of_plan(PLAN)), "infra")
    withheld = "1 change: delete Member/zy/b***@acme.example (1 of 0). if all of it is intended, set "
    setting = "environments.test.guards.max_deletes in reconciler.yaml to 1"
    both = "create Member/o001/m***@acme.example, create Member/o002/m***@acme.example"
    assert re.sub(r"#\w{4}", "", shown).splitlines() == [
        "::error title=problem%3A far::nowhere",
        f"::error file=infra/rules/b.yaml,line=9,col=1,title=withheld by max_deletes::{withheld}{setting}",
        "::warning file=infra/rules/a.yaml,line=7,col=2,title=warning%3A odd::odd, 100%25: x",
        "::notice file=infra/manifests/a.yaml,line=3,col=1,title=1 to create::create Member/zz/e***@acme.example",
        f"::notice file=infra/rules/a.yaml,line=7,col=1,title=2 to create::{both}",
    ]


def test_of_many_the_gravest_are_shown_and_the_rest_is_counted() -> None:
    levels = [("warning", 15), ("notice", 40), ("error", 12)]
    findings = by_gravity(
        (
            Finding(level=level, code="x", title=f"{level}{number}", message="y")  # type: ignore[arg-type] # it is a level
            for level, most in levels
            for number in range(most)
        ),
    )
    lines = machines.annotations(findings).splitlines()
    found = [line.split(" ")[0] for line in lines]
    assert found == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"] * 10
    assert lines[-1].endswith("::38 more findings are not shown here: the summary has them")


def test_sarif_is_valid_and_cut() -> None:
    text = machines.sarif(by_gravity(of_plan(PLAN)), "in fra")
    assert errors(text) == []
    results = json.loads(text)["runs"][0]["results"]
    assert [each["level"] for each in results] == ["error", "error", "warning", "note", "note"]
    place = results[1]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("in%20fra/rules/b.yaml", 9)
    many = [Finding(level="error", code="x", title=str(each), message="y") for each in range(machines.RESULTS + 3)]
    run = json.loads(machines.sarif(many))["runs"][0]
    assert (len(run["results"]), run["properties"]["leftOut"]) == (machines.RESULTS, 3)


def test_junit_counts_what_it_holds() -> None:
    root = ET.fromstring(machines.junit(by_gravity(of_plan(PLAN)), "test"))  # noqa: S314 # we made it ourselves
    (suite,) = root
    cases = suite.findall("testcase")
    assert (root.tag, suite.get("tests"), suite.get("failures")) == ("testsuites", "6", "2")
    assert len(cases) == 6
    assert sum(case.find("failure") is not None for case in cases) == 2
    assert [case.get("name") for case in cases][2] == "rules/b.yaml:9: withheld by max_deletes"
    assert all(case.get("classname") for case in cases)


def test_outputs_say_the_numbers() -> None:
    text = machines.outputs({**machines.of_plan(PLAN), "markdown": "plan.md"})
    found = {name: value for name, end, value in re.findall(r"(\w+)<<(end-\w{32})\n(.*)\n\2\n", text)}
    assert found == {
        "changes": "3",
        "creates": "3",
        "updates": "0",
        "deletes": "0",
        "withheld": "1",
        "digest": PLAN.digest,
        "markdown": "plan.md",
    }
    assert text != machines.outputs({**machines.of_plan(PLAN), "markdown": "plan.md"})


@given(TEXTS)
def test_what_strangers_choose_does_nothing(odd: str) -> None:
    at = Position(odd, 1)
    problem = Problem(code=odd, severity="error", message=odd, hint=odd, at=(at,), addresses=(odd,), users=(odd,))
    cause = Cause(file=odd, line=1, rule=odd, user=odd)
    changes: list[Change] = [
        Create(kind="Member", namespace=odd, name=odd, causes=(cause,)),
        Delete(kind="Member", namespace=odd, name=odd, withheld_by=odd),
    ]
    plan = structs.replace(planned(*changes), environment=odd, problems=(problem,))
    findings = by_gravity([*of_plan(plan), *of_problems([problem])])
    for line in machines.annotations(findings, odd).split("\n"):
        assert line == "" or re.fullmatch(
            r"::(error|warning|notice) (file=[^:,]*,line=1,col=1,)?title=[^:,]*::.*", line
        )
        assert line.isprintable()
        assert not re.search(r"##\w*\[", line)
    sarif, junit = machines.sarif(findings, odd), machines.junit(findings, odd, odd)
    assert errors(sarif) == []
    ET.fromstring(junit)  # noqa: S314 # we made it ourselves
    for text in (sarif, junit, machines.outputs({"path": odd})):
        assert not re.search(r"##\w*\[|::.*::", text)
        assert all(line.isprintable() for line in text.split("\n"))


def test_one_person_is_recognised_within_a_report_only_also_where_somebody_was_masked_before() -> None:
    problems = [
        Problem(code=code, severity="problem", message=f"no room for {who}")
        for code, who in (("a", "ann@acme.example"), ("b", "Ann@ACME.example"), ("c", mask("ann@acme.example")))
    ]
    shown = [
        {one.message.rpartition("#")[2] for one in by_gravity(of_problems(problems), hide)}
        for hide in (partial(masked, salt=b"1"), partial(masked, salt=b"2"))
    ]
    assert [len(each) for each in shown] == [1, 1]
    assert len({mask("ann@acme.example").rpartition("#")[2], *shown[0], *shown[1]}) == 3


@pytest.mark.parametrize("form", ["annotations", "sarif", "junit"])
def test_each_report_has_a_salt_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    shown = []
    for salt in (b"1", b"2"):
        monkeypatch.setattr("reconciler.commands.report.token_bytes", lambda salt=salt: salt)
        with pytest.raises(SystemExit):
            cli.main(["report", form, written(tmp_path / "plan.json", PLAN)])
        shown.append(set(re.findall(r"\*\*\*@acme\.example#\w{4}", capsys.readouterr().out)))
    assert shown[0]
    assert shown[0].isdisjoint(shown[1])


# The command


@pytest.mark.parametrize(
    ("form", "begins"),
    [("annotations", "::error title="), ("sarif", "{\n"), ("junit", "<?xml "), ("outputs", "changes<<")],
)
def test_the_command_prints_each(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, begins: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", form, written(tmp_path / "plan.json", PLAN), "--path", "plan=plan.json"])
    assert not ended.value.code
    out = capsys.readouterr().out
    assert out.startswith(begins)
    assert ("plan<<" in out) == (form == "outputs")


def test_problems_that_stopped_a_command_are_shown_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "problems.json"
    file.write_text(render(problems_report(PLAN.problems), "json"))
    with pytest.raises(SystemExit):
        cli.main(["report", "annotations", str(file)])
    assert capsys.readouterr().out.count("::error title=problem%3A far::nowhere\n") == 1


@pytest.mark.parametrize("words", ["Plan=x", "plan", "plan=", "pl an=x"])
def test_a_path_needs_a_name(tmp_path: Path, words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", "outputs", written(tmp_path / "plan.json", PLAN), "--path", words])
    assert ended.value.code == 2
