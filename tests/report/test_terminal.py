"""Text on a terminal and in a pipe, and progress on both."""

import io
from collections.abc import Iterator

import pytest
from msgspec import structs
from rich.console import Console

from reconciler.model import Cause, Create, Outcome, Plan
from reconciler.report.formats import show, write
from reconciler.report.grouping import PLANNED, blocks, runs
from reconciler.report.progress import PlainProgress, applying, reading, time_left
from reconciler.report.text import lines, write_to
from reconciler.report.view import Line, Part, Report, View

RULE = Cause(file="rules/a.yaml", line=7, rule="by-domain")
CHANGE = Create(kind="Member", namespace="acme", name="ann@acme.example", causes=(RULE,))
REPORT = Report(
    lambda: None,
    lambda: [View("Plan for test", groups=(Part("Organization/acme", blocks(runs([CHANGE]), PLANNED)),))],
)
TEXT = """\
Plan for test

Organization/acme
  rules/a.yaml:7 by-domain
    + create Member/acme/ann@acme.example
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def console(width: int = 100, *, colour: bool = True) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    system = "truecolor" if colour else None
    return Console(file=stream, force_terminal=True, color_system=system, width=width, highlight=False), stream  # type: ignore[arg-type] # a literal, chosen


def test_a_pipe_gets_the_text_as_it_is() -> None:
    stream = io.StringIO()
    show(REPORT, "text", stream)
    assert stream.getvalue() == TEXT


def test_a_pipe_that_is_not_utf8_still_gets_every_line() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    write('name: "a" → "b"\n', stream)
    stream.flush()
    assert raw.getvalue() == b'name: "a" \\u2192 "b"\n'


def test_a_terminal_gets_colour() -> None:
    shown, stream = console()
    write_to(shown, lines(REPORT))
    assert "\x1b[32m+ create Member/acme/ann@acme.example\x1b[0m" in stream.getvalue()
    assert "\x1b[1mPlan for test\x1b[0m" in stream.getvalue()


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    show(REPORT, "text", stream)
    assert "\x1b[32m" not in stream.getvalue()
    assert "+ create Member/acme/ann@acme.example" in stream.getvalue()


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    shown, stream = console(colour=False)
    write_to(shown, [Line("  name: [bold]x[/bold] :smile:")])
    assert stream.getvalue() == "  name: [bold]x[/bold] :smile:\n"


def test_a_long_line_is_wrapped_under_its_own_indentation() -> None:
    shown, stream = console(40, colour=False)
    write_to(shown, [Line("  " + "word " * 12)])
    first, *rest = stream.getvalue().splitlines()
    assert len(first) <= 40
    assert rest
    assert all(line.startswith("      word") and len(line) <= 40 for line in rest)


def outcome() -> Outcome:
    return Outcome(kind="Member", namespace="a", name="b", action="create", result="applied")


def plan(number: int) -> Plan:
    changes = tuple(Create(kind="Organization", name=f"o{index}") for index in range(number))
    return Plan(environment="test", project_id="project-test-1", changes=changes)


def test_in_a_pipe_progress_is_a_line_now_and_then() -> None:
    ticks: Iterator[float] = iter([0.0, 1.0, 9.0, 10.0, 11.0, 25.0])
    stream = io.StringIO()
    progress = PlainProgress(100, stream, clock=lambda: next(ticks), every=10)
    for result in ("applied", "failed", "applied", "applied", "withheld"):
        progress.advance(structs.replace(outcome(), result=result))
    assert stream.getvalue().splitlines() == [
        "applied 2 of 100 changes, 1 failed, 0.3/s, 5 min left",
        "applied 3 of 100 changes, 1 failed, 1 withheld, 0.2/s, 8 min left",
    ]


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "0 s"), (119, "119 s"), (600, "10 min")])
def test_time_left_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert time_left(seconds) == said


def test_json_comes_without_progress() -> None:
    stream = Terminal()
    with reading("json", stream), applying(plan(2), "json", stream) as tell:
        tell(outcome())
    assert stream.getvalue() == ""


def test_a_short_apply_in_a_pipe_says_nothing() -> None:
    stream = io.StringIO()
    with reading("text", stream), applying(plan(2), "text", stream) as tell:
        tell(outcome())
    assert stream.getvalue() == ""


def test_on_a_terminal_progress_counts_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with applying(plan(2), "text", stream) as tell:
        tell(outcome())
        tell(outcome())
    assert "2/2" in stream.getvalue()
