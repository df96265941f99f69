"""A Consumer export → users, streamed: JSON, JSON lines or CSV as Stytch's export utility writes them (docs/stytch.md).

A million users pass through in a few megabytes; of each, only the top-level fields that somebody asked for are decoded.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.config.read import UsersSource
from reconciler.expressions.text import trimmed
from reconciler.model import Json, Position
from reconciler.sources import user_files
from reconciler.sources.rows import format_of, refuse
from reconciler.sources.user_files import Batch, MalformedUser, User

ALWAYS: Final = frozenset({"user_id", "emails"})


class UserStream:
    """A source's users, to be gone through once; when that is done the rest is known.

    ``count`` counts records, malformed ones included. ``why_no_deletes`` says why a user who is not in this source
    need not be gone, "" where he is. ``lacking`` are fields that were asked for and that no record has: unknown, not
    empty. ``uncounted`` says that nothing told how many users there are, so that each who seems to be missing must be
    asked for.
    """

    def __init__(
        self,
        batches: Iterable[Batch],
        asked: frozenset[str] = frozenset(),
        *,
        why_no_deletes: str = "",
        shown: str = "the users",
    ) -> None:
        self.batches = batches
        self._shown = shown
        self.count = 0
        self.lacking = asked
        self.why_no_deletes = why_no_deletes
        self.uncounted = False

    def note_uncounted(self) -> None:
        """Note that nothing told how many users there are."""
        self.uncounted = True

    @property
    def permits_deletes(self) -> bool:
        """Return whether a user who is not in this source is known to be gone."""
        return not self.why_no_deletes

    def __iter__(self) -> Iterator[User | MalformedUser]:
        for batch in self.batches:
            for read in batch:
                self.count += 1
                record = read
                if isinstance(record, MalformedUser):
                    record = MalformedUser(trimmed(record.user_id or "") or None, record.message, record.position)
                elif record["user_id"].strip() != record["user_id"] or _is_padded(record.get("external_id")):
                    record = self._entered(record)
                if isinstance(record, MalformedUser):
                    self._note(record)
                elif self.lacking:
                    self.lacking -= record.keys()
                yield record

    def _entered(self, user: User) -> User | MalformedUser:
        """Return a user as everything later compares it: ids without outer white space, and a blank one is none."""
        external_id = user.get("external_id")
        user = {**user, "user_id": trimmed(user["user_id"])}
        if not user["user_id"]:
            message = f"record {self.count} is not a valid user: its user_id is blank"
            return MalformedUser(None, message, Position(self._shown, 1))
        if isinstance(external_id, str):
            user["external_id"] = trimmed(external_id) or None
        return user

    def _note(self, record: MalformedUser) -> None:
        if record.user_id is None and not self.why_no_deletes:
            self.why_no_deletes = f"{record.position} has no valid user_id"


def _is_padded(external_id: Json) -> bool:
    """Return whether an external id has white space around it, or is blank."""
    return external_id is not None and (external_id == "" or external_id.strip() != external_id)


def read_users(source: UsersSource, fields: frozenset[str]) -> UserStream:
    """Open a file of users; ``fields`` are the top-level fields to decode besides ``user_id`` and ``emails``.

    Raises ``Unreadable`` if the file cannot be opened or was cut short; going through the users raises it where the
    file turns out to be broken, to hold fewer users than ``source.rows``, or none.
    """
    if source.file is None:
        raise ValueError("this source is not a file")
    form = format_of(source.file, source.shown)
    asked = fields | ALWAYS
    read = {"lines": user_files.lines, "array": user_files.array, "csv": user_files.table}[form]
    why = "a CSV export that was cut off between two pages looks complete" if form == "csv" else ""
    batches = read(source.file, source.shown, user_files.Decoder(asked))
    return UserStream(_counted(batches, source), asked, why_no_deletes=why, shown=source.shown)


def _counted(batches: Iterable[Batch], source: UsersSource) -> Iterator[Batch]:
    """Pass the batches on, and refuse a source that turns out to be empty or too short."""
    count = 0
    for batch in batches:
        records = batch if isinstance(batch, list) else list(batch)
        count += len(records)
        yield records
    if not count:
        refuse(
            source.shown, f"{source.shown} has no user", "an empty source is refused, because it could lead to deletes"
        )
    if source.rows is not None and count < source.rows:
        message = f"{source.shown} has {count:,} users; expected at least {source.rows:,}"
        refuse(source.shown, message, "is it whole?")
