"""What others chose does nothing to whoever reads it: a terminal, a build's log, a page, a parser of JSON."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.errors import NotPrinted
from reconciler.model import Create, Plan, Position, Problem, spelled
from reconciler.report.escaping import in_code, in_markdown, inert, printable
from reconciler.report.formats import render, write
from reconciler.report.json import to_json
from reconciler.report.plan import plan_report
from reconciler.report.problems import problems_report
from reconciler.report.progress import Ticker
from tests.repositories import write as write_files

SIMPLE = {
    "reconciler.yaml": "apiVersion: reconciler/v1\nkind: Configuration\nname: acme\nenvironments: {test: {}}\n",
    "manifests/a.yaml": "# nothing yet\n",
}
PIECES = st.sampled_from([*("##", "[", "]", "vso", "::", ":", "#", "x", " ", "é", "`", "\n"), *"\u0085\u202e\u3164"])
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=8)
COMMAND = re.compile(r"##\w*\[|::.*::")
ACTS = re.compile("[\u0080-\u009f\u007f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\u3164\ufeff]")


@given(TEXTS)
@example("##vso[task.setvariable variable=x]y")
@example("a ::set-output name=x::y ##[error] ::: ::::")
def test_no_line_of_a_report_acts(text: str) -> None:
    problem = Problem(code="x", severity="error", message=text, hint=text, addresses=(text,), users=(text,))
    plan = Plan(environment=text, project_id=text, changes=(Create(kind="Member", namespace=text, name=text),))
    for form in ("text", "json", "markdown"):
        for report in (
            render(problems_report([problem], title=text), form),
            render(plan_report(plan), form),
        ):
            for line in report.split("\n"):
                assert not COMMAND.search(line)
                assert not ACTS.search(line)
                assert line.isprintable()


@given(st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)))
def test_json_says_the_same_whatever_is_escaped_in_it(value: Any) -> None:
    assert json.loads(to_json(value)) == value


@pytest.mark.parametrize(
    ("name", "shown"), [("a\udcff\udc80.yaml", r"a\xff\x80.yaml"), ("\ud800x", r"\ud800x"), ("é.yaml", "é.yaml")]
)
def test_json_is_valid_for_names_that_are_not_utf8(name: str, shown: str) -> None:
    problem = Problem(code="x", severity="error", message=name)
    printed = render(problems_report([problem]), "json").encode()
    assert msgspec.json.decode(printed)["problems"][0]["message"] == shown
    assert spelled(name) == shown
    assert shown in render(problems_report([problem]))
    there = structs.replace(problem, at=(Position(file=name, line=1),), addresses=(f"Organization/{name}",))
    (found,) = msgspec.json.decode(render(problems_report([there]), "json").encode())["problems"]
    assert (found["at"][0]["file"], found["addresses"]) == (shown, [f"Organization/{shown}"])


@given(TEXTS)
@example("[a](http://x.example) @team #12 <b> ![i](j) www.x.example a@b.example")
@example("``` ` ``")
def test_a_line_of_markdown_is_shown_as_it_is(text: str) -> None:
    line = printable(text)
    shown = in_markdown(text)
    if shown != line:
        ticks, inner = re.fullmatch(r"(`+)(.*?)\1", shown, re.DOTALL).groups()  # type: ignore[union-attr] # it is code
        assert ticks not in re.findall("`+", line)
        assert inner.strip() == line.strip()
    else:
        assert not re.search(r"[\[\]<>@#&*`\\]|://|www\.", line)


def test_what_is_plain_stays_as_it_is_in_markdown() -> None:
    for line in ("Plan for test (acme/test, project-test-1)", "Withheld by max_deletes: 3 changes", "1 error"):
        assert in_markdown(line) == line
    assert in_markdown("a@b.example") == "`a@b.example`"
    assert in_code("a`b") == "``a`b``"


def test_commands_are_broken_up_wherever_they_stand() -> None:
    assert inert("x ##[error]y ##vso[a]b ## c #[d]") == r"x #\u0023[error]y #\u0023vso[a]b ## c #[d]"
    assert inert("fd00::/8\nx ::add-mask::y") == "fd00::/8\n" + r"x :\u003aadd-mask:\u003ay"


# Where it is written to


class Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_json_and_markdown_are_utf8_whatever_the_locale_is() -> None:
    for form, expected in (
        ("json", '"é → "\n'.encode()),
        ("markdown", '"é → "\n'.encode()),
        ("text", b'"\\xe9 \\u2192 "\n'),
    ):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding="ascii")
        write('"é → "\n', stream, form)
        assert raw.getvalue() == expected


def test_what_does_not_arrive_is_said() -> None:
    with pytest.raises(NotPrinted, match="No space left on device"):
        write("x", Full())
    closed = io.StringIO()
    closed.close()
    with pytest.raises(NotPrinted):
        write("x", closed)


def test_progress_that_nobody_reads_stops_nothing() -> None:
    ticker = Ticker(str, lambda said: print(said, file=Full()), lambda: None, clock=iter(range(0, 100, 20)).__next__)
    for _ in range(2):
        ticker.look()


# The whole program


def ended(root: Path, command: str, **environ: str) -> tuple[int, bytes, bytes]:
    """What a shell's command line that runs ``reconciler`` ends with and prints; ``PIPESTATUS`` is the program's."""
    script = f'reconciler() {{ "{sys.executable}" -m reconciler -C "{root}" "$@"; }}; {command}'
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    told = subprocess.run(["bash", "-c", script], capture_output=True, env={**buffered, **environ}, check=False)
    assert b"Traceback" not in told.stderr
    assert b"Exception ignored" not in told.stderr
    return told.returncode, told.stdout, told.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("reconciler validate > /dev/full", b"No space left on device"),
        ("reconciler --help > /dev/full", b"No space left on device"),
        ("reconciler validate >&-", b"standard output is closed"),
        ("reconciler schema | head -c 10; exit ${PIPESTATUS[0]}", b""),
        ("reconciler validate > /dev/full 2> /dev/full", b""),
        ("reconciler nothing 2> /dev/full", b""),
    ],
)
def test_output_that_does_not_arrive_ends_the_program_cleanly(tmp_path: Path, command: str, said: bytes) -> None:
    code, _, stderr = ended(write_files(tmp_path, SIMPLE), command)
    assert (code, said in stderr, bool(stderr) == bool(said)) == (1, True, True)


def test_json_is_utf8_also_for_a_file_whose_name_is_not(tmp_path: Path) -> None:
    root = write_files(tmp_path, SIMPLE)
    file = Path(os.fsdecode(os.fsencode(root) + b"/manifests/\xff.yaml"))
    file.write_text("apiVersion: reconciler/v1\nkind: Münch", encoding="utf-8")
    code, stdout, _ = ended(root, "reconciler validate --format json", PYTHONIOENCODING="latin-1")
    (problem, *_) = msgspec.json.decode(stdout)["problems"]
    assert (code, problem["at"][0]["file"]) == (1, r"manifests/\xff.yaml")
    assert "Münch" in stdout.decode()
