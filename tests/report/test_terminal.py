"""Text on a terminal and in a pipe, and progress on both."""

import io
import threading
import time
from typing import Final, cast

import pytest
from msgspec import structs
from rich.console import Console

from reconciler.clients.b2b import Client
from reconciler.clients.pacing import Waiting
from reconciler.clients.retry import Statistics
from reconciler.model import Cause, Create, Mark, Outcome, Plan, Result
from reconciler.plan.order import writes_of
from reconciler.report.formats import show, write
from reconciler.report.grouping import PLANNED, blocks, runs
from reconciler.report.progress import Estimate, Ticker, applying, reading, time_left
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


class Run:
    """A client of which only requests and what it waits for are asked, and an apply of so many members."""

    def __init__(self, number: int, wait: Waiting | None = None) -> None:
        self.now, self.waiting, self.statistics = 0.0, wait, Statistics(requests=1200)
        self.stream = io.StringIO()
        mark = Mark(owner="me", organization="o")  # which takes a request of its own
        made = [Create(kind="Member", namespace="a", name=f"m{each}", mark=mark) for each in range(number)]
        kept = [Create(kind="Member", namespace="a", name=f"w{each}", withheld_by="x") for each in range(number // 10)]
        self.estimate = Estimate([*made, *kept], writes_of)
        self.ticker = Ticker(self.describe, lambda said: print(said, file=self.stream), self.asked, lambda: self.now)

    def asked(self) -> Waiting | None:
        return self.waiting

    def describe(self, busy: float) -> str:
        self.estimate.pass_time(busy)
        return ", ".join(filter(None, (self.estimate.done, self.estimate.pace)))

    def pass_second(self, done: int, result: Result = "applied") -> None:
        for _ in range(done):
            self.estimate.advance(structs.replace(outcome(), result=result))
        self.now += 1
        self.ticker.look()

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


CLIENT: Final = cast("Client", Run(0))


def seconds_of(said: str) -> float:
    words = said.replace(",", "").split()
    return sum(float(number) * {"s": 1, "min": 60}[unit] for number, unit in zip(words[::2], words[1::2], strict=True))


def test_in_a_pipe_progress_is_a_line_every_ten_seconds_whether_anything_ends_or_not() -> None:
    run = Run(100)
    for second in range(40):
        run.pass_second(2 if second < 20 else 0, "failed" if second == 3 else "applied")
    assert run.lines == [
        "18 of 110 changes, 2 failed, 2.0/s, 40 s left",
        "38 of 110 changes, 2 failed, 2.0/s, 30 s left",
        "38 of 110 changes, 2 failed, 1.3/s, 45 s left",
        "38 of 110 changes, 2 failed, 1.0/s, 60 s left",
    ]


def test_the_time_left_is_that_of_the_last_minute_and_right() -> None:
    """An apply that begins slowly, goes on at its rate, and becomes slower in the middle."""
    rates, number, done = [5] * 20 + [20] * 300 + [10] * 380, 9_900, 0
    run = Run(number)
    for second, rate in enumerate(rates, 1):
        run.pass_second(rate)
        done += rate
        if second % 10 == 0 and (90 <= second < 320 or second >= 380):
            left = len(rates) - second if second >= 320 else (number - done) / rate
            said = seconds_of(run.lines[-1].rpartition(", ")[2].removesuffix(" left"))
            assert 0.8 * left <= said <= 1.2 * left + 1, (second, run.lines[-1], left)
    assert run.lines[-1].endswith("10.0/s, 0 s left")


def test_a_pause_is_said_and_changes_no_estimate() -> None:
    run = Run(1000)
    for _ in range(20):
        run.pass_second(5)
    run.waiting = Waiting("Stytch asked for a pause", 20.0, 320.0)
    for _ in range(300):
        run.pass_second(0)
    waits = "waiting for 10 s, 4 min 50 s more: Stytch asked for a pause"
    assert run.lines[2] == f"100 of 1,100 changes, 5.0/s, 3 min left, {waits}"
    run.waiting = None
    for _ in range(10):
        run.pass_second(5)
    assert run.lines[-1] == "150 of 1,100 changes, 5.0/s, 2 min 50 s left"
    assert len(run.lines) == 33


def test_what_takes_no_request_changes_no_estimate() -> None:
    run = Run(1000)
    run.pass_second(100, "withheld")
    for _ in range(69):
        run.pass_second(10)
    assert run.lines[-1] == "690 of 1,100 changes, 100 withheld, 10.0/s, 31 s left"


def test_what_is_waited_for_while_reading_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.report.progress.TICK", 0.01)
    run = Run(1, Waiting("Stytch answered 503", -1e9))
    monkeypatch.setattr(Ticker.__init__, "__defaults__", (time.monotonic, 0.0))
    with reading("text", cast("Client", run), run.stream):
        while not run.lines:
            threading.Event().wait(0.01)
    assert run.lines[0].startswith("reading: 1,200 requests, 0 s, waiting for ")
    assert run.lines[0].endswith(" min: Stytch answered 503")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "0 s"), (119, "119 s"), (600, "10 min"), (149, "2 min 30 s"), (7300, "122 min")]
)
def test_time_left_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert time_left(seconds) == said


def test_json_comes_without_progress() -> None:
    stream = Terminal()
    with reading("json", CLIENT, stream), applying(plan(2), "json", CLIENT, stream) as tell:
        tell(outcome())
    assert stream.getvalue() == ""


def test_a_short_apply_in_a_pipe_says_nothing() -> None:
    stream = io.StringIO()
    with reading("text", CLIENT, stream), applying(plan(2), "text", CLIENT, stream) as tell:
        tell(outcome())
    assert stream.getvalue() == ""


def test_on_a_terminal_progress_counts_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with applying(plan(2), "text", CLIENT, stream) as tell:
        tell(outcome())
        tell(outcome())
    assert "2 of 2 changes" in stream.getvalue()
