"""A snapshot's file → a run that plans from it: the configuration, a client and a store, all without a credential."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

import msgspec
from msgspec import structs

from reconciler.config.read import Config, RowsSource
from reconciler.errors import ODD, InvalidInput, place_of
from reconciler.expressions.redaction import Redaction
from reconciler.read.run import Run
from reconciler.snapshot.client import SnapshotClient
from reconciler.snapshot.file import OpenSnapshot, opened, refuse
from reconciler.snapshot.store import SnapshotStore

MOST_BLANK: Final = 10_000  # lines between two rows


@contextmanager
def run_from(path: Path, config: Config) -> Iterator[tuple[Run, OpenSnapshot]]:
    """Open a snapshot as a run of a configuration; raises ``InvalidInput`` where it is none, or of another environment.

    Tables that lie in the repository are read from there, as the branch has them; others from the snapshot. It may hold
    what no reader of Stytch lets through: what goes wrong with that is ``InvalidInput`` too.
    """
    with opened(path) as snapshot, TemporaryDirectory(prefix="reconciler-") as folder:
        head = snapshot.head
        if head.environment != config.environment:
            message = f"{path} is a snapshot of environment {head.environment}, this is {config.environment}"
            raise InvalidInput(message, hint="name that environment with -e, or another snapshot")
        kept = {
            name: table
            for name, table in head.tables.items()
            if name in config.tables and not (table.of_repository and config.tables[name].file.is_file())
        }
        files = {name: Path(folder) / f"{number}.jsonl" for number, name in enumerate(kept)}
        _write_tables(snapshot, files)
        tables = {**config.tables}
        for name, table in kept.items():
            tables[name] = RowsSource(files[name], table.shown)
        redaction = Redaction(
            salt=head.salt,
            users=frozenset(head.users or ()),
            columns={name: frozenset(table.columns) for name, table in kept.items()},
        )
        run = Run(
            config=structs.replace(config, tables=tables),
            client=SnapshotClient(snapshot),
            store=SnapshotStore(head.credentials),
            redaction=redaction,
        )
        try:
            yield run, snapshot
        except ODD as error:
            again = "take it again; if that does not help, this is a mistake of the reconciler: report it"
            refuse(str(path), f"it holds values that Stytch never answers with ({place_of(error)})", again)


def _write_tables(snapshot: OpenSnapshot, files: Mapping[str, Path]) -> None:
    """Write tables as JSON lines, each row on the line on which it stands in the file that it was read from."""
    with ExitStack() as stack:
        open_files: dict[str, IO[bytes]] = {name: stack.enter_context(path.open("wb")) for name, path in files.items()}
        lines = dict.fromkeys(files, 1)
        for row in snapshot.rows() if files else ():
            if row.table in open_files:
                blank = min(max(0, row.line - lines[row.table]), MOST_BLANK)
                open_files[row.table].write(b"\n" * blank + msgspec.json.encode(row.cells) + b"\n")
                lines[row.table] += blank + 1
