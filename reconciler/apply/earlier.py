"""The journals of earlier runs: what they leave open, and which are kept.

Of a journal that ended well, only its last line is read: it sums up the others. All of it is read only if that line is
missing, because the run was cut short, or because an earlier version wrote it.

An ``intent`` is ended by the ``outcome`` of the same file and address, or by a line of any other file that names that
file under ``ends``: no clock says which came first.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct, structs

from reconciler.config.schema import JournalPolicy
from reconciler.errors import Unreadable
from reconciler.files import FOLDER, existing_folder
from reconciler.kinds import KINDS
from reconciler.model import MEMBER, Intent, Json
from reconciler.model.changes import Begun
from reconciler.schema.secret_names import is_name

STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
NAME: Final = r"(?P<stamp>\d{8}T\d{6}\.\d{6}Z)-\d+\.jsonl"  # after what names the environment
ADDRESS: Final = re.compile(rb'"address":\s*("(?:[^"\\]|\\.)*")')
NEVER: Final = ("Member/", "Organization/")  # have a credential; most lines are about these
MATTERS: Final = re.compile(rb'"address":\s*"(?!Member/|Organization/)|"delet(?:e|ing)"|"ends"')  # in a line
CHUNK: Final = 1 << 20  # bytes read at once
LAST: Final = 1 << 16  # bytes at the end of a file in which its last line is looked for


def begins(environment: str) -> str:
    """Return how the names of an environment's journals begin."""
    return f"journal-{quote(environment, safe='')}-"


class Summary(Struct, frozen=True):
    """What one journal says: the intents that it leaves open, and those of others that it ends, by address and name.

    It is the last line of a journal that ended well.
    """

    event: Literal["closed"]
    open: tuple[Intent, ...]
    over: frozenset[tuple[str, str]]
    journal: str = ""


class _Line(Struct):
    event: str
    address: str = ""
    action: str = ""
    id: str | None = None
    fields: list[dict[str, Json]] = []
    there: list[str] = []
    last_four: str = ""
    marked_at: str = ""
    ends: list[str] = []

    @property
    def gives(self) -> bool:
        """Return whether Stytch may give a credential in the course of this: a create, or the renewal of one."""
        return self.action == "create" or any(is_name(field.get("after")) for field in self.fields)


class Unfinished(Struct, frozen=True):
    """What earlier runs began and never ended, by address, with what was noted of it.

    ``credentials`` are the writes that may have given a credential; ``deletes`` those of members, and of what has a
    credential, with the id.
    """

    credentials: Begun
    deletes: Begun

    @classmethod
    def of(cls, journals: Iterable[Summary]) -> "Unfinished":
        """Return what journals leave open and do not end for one another."""
        intents = tuple(chain.from_iterable(_open(tuple(journals)).values()))
        deletes = _by_address(intent for intent in intents if intent.deletes and intent.id)
        return cls(_by_address(intent for intent in intents if not intent.deletes), deletes)


def unfinished(root: Path, environment: str) -> Unfinished:
    """Return what the journals of an environment leave open; raises ``Unreadable``."""
    return Unfinished.of(read_journals(root, environment))


def _by_address(intents: Iterable[Intent]) -> Begun:
    begun: dict[str, tuple[Intent, ...]] = {}
    for intent in intents:
        begun[intent.address] = (*begun.get(intent.address, ()), intent)
    return begun


def _open(journals: Iterable[Summary]) -> dict[str, tuple[Intent, ...]]:
    """Return the intents that each journal leaves open, and no other one ends."""
    over = frozenset(chain.from_iterable(journal.over for journal in journals))
    return {
        journal.journal: tuple(intent for intent in journal.open if (intent.address, journal.journal) not in over)
        for journal in journals
    }


def read_journals(root: Path, environment: str) -> tuple[Summary, ...]:
    """Return what each journal of an environment says, in the order of their names; raises ``Unreadable``."""
    ours = re.compile(re.escape(begins(environment)) + NAME)
    try:
        paths = sorted(path for path in existing_folder(root).glob("journal-*") if ours.fullmatch(path.name))
        return tuple(filter(None, map(_if_there, paths)))
    except OSError as error:
        hint = "make it readable, or remove it: without it, the leftovers of an interrupted run are unknown"
        raise Unreadable(f"a journal in {FOLDER} cannot be read: {error.strerror}", hint=hint) from None


def _if_there(path: Path) -> Summary | None:
    """Return what a journal says; one that an apply beside this has removed meanwhile left nothing open."""
    try:
        return summary_of(path)
    except FileNotFoundError:
        return None


