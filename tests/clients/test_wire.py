"""Connections, and the time in which an answer must be there."""

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import pytest

from reconciler.clients.connect import Transports, open_client
from reconciler.clients.credentials import Credentials, Rates
from reconciler.clients.network import Network
from reconciler.clients.pacing import Clock
from reconciler.clients.responses import Unanswered
from reconciler.clients.transport import Transport
from reconciler.clients.wire import GRACE, KEPT, READ_TIMEOUT, SLICE, WHOLE_TIMEOUT, Connections, Deadline, _Timed
from reconciler.errors import Ambiguous, Ended, Fault
from tests.clients.test_network import HEAD, NOBODY, answering


class Time:
    """What a deadline takes for the time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Stream(httpcore.NetworkStream):
    """A stream from which nothing comes, or a byte now and then."""

    def __init__(self, time: Time, every: float | None = None, clock: Clock | None = None) -> None:
        self.time, self.every, self.clock = time, every, clock
        self.stops_at: float | None = None
        self.written: list[bytes] = []

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 # it gives one
        assert timeout is not None
        if self.every is not None and self.every <= timeout:
            self.time.now += self.every
            return b"x"
        self.time.now += timeout
        if self.clock and self.stops_at is not None and self.time.now >= self.stops_at:
            self.clock.stop()
        raise httpcore.ReadTimeout

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 # it takes no time
        self.written.append(buffer)


def test_who_says_nothing_is_given_up() -> None:
    time = Time()
    deadline = Deadline(Clock(), time)
    deadline.begin(write=True)
    with pytest.raises(httpcore.ReadTimeout):
        _Timed(Stream(time), deadline).read(1, READ_TIMEOUT)
    assert time.now == READ_TIMEOUT


def test_one_deadline_is_for_connecting_sending_and_receiving_together() -> None:
    time = Time()
    deadline = Deadline(Clock(), time)
    deadline.begin(write=True)
    time.now += 20  # in which it was connected
    stream = _Timed(Stream(time, every=0.25), deadline)
    stream.write(b"x", READ_TIMEOUT)
    with pytest.raises(httpcore.ReadTimeout):
        b"".join(stream.read(1, READ_TIMEOUT) for _ in range(1000))
    assert time.now == pytest.approx(WHOLE_TIMEOUT, abs=0.25)
    deadline.begin(write=True)
    assert stream.read(1, READ_TIMEOUT) == b"x"


def test_where_the_deadline_is_over_before_there_is_a_connection_nothing_was_sent() -> None:
    time = Time()
    deadline = Deadline(Clock(), time)
    deadline.begin(write=True)
    time.now += WHOLE_TIMEOUT
    with pytest.raises(httpcore.ConnectTimeout):
        deadline.left(5.0, httpcore.ConnectTimeout)


@pytest.mark.parametrize(("write", "grace"), [(False, 0.0), (True, GRACE)])
def test_where_the_run_is_being_ended_a_read_ends_at_once_and_a_write_soon(*, write: bool, grace: float) -> None:
    time, clock = Time(), Clock()
    deadline = Deadline(clock, time)
    deadline.begin(write=write)
    stream = Stream(time, clock=clock)
    stream.stops_at = 7
    with pytest.raises(httpcore.ReadTimeout):
        _Timed(stream, deadline).read(1, READ_TIMEOUT)
    assert 7 + grace <= time.now <= 7 + grace + SLICE


def test_the_head_and_the_body_of_a_request_go_together() -> None:
    time = Time()
    deadline = Deadline(Clock(), time)
    deadline.begin(write=True)
    stream = Stream(time, every=0)
    timed = _Timed(stream, deadline)
    timed.write(b"head\r\n\r\n")
    timed.write(b"body")
    assert timed.read(1, READ_TIMEOUT) == b"x"
    assert stream.written == [b"head\r\n\r\nbody"]


# On real connections


def stalls(go_on: threading.Event) -> Callable[[], Iterator[bytes]]:
    def answer() -> Iterator[bytes]:
        yield HEAD + b"Content-Length: 100\r\n\r\n{"
        go_on.wait(60)

    return answer


@pytest.mark.parametrize(
    ("write", "fault"), [(False, Ended), (True, Ambiguous)], ids=["a read is safe", "a write may have happened"]
)
def test_a_slow_body_ends_when_the_run_is_being_ended(
    *, write: bool, fault: type[Fault], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.clients.wire.GRACE", 0.1)
    clock, over = Clock(), threading.Event()
    raised: list[Fault] = []

    def work() -> None:
        try:
            client.telemetry.write("POST", "/x") if write else client.telemetry.get("/x")
        except Fault as error:
            raised.append(error)

    with answering(stalls(over)) as (url, asked):
        known = Credentials(project_id=NOBODY.project_id, secret=NOBODY.secret, api_url=url, telemetry_url=url)
        with open_client(known, Rates(), Transports(clock=clock, network=Network())) as client:
            thread = threading.Thread(target=work)
            thread.start()
            while not asked:
                over.wait(0.01)
            clock.stop()
            thread.join(20)
        over.set()
    assert [type(each) for each in raised] == [fault]
    assert "the run is being ended" in str(raised[0])


def test_no_answer_is_left_in_a_circle_of_references() -> None:
    """Whatever Python's collection of cycles finds after requests was kept alive by them: pages of a megabyte."""
    body = b'{"x": "' + b"y" * 1_000_000 + b'"}'
    answer = [HEAD, b"Content-Length: %d\r\n\r\n" % len(body), body]
    with answering(lambda: answer) as (url, _):
        transport = Transport(url, "user", "password", Network(), Clock())
        transport.send("GET", "/")
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                assert len(transport.send("GET", "/").body) == len(body)
            found = gc.collect()
        finally:
            gc.enable()
            transport.close()
    assert found == 0


