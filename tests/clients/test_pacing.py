import random
from collections import Counter
from math import floor

import pytest

from reconciler.clients.pacing import AFTER_THE_TURN, BURST, JITTER, Clock, Pace
from reconciler.errors import Unavailable
from tests.connected import START, VirtualClock


def paced(clock: VirtualClock, requests_per_second: float = 1000, searches_per_minute: float = 1000) -> Pace:
    return Pace(requests_per_second, searches_per_minute, clock, random.Random(0))  # noqa: S311  # so that the test is the same every time


def test_searches_of_one_minute_of_the_clock_stay_within_the_limit() -> None:
    clock = VirtualClock(START + 55)
    pace = paced(clock, searches_per_minute=10)
    minutes: Counter[int] = Counter()
    for _ in range(35):
        pace.wait(search=True)
        minutes[floor(clock.wall() / 60)] += 1
    assert list(minutes.values()) == [10, 10, 10, 5]


def test_the_next_minute_is_entered_a_little_late_because_clocks_differ() -> None:
    clock = VirtualClock(START + 59)
    pace = paced(clock, searches_per_minute=1)
    pace.wait(search=True)
    assert pace.wait(search=True) == pytest.approx(1 + AFTER_THE_TURN)
    assert clock.wall() > START + 60


def test_other_requests_do_not_count_as_searches() -> None:
    clock = VirtualClock()
    pace = paced(clock, searches_per_minute=1)
    pace.wait(search=True)
    for _ in range(5):
        pace.wait(search=False)
    assert clock.wall() < START + 1


def test_requests_keep_to_their_rate() -> None:
    clock = VirtualClock()
    pace = paced(clock, requests_per_second=50)
    seconds: Counter[int] = Counter()
    for _ in range(500):
        pace.wait(search=False)
        seconds[floor(clock.wall() - START)] += 1
    assert max(seconds.values()) <= 50 * (1 + BURST)
    assert clock.wall() - START == pytest.approx(10, abs=0.2)


def test_after_a_rest_as_many_requests_may_go_at_once_as_the_burst_has() -> None:
    clock = VirtualClock()
    pace = Pace(50, 1000, clock, random.Random(0), burst=1)  # noqa: S311  # so that the test is the same every time
    for _ in range(3):
        clock.sleep(60)
        assert sum(pace.wait(search=False) for _ in range(50)) == 0
        assert sum(pace.wait(search=False) for _ in range(50)) == pytest.approx(1, abs=0.03)


def test_requests_that_come_slower_than_the_rate_are_not_held_back() -> None:
    clock = VirtualClock()
    pace = paced(clock, requests_per_second=10)
    for _ in range(20):
        clock.sleep(1)
        assert pace.wait(search=False) == 0


def test_a_share_so_small_that_nothing_would_go_lets_one_search_go() -> None:
    clock = VirtualClock()
    pace = paced(clock, searches_per_minute=0.5)
    pace.wait(search=True)
    pace.wait(search=True)
    assert clock.wall() >= START + 60


def test_a_429_to_a_search_holds_everything_until_the_minute_is_over() -> None:
    clock = VirtualClock(START + 20)
    pace = paced(clock)
    pace.pause(None, search=True, repeated=False)
    pace.wait(search=False)
    assert START + 60 <= clock.wall() <= START + 60 + JITTER


def test_a_429_to_another_request_holds_everything_for_a_second_and_a_second_one_for_the_minute() -> None:
    clock = VirtualClock(START + 20.5)
    pace = paced(clock)
    pace.pause(None, search=False, repeated=False)
    pace.wait(search=False)
    assert START + 21 <= clock.wall() <= START + 21 + JITTER
    pace.pause(None, search=False, repeated=True)
    pace.wait(search=False)
    assert START + 60 <= clock.wall() <= START + 60 + JITTER


def test_what_retry_after_asks_for_counts() -> None:
    clock = VirtualClock()
    pace = paced(clock)
    pace.pause(7, search=True, repeated=False)
    pace.wait(search=True)
    assert START + 7 <= clock.wall() <= START + 7 + JITTER


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    clock = VirtualClock()
    pace = paced(clock)
    pace.pause(30, search=True, repeated=False)
    pace.pause(1, search=True, repeated=False)
    pace.wait(search=True)
    assert clock.wall() >= START + 30


def test_nobody_sleeps_on_once_the_run_is_being_ended() -> None:
    clock = Clock()
    clock.stop()
    with pytest.raises(Unavailable):
        clock.sleep(3600)
