"""Thousands of mistakes: whatever is wrong is said, all that is written counts, and nothing ends in a traceback.

STYTCH_RECONCILER_MUTATIONS says how many; without it there are few, as every change is tested with them. Each has a
number, and what is wrong in it depends on that alone: ``STYTCH_RECONCILER_MUTATION=NUMBER`` looks at one of them.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec import Struct

from reconciler import pipeline
from reconciler.config.read import Config, load_config
from reconciler.config.schema import Configuration
from reconciler.documents import yaml_reader
from reconciler.errors import ReconcilerError
from reconciler.expressions.text import mailbox
from reconciler.kinds import KINDS
from reconciler.load.repository import Declared, load
from reconciler.load.schemas import DOCUMENTS, document_type
from reconciler.model import Problem
from reconciler.read.run import Run
from reconciler.report.formats import render
from reconciler.report.json import plan_json
from reconciler.report.plan import plan_report
from reconciler.report.problems import problems_report
from reconciler.schema.validate import json_schema_of
from tests.mutations import Files, mutated
from tests.stages import FOLDER, SCENARIOS, Stage, read, staged
from tests.whole_project import REPOSITORY, SECRETS

FEW = 400
PARTS = 8  # pytest-xdist shares them out
NUMBER = int(os.environ.get("STYTCH_RECONCILER_MUTATIONS") or FEW)
ONE = os.environ.get("STYTCH_RECONCILER_MUTATION")
NARROW = 30
# What declares something of nearly every kind, and what says everything that sets, steps, rules and tables can.
BROAD = (REPOSITORY, next(FOLDER.glob("*/850-*")))
RARE = (
    FOLDER / "fraud" / "330-verdict-reasons",
    *(next((FOLDER / "policies").glob(f"{number}-*")) for number in (952, 960, 970)),
)


def cases() -> list[Path]:
    """The broad repositories, and scenarios of all sorts, evenly chosen.

    Those that tell what is wrong by themselves, or stop, are no start; nor are those in which Stytch answers oddly.
    """
    odd = "-an-odd-live-member"
    every = [path for path in SCENARIOS if (path / "manifests").is_dir() and not path.name.endswith(odd)]
    sound = [
        path for path in every if (told := read(path / "expected.yaml"))["exit"] in (0, 2, 3) and not told.get("faults")
    ]
    narrow = [sound[number * len(sound) // NARROW] for number in range(NARROW)]
    return [*narrow, *RARE, *BROAD * (NARROW // len(BROAD) // 2)]


CASES = cases()
WHOLE: dict[str, Any] = {"credentials": ["workspace"], "secrets": SECRETS}
FOR_PEOPLE = re.compile(r"(?i)readme(\.[a-z-]+)*|codeowners")
SHAPES: dict[str, type[Struct]] = {**{kind: document_type(kind) for kind in DOCUMENTS}, "Configuration": Configuration}
SCHEMAS = {name: json_schema_of(shape) for name, shape in SHAPES.items()}


def test_the_cases_hold_documents_of_every_kind_and_tables_in_every_format() -> None:
    files = [path for case in CASES for path in case.rglob("*") if path.is_file()]
    texts = [path.read_text() for path in files if path.suffix == ".yaml" and "drafts" not in path.parts]
    assert {f"kind: {name}" for name in SHAPES} <= {line.strip() for text in texts for line in text.splitlines()}
    assert {".csv", ".json", ".jsonl"} <= {path.suffix for path in files}


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_is_wrong_is_said(part: int, tmp_path: Path) -> None:
    numbers = [int(ONE)] if ONE else range(part, NUMBER, PARTS)
    if ONE and int(ONE) % PARTS != part:
        return
    by_case: dict[int, list[int]] = {}
    for number in numbers:
        by_case.setdefault(number // PARTS % len(CASES), []).append(number)
    for which, some in by_case.items():
        case = CASES[which]
        expected = WHOLE if case == REPOSITORY else read(case / "expected.yaml")
        with staged(case, tmp_path / "whole" / case.name, expected) as stage:
            files = {
                os.fsencode(path.relative_to(stage.root).as_posix()): path.read_bytes()
                for path in stage.root.rglob("*")
                if path.is_file()
            }
            before = meant(*declared_by(stage.root, stage))
            for number in some:
                told = look_at(number, files, stage, before, tmp_path / "mutated")
                assert not told, f"number {number} of {case.name}: {told}"
        shutil.rmtree(tmp_path / "whole")


def declared_by(root: Path, stage: Stage) -> tuple[Config, Declared]:
    config = load_config(root, stage.told.get("environment"))
    return config, load(config)[0]


def look_at(number: int, files: Files, stage: Stage, before: Any, root: Path) -> str:
    """What is wrong with what comes of one mutation, and what it was; "" if nothing is."""
    changed, said = mutated(files, Random(number))  # noqa: S311 - the same every time: the point
    write(root, changed)
    try:
        found = outcome(root, stage)
        wrong = "" if found is None else next(dropped(root, changed, *found), "")
        if found and not wrong and meant(*found) == before and said_in(files, found[0]) != said_in(changed, found[0]):
            wrong = "it has no effect, and nothing is said"
    except Exception as error:
        error.add_note(f"number {number}: {said!a}")
        raise
    finally:
        shutil.rmtree(root)
    return ascii(f"{said}: {wrong}") if wrong else ""


def write(root: Path, files: Files) -> None:
    for name, content in files.items():
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            path.write_bytes(content)


def outcome(root: Path, stage: Stage) -> tuple[Config, Declared] | None:
    """Validate a repository, and plan it: what it declares, or None where something is said to be wrong."""
    try:
        config = load_config(root, stage.told.get("environment"))
        declared, rules = load(config)
    except ReconcilerError as error:
        shown(error.problems)
        return None
    shown((*declared.problems, *declared.doubts, *rules.warnings))
    try:
        with stage.client(config) as client:
            planned = pipeline.plan(Run(config, client, stage.store))
    except ReconcilerError as error:
        shown(error.problems)
    else:
        json.loads(b"".join(plan_json(planned.plan)))
        render(plan_report(planned.plan))
    return config, declared


def shown(problems: tuple[Problem, ...]) -> None:
    assert all(problem.message for problem in problems)
    assert render(problems_report(problems)).encode()
    assert json.loads(render(problems_report(problems), "json"))


def dropped(root: Path, files: Files, config: Config, declared: Declared) -> Iterator[str]:
    """Everything in the files of a repository that is right that nothing came of: files, documents, keys."""
    written = [
        path for path in map(os.fsdecode, sorted(files)) if is_for_documents(path) and not is_ignored(path, config)
    ]
    documents = [one for path in written if path.endswith((".yaml", ".yml")) for one in parsed(root / path)]
    documents += parsed(root / "reconciler.yaml")
    named = {text for document in documents for text in strings(document) if isinstance(text, str)}
    for path in written:
        if not path.endswith((".yaml", ".yml")) and not FOR_PEOPLE.fullmatch(Path(path).name) and path not in named:
            yield f"{path!r} is not read"
    there = {(one.kind, one.namespace, name_of(one.kind, one.name)) for one in declared.resources}
    for document in documents:
        yield from unknown(document, SCHEMAS[document["kind"]])
        metadata, spec = document.get("metadata", {}), str(document)
        everywhere = "environments" not in metadata and "${{" not in spec and document["kind"] in SCHEMAS
        if everywhere and document["kind"] in KINDS:
            key = document["kind"], metadata.get("namespace"), name_of(document["kind"], metadata["name"])
            if key not in there and metadata.get("namespace") in (None, *(one.name for one in declared.organizations)):
                yield f"{key} is not declared"


def name_of(kind: str, name: str) -> str:
    """A name as it is compared with others."""
    return (mailbox(name) or name) if kind == "Member" else name.strip().lower()


def said_in(files: Files, config: Config) -> list[str]:
    """What documents say to one environment, as values: comments, blank lines and order aside, and where it stands."""
    names = [name for name in map(os.fsdecode, files) if is_for_documents(name) and not is_ignored(name, config)]
    documents = ["reconciler.yaml", *(name for name in names if name.endswith((".yaml", ".yml")))]
    texts = [files[os.fsencode(name)].decode() for name in documents]
    bodies: list[Any] = [one.value for text in texts for one in yaml_reader.parse(text, "", [])]
    bodies[0]["environments"] = bodies[0]["environments"][config.environment]
    here = [
        one for one in bodies if config.environment in one.get("metadata", {}).get("environments", config.environment)
    ]
    return sorted(as_text(effective(one)) for one in here)


def effective(value: Any) -> Any:
    """What makes a difference here: where else a document counts, a set's name, a computed null, white space do not.

    Nor does an item that is listed twice, or that the only environment owns the project.
    """
    if isinstance(value, list):
        return sorted({as_text(effective(inner)) for inner in value})
    if not isinstance(value, dict):
        return "".join(value.split()) if isinstance(value, str) else value
    idle = {"owns_project"} | ({"metadata"} if value.get("kind") == "OrganizationSet" else set())
    kept = {key: inner for key, inner in value.items() if key not in idle and inner != "${{ null }}"}
    return {key: effective(inner) for key, inner in kept.items() if (key, type(inner)) != ("environments", list)}


def meant(config: Config, declared: Declared) -> list[str]:
    """What is understood of it, places aside: settings, things, documents, and what is told beside."""
    things = (*declared.resources, *declared.organizations_elsewhere)
    documents = (*declared.rules, *declared.rule_tests, *declared.manual_steps)
    policies = [
        (*one.says(), one.message, sorted((about, why) for about, (why, _) in one.suppressed.items()))
        for one in declared.safeguards.policies
    ]
    agreed = [placeless(one) for one in (*declared.safeguards.approvals, *declared.safeguards.accepted)]
    told = sorted(one.message for one in (*declared.problems, *declared.doubts))
    found = [as_text(one) for one in (told, policies, agreed, *map(placeless, (config, *things, *documents)))]
    return sorted(text.replace(str(config.root), "") for text in found)


def placeless(struct: Struct) -> dict[str, Any]:
    without = ("root", "document", "position", "positions", "at")
    return {name: getattr(struct, name) for name in struct.__struct_fields__ if name not in without}


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def is_for_documents(path: str) -> bool:
    parts = Path(path).parts
    return parts[0] in ("manifests", "rules") and not any(part.startswith(".") for part in parts)


def is_ignored(path: str, config: Config) -> bool:
    names = (path, Path(path).name, *map(str, Path(path).parents))
    return any(fnmatch(name, glob) for name in names for glob in config.ignore)


def parsed(path: Path) -> list[Any]:
    problems: list[Problem] = []
    found = [one.value for one in yaml_reader.parse(path.read_text(encoding="utf-8"), "", problems)]
    assert problems == []
    return found


def strings(value: Any) -> Iterator[Any]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield inner
        yield from strings(inner)


def unknown(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The keys that no object of a schema has."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") == "object"]
    if isinstance(value, list):
        items = [option["items"] for option in schema.get("anyOf", [schema]) if isinstance(option.get("items"), dict)]
        for index, inner in enumerate(value if len(items) == 1 else ()):
            yield from unknown(inner, items[0], f"{path}[{index}]")
    if not isinstance(value, dict) or len(options) != 1:
        return
    known, others = options[0].get("properties", {}), options[0].get("additionalProperties")
    for key, inner in value.items():
        if key in known:
            yield from unknown(inner, known[key], f"{path}.{key}")
        elif isinstance(others, dict):
            yield from unknown(inner, others, f"{path}.{key}")
        elif others is False:
            yield f"the key {path}.{key} was dropped"
