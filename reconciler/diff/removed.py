"""Who was removed from an organization, and by whom: the records that Stytch keeps of its deleted members."""

from collections.abc import Iterable
from typing import NamedTuple

from reconciler.diff.ownership import Owner, read_member
from reconciler.expressions.text import mailbox_or_text
from reconciler.model import LiveMember


class _Record(NamedTuple):
    when: str
    id: str
    by_us: bool
    user: str | None


class Removed:
    """The records of one organization, found by user and by address."""

    def __init__(self, members: Iterable[LiveMember], owner: Owner) -> None:
        self._by_user: dict[str, list[_Record]] = {}
        self._by_address: dict[str, list[_Record]] = {}
        for member in members:
            mark = read_member(member, owner).carried
            user, by_us = (mark.user, mark.deleted) if mark else (None, False)
            record = _Record(member.updated_at or member.created_at or "", member.member_id, bool(by_us), user)
            self._by_address.setdefault(mailbox_or_text(member.email_address), []).append(record)
            if user is not None:
                self._by_user.setdefault(user, []).append(record)

    def by_somebody(self, user: str | None, address: str) -> str:
        """Return the id of the record that stood for a membership last, "" where that is none, or we deleted it."""
        records = [record for record in self._by_address.get(address, ()) if record.user in (None, user)]
        records += self._by_user.get(user, ()) if user is not None else ()
        if not records:
            return ""
        last = max(records, key=lambda record: record[:2])
        return "" if last.by_us else last.id
