import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients.redact import mask


def test_an_address_keeps_its_first_letter_and_its_domain() -> None:
    assert mask("ann@acme.example") == "a***@acme.example#b759"


def test_one_person_stays_recognisable_whatever_the_case() -> None:
    assert mask("ANN@ACME.EXAMPLE").rpartition("#")[2] == mask("ann@acme.example").rpartition("#")[2]


@pytest.mark.parametrize("spelled", ["ann@bücher.example", "ANN@BÜCHER.example", "ann@XN--bcher-kva.EXAMPLE"])
def test_one_person_stays_recognisable_in_every_spelling(spelled: str) -> None:
    assert mask(spelled).rpartition("#")[2] == mask("ann@xn--bcher-kva.example").rpartition("#")[2]


@pytest.mark.parametrize("other", ["amy@acme.example", "ann@acme.test"])
def test_two_people_differ(other: str) -> None:
    assert mask("ann@acme.example").rpartition("#")[2] != mask(other).rpartition("#")[2]


def test_a_kelvin_sign_is_no_k() -> None:
    assert mask("\u212aim@acme.example").rpartition("#")[2] != mask("kim@acme.example").rpartition("#")[2]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Member/acme/ann@acme.example: create", "Member/acme/a***@acme.example#b759: create"),
        ("<ann@acme.example>, done.", "<a***@acme.example#b759>, done."),
        ("ann@acme.example.", "a***@acme.example#b759."),
        ("/member?email_address=ann%40acme.example&x=1", "/member?email_address=a***%40acme.example#b759&x=1"),
        ("no address here: @ 5", "no address here: @ 5"),
        ('"ann smith"@acme.example', "a***@acme.example#6218"),
    ],
    ids=["in an address of a resource", "in brackets", "before a full stop", "in a URL", "none", "quoted with a blank"],
)
def test_addresses_are_found_where_they_stand(text: str, masked: str) -> None:
    assert mask(text) == masked


@given(st.emails().filter(lambda address: set(address.partition("@")[0]) != {"*"}), st.text(max_size=20))
def test_no_address_is_left(address: str, around: str) -> None:
    assert address not in mask(f"{around} {address} {around}")


@given(st.emails())
def test_what_is_masked_stays_as_it_is(address: str) -> None:
    once = mask(f"to {address}")
    assert mask(once) == once
