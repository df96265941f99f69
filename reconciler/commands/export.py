"""``reconciler export``: manifests of what is live."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.commands.options import Asked, client_for, command
from reconciler.model import FORMAT_VERSION
from reconciler.report.formats import show
from reconciler.report.view import Line, Listing, Report, styled

if TYPE_CHECKING:
    from reconciler.config.read import Config
    from reconciler.export.gather import Exported, ExportRequest
    from reconciler.read.run import Run

    Make = Callable[[Run, ExportRequest], Exported]

# In what form live state becomes manifests, and how much of it.
EXPORT_OPTIONS = (
    click.option(
        "--organizations",
        type=click.Choice(("manifests", "table")),
        default="manifests",
        help="Write one manifest per organization, or one OrganizationSet and its table.",
    ),
    click.option("--members", is_flag=True, help="Also export members that no rule matches."),
    click.option("--adopt", is_flag=True, help="Declare organizations without a mark as this repository's."),
)


@command(
    click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False)),
    click.option("--unmanaged", is_flag=True, help="Also export what no manifest of this repository declares."),
    *EXPORT_OPTIONS,
)
def export(asked: Asked, directory: Path | None, *, unmanaged: bool, **form: Any) -> int:
    """Write the manifests and print what was written, and what was left out."""
    from reconciler.export.gather import export as made

    config = asked.config()
    return export_into(asked, config, directory or config.root / "export", made, unmanaged=unmanaged, **form)


def export_into(asked: Asked, config: "Config", root: Path, made: "Make", *, organizations: str, **wanted: bool) -> int:
    """Read, then write into a folder that holds nothing else."""
    from reconciler.export.files import check_nothing_else, write_files
    from reconciler.export.gather import ExportRequest
    from reconciler.read.run import open_run
    from reconciler.report.progress import reading

    with client_for(config) as client, reading(asked.format, client):
        asked_for = ExportRequest(only=asked.only, table=organizations == "table", **wanted)
        exported = made(open_run(config, client), asked_for)
    check_nothing_else(root, exported.files)
    show(export_report(exported, write_files(root, exported.files), str(root)), asked.format)
    return 0


def export_report(exported: "Exported", written: Sequence[str], folder: str) -> Report:
    """Report what an export wrote, and what it did not; ``written`` are the files that were not there before."""
    from reconciler.report.values import counted

    there = len(exported.files) - len(written)
    summary = f"{counted(len(exported.files), 'file')} below {folder}" + (
        f", {len(written)} of them new" if there else ""
    )
    secrets = [{"name": each.name, "address": each.address} for each in exported.secrets]
    data = {"files": sorted(exported.files), "written": written, "left_out": exported.left_out, "secrets": secrets}
    return Report(
        lambda: {"format_version": FORMAT_VERSION, **data},
        lambda: [Listing(tuple(_lines(exported, written)), summary)],
    )


def _lines(exported: "Exported", written: Sequence[str]) -> Iterator[Line]:
    yield from (styled(f"wrote {name}", "title") for name in written)
    for left in exported.left_out:
        of_what = f"left out of {left.address}: {left.field}" if left.field else f"left out: {left.address}"
        yield styled(f"{of_what}: {left.reason}", "title")
    for secret in exported.secrets:
        yield styled(f"secret: {secret.name}, of {secret.address}, whose value Stytch does not show", "title")
    if exported.secrets:
        yield styled(
            "  → set each as an environment variable, or add it to the credential store; "
            "until then the resources that need it are held",
            "hint",
        )
    if exported.tables:
        tables = ", ".join(f"{name}: {file}" for name, file in exported.tables.items())
        yield styled(f"  → reconciler.yaml names tables by environment: `tables: {{{tables}}}`", "hint")
