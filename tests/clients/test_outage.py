"""Many writers on one virtual clock, and a server that does not answer for a while, or asks for a pause."""

import math
import random
from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from reconciler.clients.credentials import Rates
from reconciler.clients.outage import APPLYING, IN_A_ROW, Outage, Patience
from reconciler.clients.pacing import JITTER, Pace
from reconciler.clients.responses import Answer, Unanswered
from reconciler.clients.retry import Operation, Requester, Statistics, is_answer
from reconciler.errors import Ambiguous, Fault, Unavailable
from tests.clients.turns import Turns

WRITE = Operation("things.create", write=True)
READ = Operation("things.get")
WORKERS = 64
LATENCY = 0.2
OK = Answer(200, {}, b"{}")
REFUSED = Unanswered("127.0.0.1:1", "the connection was refused", sent=False)
RESET = Unanswered("127.0.0.1:1", "ReadError", sent=True)
BUSY = Answer(503, {}, b"<html>")

Event = Answer | Unanswered


class Server:
    """Answers after ``latency``, but in the times that are ``broken``; notes when it was asked, and for what."""

    def __init__(
        self,
        broken: Callable[[float], Event | None],
        rate: float = 65,
        latency: float = LATENCY,
        answers: Callable[[], bool] | None = None,
    ) -> None:
        self.clock = Turns()
        self.broken = broken
        self.latency = latency
        self.asked: list[float] = []
        self.probed: list[float] = []
        self.asking = 0
        self.most_probes = 0
        self.patience = Patience(APPLYING)
        self.statistics = Statistics()
        rng = random.Random(3)  # noqa: S311  # so that the test is the same every time
        self.outage = Outage(self.clock, rng, self.patience, answers or partial(is_answer, self.probe))
        pace = Pace(rate, 1000, self.clock, rng)
        self.requester = Requester(pace, self.outage, self.clock, rng, self.statistics)

    def send(self) -> Answer:
        self.asked.append(self.clock.monotonic())
        return self.answer()

    def probe(self) -> Answer:
        self.probed.append(self.clock.monotonic())
        self.asking += 1
        self.most_probes = max(self.most_probes, self.asking)
        try:
            return self.answer()
        finally:
            self.asking -= 1

    def answer(self) -> Answer:
        event = self.broken(self.clock.monotonic())
        self.clock.sleep(0.01 if event else self.latency)
        if isinstance(event, Unanswered):
            raise event
        return event or OK

    def ask(self, operation: Operation = WRITE) -> object:
        return self.requester.ask(operation, self.send, msgspec.json.decode)

    def write(self, number: int, workers: int = WORKERS) -> list[object]:
        """Write so many things with several workers, each again where an answer was lost; give what became of them."""
        ended: list[object] = []
        left = iter(range(number))

        def work() -> None:
            ended.extend(self.carried_out() for _ in left)

        self.clock.run(*[work] * workers)
        return ended

    def carried_out(self) -> object:
        for _ in range(6):
            try:
                return self.ask()
            except Ambiguous:
                continue
            except Fault as fault:
                return fault
        return "lost too often"


def between(first: float, last: float, event: Event | None) -> Callable[[float], Event | None]:
    return lambda now: event if first <= now < last else None


def throttled(now: float) -> Event | None:
    body = b'{"request_id": "request-id-test-1", "error_type": "too_many_requests", "status_code": 429}'
    return Answer(429, {"retry-after": "3"}, body) if 2 <= now < 2.01 else None


@pytest.mark.parametrize("event", [REFUSED, RESET, BUSY])
@pytest.mark.parametrize("seconds", [1, 3, 60, 600])
def test_an_outage_fails_no_write(event: Event, seconds: float) -> None:
    server = Server(between(2, 2 + seconds, event))
    assert server.write(500) == [{}] * 500
    during = [moment for moment in server.asked if 2.5 < moment < 2 + seconds]
    assert during == []  # but for those who were on their way, nobody sends while it lasts
    assert server.most_probes == 1
    assert len(server.probed) <= 150  # they become rarer: one in five seconds


def test_answers_to_what_was_asked_before_do_not_end_an_outage() -> None:
    server = Server(between(2, 32, REFUSED), latency=1.5)
    assert server.write(500, workers=128) == [{}] * 500
    assert [moment for moment in server.asked if 2.2 < moment < 32] == []


def test_all_go_on_with_the_first_answer() -> None:
    server = Server(between(2, 32, REFUSED))
    server.write(500)
    first = server.probed[-1] + LATENCY
    after = [moment for moment in server.asked if first <= moment]
    assert len([moment for moment in after if moment < first + 1]) >= 65


def test_a_server_that_answers_only_whoever_asks_whether_it_does_is_asked_less_and_less() -> None:
    server = Server(between(2, math.inf, BUSY), answers=lambda: True)
    server.patience.seconds = 60
    ended = server.write(100, workers=8)
    assert ended.count({}) < 100
    assert len([moment for moment in server.asked if moment > 12]) < 8 * 10


