"""Claims of users become claims of members, inside tags only."""

import pytest

from reconciler.migration.claims import for_members

CASES = {
    "a field of metadata": ('{"a": {{ user.trusted_metadata.role }}}', '{"a": {{ member.trusted_metadata.role }}}'),
    "without blanks": ('{"a": {{user.untrusted_metadata.x.y}}}', '{"a": {{member.untrusted_metadata.x.y}}}'),
    "inside a text": ('{"a": "Hi {{ user.external_id }}!"}', '{"a": "Hi {{ member.external_id }}!"}'),
    "what a role may do": ('{"a": {{ user.rbac.documents.actions }}}', '{"a": {{ member.rbac.documents.actions }}}'),
    "the id": ('{"a": {{ user.user_id }}}', '{"a": {{ member.member_id }}}'),
    "the first address": ('{"a": {{ user.emails.0.email }}}', '{"a": {{ member.email_address }}}'),
    "the first address, in brackets": ('{"a": {{ user.emails[0].email }}}', '{"a": {{ member.email_address }}}'),
    "nothing outside of tags": ('{"user.name": "user.user_id"}', '{"user.name": "user.user_id"}'),
    "not what only ends like it": ('{"a": {{ super.user.name }}}', '{"a": {{ super.user.name }}}'),
    "not what only begins like it": ('{"a": {{ user_data.name }}}', '{"a": {{ user_data.name }}}'),
    "nothing at all": ("{}", "{}"),
}
LOST = {
    "as a value": ('{"a": {{ user.providers }}}', '{"a": null}'),
    "as a whole text": ('{"a": "{{ user.name.first_name }}"}', '{"a": null}'),
    "within a text": ('{"a": "Hi {{ user.name.first_name }}!"}', '{"a": "Hi !"}'),
    "beside one that is kept": (
        '{"a": "{{ user.name.last_name }} {{ user.user_id }}"}',
        '{"a": " {{ member.member_id }}"}',
    ),
    "after a quotation mark in a text": ('{"a": "\\"", "b": {{ user.totps }}}', '{"a": "\\"", "b": null}'),
    "another than the first address": ('{"a": {{ user.emails.1.email }}}', '{"a": null}'),
    "within a tag of another form": ('{"a": {{ lower user.totps }}}', '{"a": {{ lower member.totps }}}'),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_member_has_too_is_kept(case: str) -> None:
    before, after = CASES[case]
    claims = for_members(before)
    assert (claims.text, claims.lost) == (after, ())


@pytest.mark.parametrize("case", LOST)
def test_what_no_member_has_is_lost_and_leaves_valid_json(case: str) -> None:
    before, after = LOST[case]
    claims = for_members(before)
    assert claims.text == after
    assert len(claims.lost) == 1


def test_every_loss_is_named_once_in_its_order() -> None:
    template = '{"a": {{ user.totps }}, "b": {{ user.name.first_name }}, "c": {{ user.totps }}}'
    assert for_members(template).lost == ("totps", "name.first_name")


def test_claims_with_another_value_are_listed() -> None:
    template = '{"a": {{ user.user_id }}, "b": {{ user.rbac.roles }}, "c": {{ user.trusted_metadata.user_id }}}'
    assert for_members(template).different == ("user_id", "rbac.roles")


def test_the_one_address_and_the_one_number_of_a_member_are_not_those_of_a_user() -> None:
    template = '{"a": {{ user.emails[0].email }}, "b": {{ user.phone_numbers.0.phone_number }}}'
    assert for_members(template).different == ("emails.0.email", "phone_numbers.0.phone_number")
