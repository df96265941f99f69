"""Packed memberships come out as they went in."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.members import PackedMemberships
from reconciler.model import Membership

memberships = st.builds(
    Membership,
    organization=st.sampled_from(["acme", "globex"]),
    addresses=st.tuples(st.text()),
    user=st.none() | st.text(),
    verified=st.tuples(st.booleans()),
    rules=st.lists(st.integers(0, 99)).map(tuple),
    roles=st.lists(st.text()).map(tuple),
    fields=st.dictionaries(st.text(), st.none() | st.text() | st.lists(st.integers(-9, 9))),
    initial=st.dictionaries(st.text(), st.booleans()),
    declared=st.integers(-1, 5),
    unverified=st.booleans(),
    untrusted=st.booleans(),
)


@given(st.lists(memberships, max_size=200))
def test_memberships_come_out_by_organization_in_their_order(some: list[Membership]) -> None:
    packed = PackedMemberships()
    for membership in some:
        packed.add(membership)
    assert len(packed) == len(some)
    for slug in ("acme", "globex", "none"):
        expected = [membership for membership in some if membership.organization == slug]
        assert (list(packed.of(slug)), packed.count(slug)) == (expected, len(expected))