def prune(
    root: Path, earlier: Iterable[Summary], running: Summary | None, policy: JournalPolicy, now: datetime
) -> None:
    """Remove the journals of earlier runs that a policy no longer keeps, the oldest first.

    One that leaves something open stays, and so does one that ends what another one, which stays, leaves open.
    """
    by_name = {journal.journal: journal for journal in sorted(earlier, key=attrgetter("journal"))}
    everything = (*by_name.values(), *filter(None, (running,)))
    open_in = _open(everything)
    newest = [*by_name][max(0, len(everything) - policy.keep) :]
    left = {*open_in}
    for name, journal in by_name.items():
        kept = name in newest and (now - _begun(name, now)).days < policy.days
        if not (kept or open_in[name] or left & {ended for _, ended in journal.over} - {name}):
            with suppress(OSError):  # it is tried again by the next run
                (root / FOLDER / name).unlink(missing_ok=True)
                left.remove(name)


def _begun(name: str, now: datetime) -> datetime:
    """Return when a journal was begun, as its name has it: now, if that cannot be."""
    stamp = name.removesuffix(".jsonl").rpartition("-")[0].rpartition("-")[2]
    try:
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return now


def summary_of(path: Path, *, whole: bool = False) -> Summary:
    """Return what a journal says: its last line, unless that is missing or ``whole``; then what all its lines say.

    A line that was cut short itself counts as an intent of which nothing was noted.
    """
    with path.open("rb") as file:
        closed = None if whole else _closed(file)
        if closed is not None:
            return structs.replace(closed, journal=path.name)
        found: dict[tuple[str, bool], Intent] = {}
        over: set[tuple[str, str]] = set()
        file.seek(0)
        for text in _lines(file):
            _take(text, path.name, found, over)
    return Summary(event="closed", journal=path.name, open=tuple(found.values()), over=frozenset(over))


def _closed(file: BinaryIO) -> Summary | None:
    """Return what the last line of a file says, if it is whole and closes the journal."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - LAST))
    tail = file.read()
    try:
        last = tail[:-1].rpartition(b"\n")[2]
        return msgspec.json.decode(last, type=Summary) if tail.endswith(b"\n") else None
    except ValueError:
        return None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that matter; the others cost no more than to pass over them."""
    while chunk := file.read(CHUNK):
        chunk += file.readline()
        end = 0
        for matter in MATTERS.finditer(chunk):
            if matter.start() >= end:
                start, end = chunk.rfind(b"\n", 0, matter.start()) + 1, chunk.find(b"\n", matter.start()) + 1
                end = end or len(chunk)
                yield chunk[start:end]


def _take(text: bytes, name: str, found: dict[tuple[str, bool], Intent], over: set[tuple[str, str]]) -> None:
    """Take one line of the journal ``name`` into what was found, by address and whether that is deleted."""
    line = _read(text)
    deletes = (line.action == "delete" and _is_followed(line.address)) or line.event == "deleting"
    over.update((line.address, journal) for journal in line.ends)
    if line.address.startswith(NEVER) and not deletes:
        return
    key = (line.address, deletes)
    intent = found.get(key) or Intent(address=line.address, journal=name)
    match line.event:
        case "intent" if line.gives or deletes:
            found[key] = Intent(address=line.address, journal=name, id=line.id, deletes=deletes)
        case "note":
            found[key] = structs.replace(intent, there=frozenset(line.there))
        case "made":
            given = intent.given | ({line.last_four} if line.last_four else set())
            found[key] = structs.replace(intent, made=line.id, given=given)
        case "deleting" if key in found:
            found[key] = structs.replace(intent, marked_at=line.marked_at)
        case "outcome":
            found.pop(key, None)
        case "torn" if line.address:
            found[key] = intent


def _is_followed(address: str) -> bool:
    """Return whether a delete is not over once Stytch has answered: a mark said it before, or a credential is left."""
    kind = KINDS.get(address.partition("/")[0])
    return kind is not None and (kind.name == MEMBER or kind.credential is not None)


def _read(text: bytes) -> _Line:
    """Decode a line; of one that is incomplete, or ran into another, only its address."""
    try:
        return msgspec.json.decode(text, type=_Line)
    except ValueError:
        named = ADDRESS.search(text)
        try:
            return _Line("torn", msgspec.json.decode(named[1], type=str) if named else "")
        except ValueError:
            return _Line("torn")
