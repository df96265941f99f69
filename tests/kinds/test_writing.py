"""A create whose response was lost: what is there then may be ours, so that nothing is decided about it."""

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds._context import Stale, Undecided
from reconciler.kinds._writing import create_once

THERE_ALREADY = "duplicate_name"


@pytest.mark.parametrize(
    ("answer", "raised"),
    [(Ambiguous("no response"), Undecided), (Rejected("there already", error_type=THERE_ALREADY), Stale)],
    ids=["a lost response", "there already"],
)
def test_what_is_not_provably_ours_is_undecided_after_a_lost_response(answer: Exception, raised: type[Stale]) -> None:
    def create() -> str:
        raise answer

    def find() -> str:
        raise Stale("somebody else created it in the meantime")

    with pytest.raises(Stale) as caught:
        create_once(create, find, [THERE_ALREADY])
    assert caught.type is raised
