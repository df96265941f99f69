import random
from collections.abc import Callable, Iterable
from email.utils import formatdate

import msgspec
import pytest

from reconciler.clients.outage import FIRST_CONTACT, FIRST_WAIT, IN_A_ROW, Outage, Patience
from reconciler.clients.pacing import Pace
from reconciler.clients.responses import PROVES, Answer, Unanswered
from reconciler.clients.retry import (
    DEADLINE,
    LONGEST_PAUSE,
    TRIES,
    Operation,
    Requester,
    Statistics,
    is_answer,
)
from reconciler.errors import Ambiguous, Fault, Rejected, Unavailable
from tests.connected import START, VirtualClock

READ = Operation("things.get")
SEARCH = Operation("things.search", search=True)
WRITE = Operation("things.create", write=True)
HTML = b"<!DOCTYPE html><title>proxy</title>"

Event = Answer | Unanswered | Callable[[], None]


def refused(status: int, error_type: str = "", message: str = "", **headers: str) -> Answer:
    body = {
        "status_code": status,
        "request_id": "request-id-test-1",
        "error_type": error_type,
        "error_message": message,
    }
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, msgspec.json.encode(body))


OK = Answer(200, {}, b'{"done": true}')
PROXY = Answer(200, {}, HTML)
LOST = Unanswered("127.0.0.1:1", "ReadTimeout", sent=True)
NO_CONNECTION = Unanswered("127.0.0.1:1", "ConnectError", sent=False)
BUSY = refused(503)


class Talk:
    """A line to a server whose answers are given beforehand; the last one is repeated."""

    def __init__(self, events: Iterable[Event], clock: VirtualClock | None = None) -> None:
        self.clock = clock or VirtualClock()
        self.statistics = Statistics()
        rng = random.Random(1)  # noqa: S311  # so that the test is the same every time
        self.probes = 0
        self.outage = Outage(self.clock, rng, Patience(), self.answers)
        pace = Pace(1000, 1000, self.clock, rng)
        self.requester = Requester(pace, self.outage, self.clock, rng, self.statistics)
        self.events = list(events)
        self.sent = 0

    def send(self) -> Answer:
        self.sent += 1
        return self.next()

    def answers(self) -> bool:
        self.probes += 1
        return is_answer(self.next)

    def next(self) -> Answer:
        event = self.events[min(self.sent + self.probes, len(self.events)) - 1]
        if isinstance(event, Unanswered):
            raise event
        assert isinstance(event, Answer)
        return event

    def ask(self, operation: Operation) -> dict[str, bool]:
        return self.requester.ask(operation, self.send, msgspec.json.Decoder(dict[str, bool]).decode)


@pytest.mark.parametrize(
    ("operation", "event"),
    [
        *((operation, NO_CONNECTION) for operation in (READ, SEARCH, WRITE)),
        *((operation, BUSY) for operation in (READ, SEARCH)),
        *((operation, refused(429, "too_many_requests")) for operation in (READ, SEARCH, WRITE)),
        *((operation, event) for operation in (READ, SEARCH) for event in (LOST, PROXY, refused(500), refused(504))),
    ],
)
def test_what_did_not_happen_or_does_no_harm_is_tried_again(operation: Operation, event: Event) -> None:
    talk = Talk([event, event, OK])
    assert talk.ask(operation) == {"done": True}
    assert (talk.sent, talk.statistics.requests, talk.statistics.retries) == (3, 3, 2)


@pytest.mark.parametrize("event", [LOST, PROXY, BUSY, refused(500), refused(502), refused(504), refused(408)])
def test_a_write_whose_answer_was_lost_is_never_repeated(event: Event) -> None:
    talk = Talk([event])
    with pytest.raises(Ambiguous):
        talk.ask(WRITE)
    assert talk.sent == 1


