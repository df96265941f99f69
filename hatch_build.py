"""What a build adds to the package: the commit that it is of."""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface[Any]):
    """Fills in ``reconciler/commit.txt`` in a wheel or an sdist, where git knows and has not done so itself."""

    PLUGIN_NAME = "commit"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, but for an editable install, which asks git each time."""
        if version == "editable":
            return
        file = Path(self.root, "reconciler", "commit.txt")
        commit = _head(Path(self.root)) if file.read_text(encoding="utf-8").startswith("$Format") else ""
        if commit:
            file = Path(self.directory, "commit.txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{commit}\n", encoding="utf-8")
        build_data["force_include"][str(file)] = "reconciler/commit.txt"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made on the way."""
        del version, build_data, artifact_path
        Path(self.directory, "commit.txt").unlink(missing_ok=True)


def _head(root: Path) -> str:
    """Return the commit that is checked out in ``root``, "" where that is no checkout of ours, or there is no git."""

    def git(*arguments: str) -> str:
        command = ("git", "-C", str(root), *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # all of it is ours
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        return git("rev-parse", "HEAD") if git("ls-tree", "--name-only", "HEAD", "reconciler/commit.txt") else ""
    except FileNotFoundError:
        return ""
