"""A thing that ends by itself: gone is gone, and what ends any moment now is left to end."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.diff.compare import compare
from reconciler.diff.pairs import KnownCredentials, Policy
from reconciler.kinds import KINDS
from reconciler.model import Live, Position, Resource, Spec

KIND = KINDS["DFPRule"]
NAME = "country_code/KP"
END = datetime(2027, 1, 31, 12, tzinfo=UTC)


def actions(live: Spec | None, now: datetime) -> list[str]:
    """What is done about a rule that is to block until the end."""
    spec = KIND.normalize({"action": "BLOCK", "expires_at": "2027-01-31T13:00:00+01:00"})
    resource = Resource(kind="DFPRule", name=NAME, spec=spec, position=Position("a.yaml", 1))
    there = [] if live is None else [Live(kind="DFPRule", name=NAME, id=NAME, spec=KIND.normalize(live))]
    diff = compare(KIND, [resource], there, Policy(known=KnownCredentials(now=now)))
    return [type(change).__name__ for change in diff.changes]


@pytest.mark.parametrize(
    ("live", "before_the_end", "wanted"),
    [
        (None, timedelta(hours=1), ["Create"]),
        ({"action": "BLOCK", "expires_at": "2027-01-31T12:00:40Z"}, timedelta(hours=1), []),
        ({"action": "BLOCK", "expires_at": "2027-01-31T12:00:40Z"}, timedelta(seconds=30), []),
        ({"action": "BLOCK", "expires_at": "2027-01-31T12:00:40Z"}, timedelta(seconds=-30), []),
        ({"action": "ALLOW", "expires_at": "2027-01-31T12:00:40Z"}, timedelta(seconds=-30), ["Delete"]),
        ({"action": "BLOCK", "expires_at": "2027-02-01T12:00:00Z"}, timedelta(hours=1), ["Update"]),
        ({"action": "BLOCK", "expires_at": "2027-02-01T12:00:00Z"}, timedelta(seconds=-30), ["Delete"]),
        ({"action": "BLOCK"}, timedelta(hours=-1), ["Delete"]),
        (None, timedelta(seconds=30), []),
        (None, timedelta(days=-1), []),
    ],
)
def test_a_rule_ends_once(live: Spec | None, before_the_end: timedelta, wanted: list[str]) -> None:
    assert actions(live, END - before_the_end) == wanted
