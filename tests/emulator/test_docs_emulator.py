"""docs/emulator.md lists every option, fault and switch, with its values."""

import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.seed.running import Options, Running, running, variables
from reconciler.emulator.server.app import App
from reconciler.emulator.server.faults import ARGUMENTS, parse

TEXT = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the tables below a heading, each without its marks."""
    part = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line.strip("| ").split("|") for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in table]


def named(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


def test_every_switch_is_listed_with_its_values() -> None:
    hints, defaults = get_type_hints(Behaviour), Behaviour()
    listed = {named(row[0])[0]: named(row[1]) for row in rows("Behaviour")}
    assert list(listed) == list(hints)
    for name, values in listed.items():
        default = getattr(defaults, name)
        assert values[0] == (str(default).lower() if isinstance(default, bool) else str(default))
        if get_origin(hints[name]) is Literal:
            assert values == [str(value) for value in get_args(hints[name])]


def test_every_fault_is_listed_with_its_arguments() -> None:
    listed = {name: row[1] for row in rows("Faults") if len(row) > 2 for name in named(row[0])}
    assert set(listed) == set(ARGUMENTS)
    for name, arguments in ARGUMENTS.items():
        if name != "latency":
            assert set(named(listed[name])) == set(arguments), name


def test_the_examples_are_read() -> None:
    for spec in [*re.findall(r"--faults ([a-z]\S+)", TEXT), *re.findall(r"`([a-z_]+:[\d.]+@[^`]*)`", TEXT)]:
        assert parse([spec])[0]
    for limit in re.findall(r"`(limit_[a-z_]+:\d+/\d*s)`", TEXT):
        assert parse([limit])[1]


def test_the_python_example_runs() -> None:
    part = TEXT.split("\n## In the process of a test\n")[1]
    example = re.search(r"```python\n(.*?)```", part, re.DOTALL)
    assert example is not None
    names: dict[str, object] = {}
    exec(example[1], names)  # noqa: S102 # the page's own example
    app = names["app"]
    assert isinstance(app, App)
    app.close()


SDKS = TEXT.split("\n## Pointing a client at it\n")[1].split("\n## ")[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pythons_sdks_are_pointed_at_it_as_the_page_says(https: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in https.environment.items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {}
    with running(Options()) as plain:
        for name in ("STYTCH_API_URL", "STYTCH_TELEMETRY_URL", "STYTCH_PROJECT_ID", "STYTCH_SECRET"):
            monkeypatch.setenv(name, plain.environment[name])
        for example in re.findall(r"```python\n(.*?)```", SDKS, re.DOTALL):
            exec(example, names)  # noqa: S102 # the page's own examples
        assert names["client"].organizations.search().organizations == []
        assert names["client"].fraud.rules.list().rules == []
    assert len(names["management"].projects.get_all().projects) == 2


def test_every_sdk_is_pointed_at_it_by_variables_that_there_are(app: App) -> None:
    there = set(variables(app, "https://127.0.0.1"))
    for language in ("python", "js", "go", "ruby", "php", "java", "rust", "csharp"):
        examples = re.findall(rf"```{language}\n(.*?)```", SDKS, re.DOTALL)
        assert examples, language
        for example in examples:
            named = set(re.findall(r"STYTCH_[A-Z_]+", example))
            assert named <= there, language
            assert named & {"STYTCH_API_URL", "STYTCH_MANAGEMENT_BASE_URI"}, language
