"""The store: SQLite, with one row for each object. A row holds the JSON text, so that search pages only join texts."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

Fields = dict[str, Any]
Write = Callable[["Store"], None]

SCHEMA = """
CREATE TABLE IF NOT EXISTS collection (
    number INTEGER PRIMARY KEY, project_id TEXT, kind TEXT, UNIQUE (project_id, kind)
);
CREATE TABLE IF NOT EXISTS object (
    number INTEGER PRIMARY KEY, collection INTEGER NOT NULL, parent INTEGER NOT NULL, id TEXT NOT NULL,
    status TEXT NOT NULL, text TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS by_id ON object (collection, id);
CREATE INDEX IF NOT EXISTS by_parent ON object (parent, collection, number, status);
CREATE TABLE IF NOT EXISTS name (
    collection INTEGER, parent INTEGER, name TEXT, object INTEGER, PRIMARY KEY (collection, parent, name, object)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_object ON name (object);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
SETTINGS = """
PRAGMA locking_mode = EXCLUSIVE; -- A file belongs to one emulator at a time.
PRAGMA journal_mode = MEMORY;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
"""
PATIENCE = 0.2
"""Seconds to wait for another process that has locked the file."""
FOUND = "SELECT number, parent, id, status, text FROM object"
INSERT = "INSERT OR REPLACE INTO object (number, collection, parent, id, status, text) VALUES (?, ?, ?, ?, ?, ?)"
ADD = INSERT.replace(" OR REPLACE", "")
OWN = "SELECT number FROM collection WHERE project_id = :owner"
INSERT_NAME = "INSERT OR IGNORE INTO name VALUES (?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Row:
    """One stored object.

    ``number`` is its position in the order of insertion (0: not stored yet), ``parent`` the number of its organization
    (0: none). ``names`` are further keys by which it is found, such as ``slug:acme``.
    """

    id: str
    fields: Fields
    names: tuple[str, ...] = ()
    status: str = "active"
    parent: int = 0
    number: int = 0


class Store:
    """All objects of all environments. Not thread-safe by itself: the app holds its lock during each request."""

    def __init__(self, path: Path | None = None, clean: Callable[[Fields], Fields] = dict) -> None:
        self.connection = sqlite3.connect(path or ":memory:", timeout=PATIENCE, check_same_thread=False)
        try:
            self.connection.executescript(SETTINGS + SCHEMA)
        except sqlite3.Error:
            self.connection.close()
            raise
        self.clean = clean
        self.version = 0
        """The number of writes, so that values computed from the store can be cached until the next write."""
        self.follower: Callable[[Write], None] | None = None
        """Called with each committed write, to repeat the write in a copy: the search index that lags behind."""
        self._uncommitted: list[Write] = []
        self.totals: tuple[int, dict[Any, int]] = (0, {})
        """The totals that searches have counted, and the version for which they are valid."""
        self._collections: dict[tuple[str, str], int] = {}

    def collection(self, project_id: str, kind: str) -> int:
        """Return the number of a collection: the objects of one kind in one environment."""
        key = (project_id, kind)
        if key not in self._collections:
            sql = "INSERT OR IGNORE INTO collection (project_id, kind) VALUES (?, ?)"
            self.connection.execute(sql, key)
            cursor = self.connection.execute("SELECT number FROM collection WHERE project_id = ? AND kind = ?", key)
            self._collections[key] = cursor.fetchone()[0]
        return self._collections[key]

    def get(self, collection: int, id: str) -> Row | None:
        """Return the object with this id."""
        columns = self.connection.execute(f"{FOUND} WHERE collection = ? AND id = ?", (collection, id)).fetchone()
        return columns and _row(columns)

    def numbered(self, number: int) -> Row:
        """Return the object with this number, which must exist."""
        return _row(self.connection.execute(f"{FOUND} WHERE number = ?", (number,)).fetchone())

    def named(self, collection: int, name: str, parent: int = 0) -> list[Row]:
        """Return the objects with this name within ``parent``, in the order of insertion."""
        inner = "SELECT object FROM name WHERE collection = ? AND parent = ? AND name = ?"
        rows = self.connection.execute(f"{FOUND} WHERE number IN ({inner}) ORDER BY number", (collection, parent, name))
        return [_row(row) for row in rows]

    def children(self, collection: int, parent: int = 0) -> Iterator[Row]:
        """Yield every object in ``parent``, in the order of insertion. The store may be written to meanwhile."""
        sql = f"{FOUND} WHERE collection = ? AND parent = ? ORDER BY number"
        return map(_row, self.connection.execute(sql, (collection, parent)).fetchall())

    def count(self, collection: int, besides: str = "") -> int:
        """Return the number of objects in a collection, without those with the status ``besides``."""
        sql = "SELECT count(*) FROM object WHERE collection = ? AND status != ?"
        return int(self.connection.execute(sql, (collection, besides)).fetchone()[0])

    def holds(self, collection: int, field: str) -> bool:
        """Return whether an object of the collection has a value in this field that is not empty."""
        sql = "SELECT 1 FROM object WHERE collection = ? AND json_extract(text, '$.' || ?) != '' LIMIT 1"
        return self.connection.execute(sql, (collection, field)).fetchone() is not None

    def put(self, collection: int, row: Row) -> Row:
        """Insert or replace ``row``. Return it with its number, and with its fields as answers show them."""
        number = row.number or self._next()
        fields = self.clean(row.fields)
        values = (number, collection, row.parent, row.id, row.status, text(fields))
        names = [(collection, row.parent, name, number) for name in row.names]

        def write(store: "Store") -> None:
            store.connection.execute("DELETE FROM name WHERE object = ?", (number,))
            store.connection.execute(INSERT, values)
            store.connection.executemany(INSERT_NAME, names)

        self._write(write)
        return replace(row, number=number, fields=fields)

    def put_many(self, collection: int, rows: Sequence[tuple[int, str, str, str, Sequence[str]]]) -> None:
        """Insert new objects in one statement: each is (parent, id, status, JSON text, names).

        Raises:
            sqlite3.IntegrityError: where an id is taken.
        """
        first = self._next()
        numbered = list(enumerate(rows, first))
        objects = [(number, collection, row[0], row[1], row[2], row[3]) for number, row in numbered]
        names = [(collection, row[0], name, number) for number, row in numbered for name in row[4]]
        self.connection.executemany(ADD, objects)
        self.connection.executemany(INSERT_NAME, names)
        self.version += 1
        self.commit()

    def remove(self, row: Row) -> None:
        """Delete an object and everything in it."""

        def write(store: "Store") -> None:
            inner = "SELECT number FROM object WHERE number = :number OR (parent = :number AND parent != 0)"
            this = {"number": row.number}
            store.connection.execute(f"DELETE FROM name WHERE object IN ({inner})", this)  # noqa: S608 # its parts are written in this package; values are bound
            store.connection.execute(f"DELETE FROM object WHERE number IN ({inner})", this)  # noqa: S608 # its parts are written in this package; values are bound

        self._write(write)

    def forget(self, owner: str) -> None:
        """Delete the collections and the settings of one environment or project."""
        collections = [number for (number,) in self.connection.execute(OWN, {"owner": owner})]

        def write(store: "Store") -> None:
            for number in collections:
                store.connection.execute("DELETE FROM name WHERE collection = ?", (number,))
                store.connection.execute("DELETE FROM object WHERE collection = ?", (number,))

        self._write(write)
        self.connection.execute("DELETE FROM collection WHERE project_id = :owner", {"owner": owner})
        self.connection.execute("DELETE FROM setting WHERE substr(name, -length(:end)) = :end", {"end": f" {owner}"})
        self._collections.clear()

    def setting(self, name: str) -> Any:
        """Return a stored setting, or None. The name of a setting ends with the key of its environment or project."""
        stored = self.connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return json.loads(stored[0]) if stored else None

    def set(self, name: str, value: Any) -> None:
        """Store a setting: a JSON value."""
        self.connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))

    def repeat(self, write: Write) -> None:
        """Repeat a write of another store."""
        self.version += 1
        write(self)
        self.connection.commit()

    def copy(self) -> "Store":
        """Return a copy in memory of everything committed so far."""
        other = Store()
        self.connection.backup(other.connection)
        return other

    def commit(self) -> None:
        """Commit the writes since the last commit."""
        self.connection.commit()
        written, self._uncommitted = self._uncommitted, []
        if self.follower is not None:
            for write in written:
                self.follower(write)

    def rollback(self) -> None:
        """Discard the writes since the last commit."""
        self.connection.rollback()
        self._uncommitted.clear()
        self._collections.clear()
        self.version += 1

    def close(self) -> None:
        """Commit and close the file."""
        self.commit()
        self.connection.close()

    def _write(self, write: Write) -> None:
        self.version += 1
        write(self)
        self._uncommitted.append(write)

    def _next(self) -> int:
        cursor = self.connection.execute("SELECT coalesce(max(number), 0) + 1 FROM object")
        return int(cursor.fetchone()[0])


def text(fields: Fields) -> str:
    """Return an object as its JSON text."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)


def _row(columns: tuple[int, int, str, str, str]) -> Row:
    number, parent, id_, status, body = columns
    return Row(id_, json.loads(body), status=status, parent=parent, number=number)
