"""Findings → what build systems take: commands for annotations, JUnit, SARIF, and the outputs of a step."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from reconciler import __version__
from reconciler.model import Outcome, Plan, Position
from reconciler.report.escaping import harmless, inert
from reconciler.report.findings import Finding
from reconciler.report.grouping import action

OF_A_KIND: Final = 10  # annotations that GitHub shows of each level and step
RESULTS: Final = 5_000  # that GitHub shows of a SARIF file
_WITHOUT_PLACE: Final = "reconciler.yaml"
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def annotations(findings: Sequence[Finding], prefix: str = "") -> str:
    """Return commands of GitHub Actions, which show findings at their lines, as many as GitHub shows."""
    shown: list[Finding] = []
    counts = Counter[str]()
    for one in findings:
        counts[one.level] += 1
        if counts[one.level] <= OF_A_KIND - (one.level == "notice"):
            shown.append(one)
    lines = [_command(one, prefix) for one in shown]
    if more := len(findings) - len(shown):
        lines.append(f"::notice title=reconciler::{more:,} more findings are not shown here: the summary has them")
    return "".join(f"{line}\n" for line in lines)


def _command(one: Finding, prefix: str) -> str:
    place = {}
    if one.at:
        place = {"file": _file(one.at, prefix), "line": str(one.at.line), "col": str(one.at.column)}
    properties = {**place, "title": one.title}
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{one.level} {said}::{_data(one.message)}"


def _data(text: str) -> str:
    return harmless(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def junit(findings: Sequence[Finding], environment: str, prefix: str = "") -> str:
    """Return JUnit: a failed test for each error, a passed one, with what it says, for all else."""
    failures = sum(one.level == "error" for one in findings)
    name = _attribute(f"reconciler {environment}".strip())
    counts = f'tests="{len(findings) + 1}" failures="{failures}" errors="0" skipped="0" time="0"'
    cases = "".join(_case(one, prefix) for one in findings)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n <testsuite name={name} {counts}>\n'
        f'  <testcase classname="reconciler" name="was read" time="0"/>\n{cases} </testsuite>\n</testsuites>\n'
    )


def _case(one: Finding, prefix: str) -> str:
    where = f" file={_attribute(_file(one.at, prefix))}" if one.at else ""
    place = f"{_file(one.at, prefix)}:{one.at.line}: " if one.at else ""
    case = f'  <testcase classname={_attribute(one.code)} name={_attribute(f"{place}{one.title}")}{where} time="0">'
    said = _attribute(one.message)
    text = f"<failure message={said} type={_attribute(one.code)}/>"
    if one.level != "error":
        text = f"<system-out>{said[1:-1]}</system-out>"
    return f"{case}{text}</testcase>\n"


def _attribute(text: str) -> str:
    """Return a value in quotes, in which nothing is markup or a command of a build."""
    return quoteattr(harmless(text), {'"': "&quot;", "::": ":&#58;"})


def sarif(findings: Sequence[Finding], prefix: str = "") -> str:
    """Return SARIF 2.1.0, with as many results as are shown, the gravest first."""
    shown = findings[:RESULTS]
    rules = [{"id": code, "shortDescription": {"text": code}} for code in sorted({one.code for one in shown})]
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "stytch-reconciler", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, prefix) for one in shown],
        "properties": {"leftOut": len(findings) - len(shown)},
    }
    return inert(json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)) + "\n"


def _result(one: Finding, prefix: str) -> dict[str, Any]:
    at = one.at or Position(_WITHOUT_PLACE, 1)
    return {
        "ruleId": one.code,
        "level": "note" if one.level == "notice" else one.level,
        "message": {"text": f"{one.title}: {one.message}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(_file(at, prefix)), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": max(1, at.line), "startColumn": max(1, at.column)},
                }
            }
        ],
    }


def _file(at: Position, prefix: str) -> str:
    return harmless(str(PurePosixPath(prefix, at.file)))


def of_plan(plan: Plan) -> Mapping[str, str]:
    """Return the numbers of a plan as outputs of a step."""
    counts = Counter(action(one) for one in plan.changes if not one.withheld_by)
    return {
        "changes": str(counts.total()),
        "creates": str(counts["create"]),
        "updates": str(counts["update"] + counts["replace"]),
        "deletes": str(counts["delete"] + counts["reset"]),
        "withheld": str(plan.summary.withheld),
        "digest": plan.digest,
    }


def of_outcomes(outcomes: Iterable[Outcome], digest: str) -> Mapping[str, str]:
    """Return what was applied, in numbers, as outputs of a step."""
    done = Counter(one.action if one.result == "applied" else one.result for one in outcomes)
    applied = {f"{verb}s": str(done[verb]) for verb in ("create", "update", "delete")}
    number = sum(done[verb] for verb in ("create", "update", "delete"))
    return {"changes": str(number), **applied, "withheld": str(done["withheld"]), "digest": digest}


def outputs(values: Mapping[str, str]) -> str:
    """Return what ``GITHUB_OUTPUT`` takes; nobody can foresee what ends a value."""
    return "".join(_output(values))


def _output(values: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        end = f"end-{token_hex(16)}"
        yield f"{name}<<{end}\n{harmless(value)}\n{end}\n"