class Connection(httpcore.ConnectionInterface):
    """A connection that answers, until it expires."""

    def __init__(self) -> None:
        self.expired = self.closed = False
        self.available = True

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:  # noqa: ARG002 # all are the same
        return httpcore.Response(200)

    def is_available(self) -> bool:
        return self.available

    def has_expired(self) -> bool:
        return self.expired

    def close(self) -> None:
        self.closed = True


def test_there_are_as_many_connections_as_there_are_exchanges_at_once() -> None:
    made: list[Connection] = []

    def connect() -> Connection:
        made.append(Connection())
        return made[-1]

    request: Any = httpcore.Request("GET", "http://127.0.0.1/")
    time = Time()
    kept = Connections(connect, time)
    for _ in range(3):
        with kept.exchange(request):
            pass
    assert len(made) == 1
    with kept.exchange(request), kept.exchange(request), kept.exchange(request):
        assert len(made) == 3
    for connection in made[:2]:
        connection.expired = True
    for _ in range(3):
        with kept.exchange(request):
            pass
    assert sum(connection.closed for connection in made) == 2
    with kept.exchange(request), kept.exchange(request):
        assert len(made) == 4
    time.now += KEPT + 1
    with kept.exchange(request):
        pass
    assert sum(connection.closed for connection in made) == 3  # the one that nobody has needed for long
    for connection in made:
        connection.available = False
    with kept.exchange(request):
        pass
    kept.close()
    assert all(connection.closed for connection in made[:3])


def test_what_cannot_stand_in_a_request_line_is_quoted() -> None:
    asked: list[bytes]
    with answering(lambda: [HEAD, b"Content-Length: 2\r\n\r\n{}"]) as (url, asked):
        transport = Transport(url, "user", "password", Network(), Clock())
        transport.send("GET", "/a b\r\nX: y%2F\N{LATIN SMALL LETTER U WITH DIAERESIS}", parameters={"c": "d e&f"})
        transport.close()
    assert asked[0].startswith(b"GET /a%20b%0D%0AX:%20y%2F%C3%BC?c=d+e%26f HTTP/1.1\r\n")


def test_who_cannot_be_connected_to_was_sent_nothing() -> None:
    transport = Transport("http://127.0.0.1:9", "user", "password", Network(), Clock())
    with pytest.raises(Unanswered) as caught:
        transport.send("POST", "/")
    assert not caught.value.sent