def test_after_a_lost_answer_there_is_a_wait_that_grows() -> None:
    lost: list[Event] = [LOST, OK]
    talk = Talk([*lost * 5, OK, LOST])
    for _ in range(5):
        with pytest.raises(Ambiguous):
            talk.ask(WRITE)
        talk.ask(READ)  # what became of it
    waits = [seconds for seconds in talk.clock.slept if seconds > 0.01]
    assert len(waits) == 5
    assert all(0 < seconds <= FIRST_WAIT * 2**tried for tried, seconds in enumerate(waits))
    talk.ask(WRITE)
    with pytest.raises(Ambiguous):
        talk.ask(WRITE)
    assert talk.clock.slept[-1] <= FIRST_WAIT


@pytest.mark.parametrize("status", [*range(200, 227), *range(300, 309), *range(400, 452), *range(500, 531)])
def test_a_write_is_refused_only_where_stytch_itself_says_so(status: int) -> None:
    own = "Rejected" if 400 <= status < 500 else "Ambiguous"
    own = {408: "Ambiguous", 429: "Unavailable"}.get(status, own)
    nobodys = b'{"message": "Forbidden"}'
    if status >= 300:
        assert ended(WRITE, refused(status, "thing_not_found")) == own
        assert ended(WRITE, Answer(status, {}, nobodys)) == "Ambiguous"
    else:
        assert ended(WRITE, refused(500, "internal_server_error"), status) == "Ambiguous"
    assert ended(WRITE, Answer(status, {}, HTML)) == "Ambiguous"
    assert ended(WRITE, Answer(status, {}, b"")) == "Ambiguous"


def ended(operation: Operation, answer: Answer, status: int = 0) -> str:
    with pytest.raises(Fault) as caught:
        Talk([Answer(status or answer.status, answer.headers, answer.body)]).ask(operation)
    return type(caught.value).__name__


@pytest.mark.parametrize("entry", PROVES)
def test_no_write_is_surer_than_the_read_of_the_same_answer(entry: str) -> None:
    assert PROVES[entry].read is not Ambiguous
    assert PROVES[entry].write in (PROVES[entry].read, Ambiguous)


@pytest.mark.parametrize(
    ("operation", "status"),
    [*((READ, status) for status in (301, 400, 401, 403, 404)), *((WRITE, status) for status in (400, 401, 404, 409))],
)
def test_a_no_is_a_no(operation: Operation, status: int) -> None:
    talk = Talk([refused(status, "thing_not_found", "There is no thing.")])
    with pytest.raises(Rejected) as caught:
        talk.ask(operation)
    assert (caught.value.status, caught.value.error_type) == (status, "thing_not_found")
    assert caught.value.request_id == "request-id-test-1"
    assert talk.sent == 1


def test_a_no_of_somebody_else_has_no_error_type_and_so_never_means_absent() -> None:
    talk = Talk([Answer(404, {}, HTML)])
    with pytest.raises(Rejected) as caught:
        talk.ask(READ)
    assert caught.value.error_type == ""


@pytest.mark.parametrize("event", [PROXY, refused(500), refused(408)])
def test_tries_of_what_is_answered_wrongly_end(event: Event) -> None:
    talk = Talk([event])
    with pytest.raises(Unavailable):
        talk.ask(READ)
    assert talk.sent == TRIES


def test_waits_grow_and_are_drawn_at_random() -> None:
    talk = Talk([PROXY])
    with pytest.raises(Unavailable):
        talk.ask(READ)
    waits = [seconds for seconds in talk.clock.slept if seconds > 0.01]
    assert len(waits) == TRIES - 1
    assert all(0 < seconds <= FIRST_WAIT * 2**tried for tried, seconds in enumerate(waits))


@pytest.mark.parametrize("event", [refused(429, "too_many_requests", retry_after="1"), BUSY, NO_CONNECTION])
def test_only_time_ends_what_needs_only_time(event: Event) -> None:
    talk = Talk([*[event] * (TRIES + 2), OK])
    talk.outage.answered(0)
    assert talk.ask(READ) == {"done": True}


