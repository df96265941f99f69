"""One apply at a time, wherever it runs: the lock at the remote, races for it, its dead holders and wrong clocks."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from reconciler.errors import Refused
from reconciler.history import lock as locks
from reconciler.history.git import Repository, find
from reconciler.history.lock import BEGINS_WITHIN, EVERY, LIFETIME, LOOK, Lock, awake, owner_of, take
from reconciler.history.refs import Swap, points_to, swap
from tests.history.worlds import begun, cloned, git

REF = "refs/reconciler-locks/test"
HOOK = "#!/bin/sh\necho 'no {} today' >&2\nexit 1\n"


class Time:
    """Time that passes only when somebody sleeps; ``during`` does something at each sleep."""

    def __init__(self, during: Callable[[], object] = lambda: None) -> None:
        self.passed = 0.0
        self.slept: list[float] = []
        self._during = during

    def now(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        self.slept.append(seconds)
        self._during()


@pytest.fixture
def ours(tmp_path: Path) -> Repository:
    return found(begun(tmp_path))


@pytest.fixture
def theirs(ours: Repository, tmp_path: Path) -> Repository:
    assert ours.remote
    return found(cloned(tmp_path / "remote.git", tmp_path / "theirs", "--depth=1"))


def found(root: Path) -> Repository:
    repository = find(root, "reconciler.yaml")
    assert repository
    return repository


def taken(repository: Repository, time: Time | None = None, wait: float = 0, owner: str = "ann's run") -> Lock:
    time = time or Time()
    lock = take(repository, "test", owner, wait, time.now, time.sleep)
    assert isinstance(lock, Lock)
    return lock


def test_one_wins_and_the_other_says_who_has_it_and_until_when(ours: Repository, theirs: Repository) -> None:
    lock = taken(ours)
    said = r"another apply of test has the lock \(ann's run, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by its clock\)"
    with pytest.raises(Refused, match=said) as refused:
        taken(theirs)
    assert refused.value.exit_code == 1
    assert "--wait SECONDS" in refused.value.problems[0].hint
    lock.release()
    assert taken(theirs).is_held
    with pytest.raises(Refused):
        taken(ours)


def test_environments_do_not_wait_for_one_another(ours: Repository) -> None:
    taken(ours)
    assert isinstance(take(ours, "live", "x"), Lock)


def test_who_waits_goes_on_once_it_is_given_back(ours: Repository, theirs: Repository) -> None:
    lock = taken(ours)
    time = Time()

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        if len(time.slept) == 3:
            lock.release()

    assert isinstance(take(theirs, "test", "bob", 60, time.now, sleep), Lock)
    assert time.slept == [LOOK] * 3


def test_who_waits_waits_no_longer_than_it_may(ours: Repository, theirs: Repository) -> None:
    taken(ours)
    time = Time()
    with pytest.raises(Refused):
        taken(theirs, time, 2 * LOOK + 1)
    assert time.slept == [LOOK, LOOK, 1]


def test_a_dead_holders_lock_is_taken_over_after_its_whole_lifetime_and_not_before(
    ours: Repository, theirs: Repository
) -> None:
    dead = taken(ours)
    time = Time()
    with pytest.raises(Refused):
        taken(theirs, time, LIFETIME - 1)
    time = Time()
    assert taken(theirs, time, LIFETIME + 1).is_held
    assert time.passed == LIFETIME
    assert dead.renew().result == "moved"  # it was only asleep, and stops
    assert not dead.is_held
    dead.release()
    assert points_to(theirs, REF)  # and gives back nothing of others


def test_a_holder_that_lives_is_never_taken_over(ours: Repository, theirs: Repository) -> None:
    lock = taken(ours)
    time = Time()

    def during() -> None:
        if len(time.slept) % 12 == 0:  # as often as its own clock says
            assert lock.renew().result == "done"

    time = Time(during)
    with pytest.raises(Refused):
        taken(theirs, time, 3 * LIFETIME)
    assert time.passed == 3 * LIFETIME


def held_by(repository: Repository, said: str) -> None:
    """Have somebody hold the lock, with a commit that says so."""
    made = git(repository.top, "commit-tree", git(repository.top, "mktree", "--missing"), "-m", f"x\n\n{said}")
    git(repository.top, "push", "--quiet", "origin", f"{made}:{REF}")


@pytest.mark.parametrize("wrong", ["1999-01-01 00:00:00 UTC", "2999-01-01 00:00:00 UTC", "whenever", ""])
def test_nobody_believes_the_clock_of_another(ours: Repository, theirs: Repository, wrong: str) -> None:
    held_by(ours, f"Owner: cy\nUntil: {wrong}\nLifetime: {LIFETIME}\n")
    with pytest.raises(Refused, match="has the lock"):
        taken(theirs, Time(), LIFETIME - 1)
    time = Time()
    taken(theirs, time, LIFETIME)
    assert time.passed == LIFETIME


@pytest.mark.parametrize(("said", "lasts"), [("Lifetime: 10\n", 10), ("Lifetime: 99999999\n", 3600), ("", LIFETIME)])
def test_a_lock_lasts_as_long_as_it_says_within_reason(
    ours: Repository, theirs: Repository, said: str, lasts: int
) -> None:
    held_by(ours, said)
    time = Time()
    taken(theirs, time, 2 * 3600)
    assert time.passed == lasts


def test_of_several_who_waited_one_takes_it(ours: Repository, theirs: Repository, tmp_path: Path) -> None:
    taken(ours)
    other = found(cloned(tmp_path / "remote.git", tmp_path / "third"))
    third: list[Lock] = []

    class Late(Time):
        def now(self) -> float:
            if self.passed >= LIFETIME and not third:
                third.append(taken(other, Time(), LIFETIME))  # right between our look and our push
            return self.passed

    with pytest.raises(Refused, match=r"has the lock \(ann's run"):
        taken(theirs, Late(), LIFETIME, "bob's run")
    assert third[0].is_held


def test_nothing_begins_once_two_thirds_of_a_lifetime_passed_without_a_renewal(ours: Repository) -> None:
    time = Time()
    lock = taken(ours, time)
    time.passed = LIFETIME * BEGINS_WITHIN - 1
    assert lock.is_held
    assert lock.renew().result == "done"
    time.passed += LIFETIME * BEGINS_WITHIN - 1
    assert lock.is_held
    time.passed += 1
    held = lock.is_held  # whatever its thread does: this machine may have slept
    assert (held, lock.renew().result, lock.is_held) == (False, "done", True)  # and nobody took it meanwhile


def kept(lock: Lock, time: Time, pauses: int) -> tuple[list[float], list[bool]]:
    """Keep a lock for so many pauses; return these, and what was lost."""
    slept: list[float] = []
    lost: list[bool] = []

    def pause(seconds: float) -> bool:
        slept.append(seconds)
        time.passed += seconds
        return len(slept) > pauses

    lock.keep(lambda: lost.append(True), pause)
    return slept, lost


def test_it_is_renewed_while_it_is_held(ours: Repository) -> None:
    time = Time()
    lock = taken(ours, time)
    before = points_to(ours, REF)
    assert kept(lock, time, 3) == ([EVERY] * 4, [])
    assert points_to(ours, REF) != before
    lock.release()
    assert points_to(ours, REF) == ""


def test_a_holder_that_cannot_renew_tries_again_and_stops(ours: Repository, tmp_path: Path) -> None:
    time = Time()
    lock = taken(ours, time)
    (tmp_path / "remote.git").rename(tmp_path / "gone")
    slept, lost = kept(lock, time, 1000)
    assert sum(slept) >= LIFETIME * BEGINS_WITHIN
    assert sum(slept) < LIFETIME * BEGINS_WITHIN + LOOK
    assert slept[:3] == [EVERY, LOOK, LOOK]
    assert lost == [True]


def test_a_renewal_that_fails_for_a_moment_loses_nothing(ours: Repository, tmp_path: Path) -> None:
    time = Time()
    lock = taken(ours, time)
    (tmp_path / "remote.git").rename(tmp_path / "gone")
    assert lock.renew().result == "unreachable"
    assert lock.is_held
    (tmp_path / "gone").rename(tmp_path / "remote.git")
    assert kept(lock, time, 2) == ([EVERY] * 3, [])


def test_a_lock_that_somebody_removed_is_lost_at_once(ours: Repository, theirs: Repository) -> None:
    time = Time()
    lock = taken(ours, time)
    assert swap(theirs, REF, points_to(theirs, REF), "").result == "done"
    assert kept(lock, time, 10) == ([EVERY], [True])
    assert not lock.is_held


def test_a_thread_keeps_it_meanwhile(ours: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "EVERY", 0.0)
    lock = taken(ours)
    renewed: list[Swap] = []
    renew, two = lock.renew, Event()

    def counted() -> Swap:
        renewed.append(renew())
        if len(renewed) == 2:
            two.set()
        return renewed[-1]

    monkeypatch.setattr(lock, "renew", counted)
    with lock.kept(lambda: None):
        assert two.wait(60)
    lock.release()
    assert points_to(ours, REF) == ""


def test_where_it_may_not_be_pushed_that_is_said(ours: Repository, tmp_path: Path) -> None:
    hook = tmp_path / "remote.git/hooks/pre-receive"
    hook.write_text(HOOK.format("locks"))
    hook.chmod(0o755)
    refused = take(ours, "test", "ann")
    assert isinstance(refused, Swap)
    assert refused.result == "refused"
    assert "no locks today" in refused.said
    assert "pre-receive hook declined" in refused.said


def test_a_push_whose_answer_was_lost_is_a_lock(ours: Repository, tmp_path: Path) -> None:
    """A hook that runs after the ref moved ends the connection."""
    hook = tmp_path / "remote.git/hooks/post-receive"
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    assert taken(ours).is_held


def test_a_server_that_cannot_lock_the_ref_is_not_asked_for_ever(ours: Repository, tmp_path: Path) -> None:
    stale = tmp_path / "remote.git" / f"{REF}.lock"
    stale.parent.mkdir(parents=True)
    stale.touch()
    assert isinstance(take(ours, "test", "ann"), Swap)


def test_who_has_it_is_the_run_of_a_workflow_or_a_process() -> None:
    run = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7"}
    assert owner_of("apply", run) == "https://github.com/o/r/actions/runs/7"
    assert owner_of("apply", {"CI_JOB_URL": "https://gitlab.example/7"}) == "https://gitlab.example/7"
    assert owner_of("apply", {}).startswith(f"process {os.getpid()} on ")
    assert awake() > 0
