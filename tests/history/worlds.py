"""Repositories of git for tests: a bare remote, and clones of it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.repositories import OWNED, write

WHO = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{role}_{what}": "ann@acme.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(folder: Path, *arguments: str) -> str:
    """Run git as a person does."""
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, env={**os.environ, **WHO}, capture_output=True, check=True)
    return done.stdout.decode().removesuffix("\n")


def commit(folder: Path, files: Mapping[str, str], message: str = "change") -> str:
    """Write files, commit everything, and return the revision."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def push(folder: Path, *options: str) -> None:
    git(folder, "push", "--quiet", *options, "origin", "HEAD:main")


def remote_in(folder: Path) -> Path:
    """Make a bare repository."""
    bare = folder / "remote.git"
    bare.mkdir()
    git(bare, "init", "--quiet", "--bare", "--initial-branch=main")
    return bare


def cloned(bare: Path, into: Path, *options: str) -> Path:
    """Clone as runners do: over a protocol that can be shallow."""
    git(bare.parent, "clone", "--quiet", *options, f"file://{bare}", str(into))
    return into


def begun(folder: Path, prefix: str = "", configuration: str = OWNED) -> Path:
    """Return a clone with one commit, which the remote has."""
    clone = cloned(remote_in(folder), folder / "clone")
    write(clone / prefix, {"reconciler.yaml": configuration, "manifests/acme.yaml": manifest("acme")})
    git(clone, "checkout", "--quiet", "-b", "main")
    commit(clone, {}, "begin")
    push(clone)
    return clone


def manifest(slug: str, name: str = "") -> str:
    return (
        "apiVersion: reconciler/v1\nkind: Organization\n"
        f"metadata: {{name: {slug}}}\nspec: {{organization_name: {name or slug.title()}}}\n"
    )
