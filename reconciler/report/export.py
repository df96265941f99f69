"""The report of an export: files written, what is left out, and secrets that somebody must provide."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.report.escaping import printable
from reconciler.report.values import counted

if TYPE_CHECKING:
    from reconciler.export.gather import Exported


def exported_lines(exported: "Exported", written: Sequence[str]) -> list[str]:
    """Write what people are to know, line by line; ``written`` are the files that were not there before."""
    return [printable(line) for line in _lines(exported, written)]


def export_summary(exported: "Exported", written: Sequence[str], folder: str) -> str:
    """Write ``34 files below export, 2 of them new``."""
    there = len(exported.files) - len(written)
    return f"{counted(len(exported.files), 'file')} below {folder}" + (f", {len(written)} of them new" if there else "")


def _lines(exported: "Exported", written: Sequence[str]) -> Iterator[str]:
    yield from (f"wrote {name}" for name in written)
    yield from (
        f"left out of {each.address}: {each.field}: {each.reason}"
        if each.field
        else f"left out: {each.address}: {each.reason}"
        for each in exported.left_out
    )
    yield from (
        f"secret: {each.name}, of {each.address}, whose value Stytch does not show" for each in exported.secrets
    )
    if exported.secrets:
        yield (
            "  → set each as an environment variable, or add it to the credential store; "
            "until then the resources that need it are held"
        )
    if exported.tables:
        tables = ", ".join(f"{name}: {file}" for name, file in exported.tables.items())
        yield f"  → reconciler.yaml names tables by environment: `tables: {{{tables}}}`"