def test_patience_ends() -> None:
    server = Server(lambda now: REFUSED if now >= 2 else None)
    ended = server.write(300)
    failed = [fault for fault in ended if isinstance(fault, Unavailable)]
    assert len(failed) + ended.count({}) == 300
    assert {str(fault).partition(" was not ")[2] for fault in failed} <= {
        "answered by 127.0.0.1:1: the connection was refused",
        "sent: 127.0.0.1:1: the connection was refused; nothing was sent any more after 900 s",
    }
    assert server.clock.monotonic() == pytest.approx(2 + APPLYING, abs=1)


def test_a_time_limit_ends_every_wait() -> None:
    server = Server(lambda now: REFUSED if now >= 2 else None)
    server.clock.until = 30
    ended = server.write(300)
    assert server.clock.monotonic() == pytest.approx(30, abs=1)
    assert all(isinstance(each, Unavailable) for each in ended if each != {})


def test_single_failures_hold_nobody() -> None:
    chance = random.Random(5)  # noqa: S311  # so that the test is the same every time
    server = Server(lambda _: REFUSED if chance.random() < 0.03 else None)
    assert server.write(1000) == [{}] * 1000
    assert server.clock.monotonic() < 1.1 * 1000 / 65
    assert len(server.probed) <= 2


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_random_failures_fail_no_write(share: float) -> None:
    chance = random.Random(5)  # noqa: S311  # so that the test is the same every time
    events: list[Event] = [REFUSED, BUSY]
    server = Server(lambda _: chance.choice(events) if chance.random() < share else None)
    assert server.write(1000) == [{}] * 1000


def test_while_it_waits_it_says_so() -> None:
    seen = []
    server = Server(between(2, 10, REFUSED))

    def look() -> None:
        server.clock.sleep(5)
        seen.append(server.requester.waiting)
        server.clock.sleep(10)
        seen.append(server.requester.waiting)

    server.clock.run(look, *[lambda: [server.ask() for _ in range(20)]] * WORKERS)
    assert seen[0] is not None
    assert (seen[0].reason, round(seen[0].since), seen[0].until) == ("127.0.0.1:1: the connection was refused", 2, None)
    assert seen[1] is None


# A pause that Stytch asks for


def test_nobody_sends_in_a_pause() -> None:
    server = Server(throttled)
    assert server.write(500) == [{}] * 500
    assert server.statistics.throttled >= 1
    began = 2 + LATENCY
    assert [moment for moment in server.asked if began + 0.01 < moment < began + 3] == []
    assert [moment for moment in server.asked if began + 3 <= moment < began + 3 + JITTER + 0.1]


def test_after_a_pause_requests_keep_to_their_rate() -> None:
    server = Server(throttled)
    server.write(500)
    for moment in server.asked:
        assert len([other for other in server.asked if moment <= other < moment + 1]) <= 65 * 1.1 + 1


def test_a_pause_beyond_the_time_limit_is_not_waited_for() -> None:
    server = Server(throttled)
    server.clock.until = 4
    ended = server.write(500)
    assert server.clock.monotonic() < 4
    assert [each for each in ended if each != {}]


# The rate


@pytest.mark.parametrize("latency", [0.05, 0.2, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_rate_is_held_at_any_latency(latency: float, share: float) -> None:
    rates = Rates(share=share)
    server = Server(lambda _: None, rates.writes_per_second, latency)
    server.write(2000, workers=rates.in_flight)
    sent = server.asked[-1] - server.asked[0]
    assert 0.95 <= 1999 / sent / rates.writes_per_second <= 1.01


# The end


def stopped_at(server: Server, moment: float) -> Callable[[], None]:
    def stop() -> None:
        server.clock.sleep(moment)
        server.clock.stop()

    return stop


@pytest.mark.parametrize(
    "broken",
    [between(2, math.inf, REFUSED), between(2, math.inf, throttled(2))],
    ids=["outage", "pause"],
)
def test_who_waits_is_woken_when_the_run_is_ended(broken: Callable[[float], Event | None]) -> None:
    server = Server(broken)
    ended: list[str] = []

    def work() -> None:
        while True:
            try:
                server.ask(READ)
            except Unavailable as fault:
                ended.append(str(fault))
                return

    server.clock.run(stopped_at(server, 4), *[work] * WORKERS)
    assert server.clock.monotonic() == pytest.approx(4)
    assert len(ended) == WORKERS


def test_failures_that_began_before_an_answer_are_no_outage() -> None:
    server = Server(lambda _: None)
    server.clock.run(server.ask)
    for _ in range(IN_A_ROW):
        server.outage.failed("it timed out", began=-math.inf)
    assert not server.outage.is_on
