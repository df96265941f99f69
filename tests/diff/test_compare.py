"""Every kind goes through one engine: each names a strategy that there is, and that fits what it is."""

import pytest

from reconciler.diff.compare import STRATEGIES
from reconciler.kinds import KINDS
from reconciler.schema.kind import Kind

kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@kinds
def test_a_kind_names_a_strategy(kind: Kind) -> None:
    assert kind.identity.found_by in STRATEGIES


@kinds
def test_what_has_a_credential_and_no_lasting_name_is_found_by_the_id_in_the_store(kind: Kind) -> None:
    loses_its_name = kind.identity.id_is_key or kind.identity.renamable
    assert (kind.identity.found_by == "stored id") == bool(kind.credential and loses_its_name)


@kinds
def test_what_may_carry_a_mark_is_told_apart_by_more_than_a_name(kind: Kind) -> None:
    assert not kind.identity.adoptable or kind.identity.found_by == "external id"