def test_no_try_begins_after_the_deadline() -> None:
    clock = VirtualClock()
    talk = Talk([PROXY], clock)

    def slow() -> Answer:
        clock.sleep(50)
        return talk.send()

    with pytest.raises(Unavailable):
        talk.requester.ask(READ, slow, msgspec.json.decode)
    assert talk.sent == 3
    assert clock.wall() - START > DEADLINE


@pytest.mark.parametrize("event", [BUSY, NO_CONNECTION, LOST])
def test_a_server_that_never_answers_is_asked_for_a_short_time(event: Event) -> None:
    talk = Talk([event])
    with pytest.raises(Unavailable):
        talk.ask(READ)
    assert talk.sent == IN_A_ROW
    assert talk.clock.wall() - START == pytest.approx(FIRST_CONTACT)
    for _ in range(100):
        with pytest.raises(Unavailable, match="nothing was sent any more after 10 s"):
            talk.ask(READ)
    assert talk.sent == IN_A_ROW


def test_faults_of_a_tenth_of_all_requests_are_all_overcome() -> None:
    talk = Talk([*[OK] * 9, BUSY] * 1000)
    for _ in range(5000):
        assert talk.ask(READ) == {"done": True}


def test_a_429_holds_everybody_until_the_minute_is_over() -> None:
    talk = Talk([refused(429, "too_many_requests"), OK], VirtualClock(START + 10))
    talk.ask(SEARCH)
    assert talk.clock.wall() >= START + 60
    assert talk.statistics.throttled == 1


@pytest.mark.parametrize("value", ["17", formatdate(START + 17, usegmt=True)], ids=["seconds", "date"])
def test_retry_after_is_honoured(value: str) -> None:
    talk = Talk([refused(429, "too_many_requests", retry_after=value), OK])
    talk.ask(WRITE)
    assert START + 17 <= talk.clock.wall() <= START + 20


@pytest.mark.parametrize("value", ["soon", "", "-3"])
def test_a_retry_after_that_says_nothing_is_as_if_it_were_not_there(value: str) -> None:
    talk = Talk([refused(429, "too_many_requests", retry_after=value), OK], VirtualClock(START + 10))
    talk.ask(SEARCH)
    assert talk.clock.wall() >= START + 60


def test_nobody_waits_an_hour() -> None:
    talk = Talk([refused(429, "too_many_requests", retry_after=f"{LONGEST_PAUSE + 1:.0f}")])
    with pytest.raises(Fault, match="accepts requests again in 301 s"):
        talk.ask(READ)
    assert talk.clock.wall() < START + 1


def test_within_a_time_limit_an_hour_is_waited_for() -> None:
    talk = Talk([refused(429, "too_many_requests", retry_after="3600"), OK])
    talk.clock.until = talk.clock.monotonic() + 2 * 3600
    talk.ask(WRITE)
    assert START + 3600 <= talk.clock.wall() <= START + 3603


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_may_ask_for_a_pause_too(status: int) -> None:
    talk = Talk([refused(status, retry_after="17"), OK])
    talk.ask(READ)
    assert START + 17 <= talk.clock.wall() <= START + 20


def test_a_fault_tells_what_stytch_said_with_addresses_masked() -> None:
    talk = Talk([refused(400, "duplicate_member_email", "ann@acme.example is taken.")])
    with pytest.raises(Rejected) as caught:
        talk.ask(WRITE)
    assert str(caught.value) == (
        "things.create was answered 400 duplicate_member_email (a***@acme.example#b759 is taken.)"
    )


def test_a_fault_never_holds_a_body() -> None:
    talk = Talk([Answer(200, {}, b'{"secret": "hunter2"')])
    with pytest.raises(Ambiguous) as caught:
        talk.ask(WRITE)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
