"""``reconciler init``: a repository to start from."""

import os
import shlex
from pathlib import Path
from typing import Any

import click

from reconciler.commands.export import EXPORT_OPTIONS, export_into
from reconciler.commands.options import Asked, command, invoked_as
from reconciler.errors import InvalidInput
from reconciler.report.formats import show_lines
from reconciler.report.view import styled


@command(
    click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False)),
    click.option("--from-live", is_flag=True, help="Declare the live state of the project that the credentials open."),
    click.option("--from-consumer", is_flag=True, help="Declare a B2B project that replaces a Consumer project."),
    click.option(
        "--project", default="", metavar="SLUG", help="With --from-live or --from-consumer: the B2B project's slug."
    ),
    click.option(
        "--environments",
        multiple=True,
        metavar="SLUG",
        help="With --from-live or --from-consumer: read only this environment.",
    ),
    click.option(
        "--ci", type=click.Choice(("github",)), help="Also write workflows that plan, apply and look for drift."
    ),
    click.option("--action", default="", metavar="OWNER/REPO@SHA", help="With --ci: the action, by its whole commit."),
    click.option("--branch", default="main", metavar="NAME", help="With --ci: the default branch."),
    click.option("--comment", is_flag=True, help="With --ci: also a workflow that comments for forks and bots."),
    *EXPORT_OPTIONS,
)
def init(
    asked: Asked,
    directory: Path | None,
    *,
    from_live: bool,
    from_consumer: bool,
    project: str,
    environments: tuple[str, ...],
    **form: Any,
) -> int:
    """Write the files and print what was written."""
    ci = {name: form.pop(name) for name in ("ci", "action", "branch", "comment")}
    root = directory or asked.root
    if not ci["ci"] and (ci["action"] or ci["comment"] or ci["branch"] != "main"):
        raise InvalidInput("--action, --branch and --comment need --ci", hint="add --ci github")
    if ci["ci"] and (from_live or from_consumer):
        raise InvalidInput(
            "--ci is given with --from-live or --from-consumer",
            hint="run `init --ci github` afterwards, in that folder",
        )
    if from_live and from_consumer:
        raise InvalidInput("--from-live and --from-consumer exclude each other", hint="give only one of them")
    if not from_live and any(value != "manifests" for value in form.values() if value):
        raise InvalidInput("--organizations, --members and --adopt need --from-live", hint="add it")
    if from_live:
        from reconciler.config.read import Config
        from reconciler.config.schema import Target
        from reconciler.export.from_live import repository

        target = Target(project=project or None, environment=next(iter(environments), None))
        config = Config(root=root, environment=asked.environment or "", environments=(), target=target)
        return export_into(asked, config, root, repository, **form)
    if from_consumer:
        from reconciler.migration.repository import init_from_consumer

        written = init_from_consumer(root, os.environ, project, environments)
    elif ci["ci"]:
        return _with_workflows(root, **ci)
    else:
        from reconciler.export.starter import scaffold

        written = scaffold(root)
    wrote = [f"wrote {path}" for path in written or ("nothing: every file already exists with this content",)]
    read_first = f"read {root / 'MIGRATION.md'}, then run " if from_consumer else ""
    there = "" if root.resolve() == Path.cwd() else f" -C {shlex.quote(str(root))}"
    show_lines(styled(line, "title") for line in [*wrote, f"Next: {read_first}{invoked_as()}{there} validate"])
    return 0


def _with_workflows(root: Path, *, ci: str, action: str, branch: str, comment: bool) -> int:  # noqa: ARG001 # one so far
    """Write the workflows for a repository, and before them what it begins with, if it is new."""
    from reconciler.export.ci_github import action_or_default, write_workflows
    from reconciler.export.starter import scaffold

    used = action_or_default(action)
    begun = () if (root / "reconciler.yaml").exists() else scaffold(root)
    made = write_workflows(root.resolve(), used, branch, with_comment=comment)
    written = (*begun, *made.files) or ("nothing: every file already exists",)
    steps = (f"{number}. {step}" for number, step in enumerate(made.steps, 1))
    show_lines(
        [*(styled(f"wrote {path}", "title") for path in written), "", styled("Left to do by hand:", "title"), *steps]
    )
    return 0
