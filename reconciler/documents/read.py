"""The files of a repository → its documents, every one with its places; what cannot be read or parsed is a problem.

``manifests/`` and ``rules/`` are read at any depth, in the order of their names. Documents end in ``.yaml`` or
``.yml``; names that begin with a dot do not count.
"""

import os
import re
import stat
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.documents import yaml_reader
from reconciler.documents.document import Document
from reconciler.model import API_VERSION, Json, Position, Problem, problem, spelled
from reconciler.suggest import show

FOLDERS: Final = ("manifests", "rules")
SUFFIXES: Final = (".yaml", ".yml")
LARGEST: Final = 8 * 1024 * 1024  # bytes of a file; people do not write more
DOTENV: Final = re.compile(r"(?i).+\.env([.~].*)?")
BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


def read_documents(
    root: Path,
    problems: list[Problem],
    others: list[str],
    ignored: Container[str] = (),
    wanted: Callable[[str, str], bool] = lambda _file, _text: True,
) -> Iterator[Document]:
    """Yield every document below ``root`` of the right version and a kind; add what is wrong to ``problems``.

    ``others`` gets the files that are no documents by their names, relative to ``root``; files and folders that are
    ``ignored`` are neither. Of the others only those are parsed whose name and text are ``wanted``.
    """
    for path, name in _Walk(root, problems, others, ignored).documents():
        file = spelled(name)
        text = read_text(path, file, problems)
        if text is not None and not text.strip("\ufeff \t\r\n"):
            hint = "write a document, or remove the file; a file that contains only a comment is allowed"
            problems.append(problem("empty-file", f"{file} is empty", hint, Position(file, 1)))
        elif text is not None and wanted(file, text):
            yield from documents_in(text, file, problems)


def documents_in(text: str, file: str, problems: list[Problem]) -> Iterator[Document]:
    """Yield the documents of one file's text; add what is wrong to ``problems``."""
    for parsed in yaml_reader.parse(text, file, problems):
        body = parsed.value
        document = Document("", "", body if isinstance(body, dict) else {}, parsed.position, parsed.positions)
        if found := _not_ours(body, document):
            problems.append(found)
            continue
        metadata = body.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        yield Document(body["kind"], name if isinstance(name, str) else "", body, parsed.position, parsed.positions)


def _not_ours(body: Json, document: Document) -> Problem | None:
    """Return why a document is none that anybody here could know, if so."""
    if not isinstance(body, dict):
        return problem(
            "not-a-map", f"a document is a map, not {show(body)}", "it begins with apiVersion", document.position
        )
    if "apiVersion" not in body:
        message = "the document has no apiVersion"
        return problem("missing-key", message, f"add apiVersion: {API_VERSION}", document.position)
    if body["apiVersion"] != API_VERSION:
        message = f"apiVersion is {show(body['apiVersion'])}; expected {API_VERSION}"
        return problem("wrong-value", message, f"write apiVersion: {API_VERSION}", document.at("apiVersion"))
    if not isinstance(body.get("kind"), str):
        return problem(
            "missing-key", "the document has no kind", "add kind: Organization, for example", document.at("kind")
        )
    return None


def read_text(path: Path, file: str, problems: list[Problem]) -> str | None:
    """Return the text of a file that people write; None, and why, if it is too large, not a plain file or not UTF-8."""
    text = _text_or_problem(path, file)
    if isinstance(text, Problem):
        problems.append(text)
        return None
    return text


def _text_or_problem(path: Path, file: str) -> str | Problem:
    start = Position(file, 1)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return problem("not-a-file", f"{file} is not a plain file", "remove it", start)
        if status.st_size > LARGEST:
            size = f"{status.st_size / 1024 / 1024:,.0f} MiB"
            message = f"{file} is {size} large; the limit is {LARGEST // 1024 // 1024} MiB"
            return problem("too-large", message, "split it, or make an OrganizationSet over a table", start)
        content = path.read_bytes()
    except OSError as error:
        return problem("unreadable-file", f"{file} cannot be read: {error.strerror}", "", start)
    if content.startswith(BYTE_ORDER_MARKS):
        return problem("encoding", f"{file} is UTF-16, not UTF-8", "save it as UTF-8", start)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = len(content[content.rfind(b"\n", 0, error.start) + 1 : error.start].decode()) + 1
        message = f"the byte 0x{content[error.start]:02X} is not UTF-8"
        return problem("encoding", message, "save the file as UTF-8", Position(file, line, column))


def resolved(path: Path) -> Path | None:
    """Return where a path leads, whether or not anything is there; None if it leads nowhere."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None


def closed(parts: Sequence[str]) -> str:
    """Return why nothing that people wrote stands at a path of the repository, by its names alone; "" if it may."""
    if any(part.startswith(".") and part not in (".", "..") for part in parts):
        return "its path has a name that begins with a dot"
    return "it is a file of environment variables" if parts and DOTENV.fullmatch(parts[-1]) else ""


class _Walk(Struct):
    """The files below ``manifests/`` and ``rules/``, in the order of their names."""

    root: Path
    problems: list[Problem]
    others: list[str]
    ignored: Container[str]

    def documents(self) -> Iterator[tuple[Path, str]]:
        """Yield every file that is a document by its name, and its path from the root."""
        present = [self.root / name for name in FOLDERS if os.path.lexists(self.root / name)]
        if not present:
            message = f"there is neither {FOLDERS[0]}/ nor {FOLDERS[1]}/ here, so nothing is declared"
            hint = "use -C DIR to name the repository's root; `reconciler init` makes a repository to start from"
            self.problems.append(problem("no-manifests", message, hint))
        self.problems.extend(self._misspelt())
        for folder in present:
            yield from self._below(folder, folder.name)

    def _misspelt(self) -> Iterator[Problem]:
        """Yield an error for each folder that looks as if it held documents, and is not read."""
        for path in sorted(self.root.iterdir()):
            meant = next((name for name in FOLDERS if path.name.lower() in (name, name.removesuffix("s"))), None)
            if meant is None or path.name == meant or not path.is_dir() or path.name in self.ignored:
                continue
            right = self.root / meant
            if not (right.exists() and path.samefile(right)):  # a file system that ignores case
                message = f"the folder {path.name} is not read"
                yield problem("unread-file", message, f"did you mean {meant}?", Position(path.name, 1))

    def _below(self, folder: Path, name: str) -> Iterator[tuple[Path, str]]:
        at = Position(name, 1)
        if folder.is_symlink() or not folder.is_dir():
            what = "a symbolic link" if folder.is_symlink() else "not a folder"
            hint = "put the files themselves into the repository"
            self.problems.append(problem("not-followed", f"{at.file} is {what}, which is not followed", hint, at))
            return
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self.problems.append(problem("unreadable-file", f"{at.file} cannot be read: {error.strerror}", "", at))
            return
        for entry in entries:
            path, file = folder / entry.name, f"{name}/{entry.name}"
            if entry.name.startswith(".") or file in self.ignored:
                continue
            if _is_folder(entry):
                yield from self._below(path, file)
            elif not entry.name.endswith(SUFFIXES):
                self.others.append(file)
            elif wrong := _why_not_followed(path, file, self.root) if entry.is_symlink() else None:
                self.problems.append(wrong)
            else:
                yield path, file


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _why_not_followed(link: Path, file: str, root: Path) -> Problem | None:
    """Return why a symbolic link is not followed; None if it leads to a file of the repository."""
    at, itself = Position(file, 1), "put the file itself into the repository"
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return problem("dead-link", f"{file} is a symbolic link whose target does not exist", "remove it", at)
    if not target.is_relative_to(root.resolve()):
        return problem("outside", f"{file} is a symbolic link that leads out of the repository", itself, at)
    if why := closed(target.relative_to(root.resolve()).parts):
        message = f"{file} is a symbolic link that is not followed: {why}"
        return problem("not-followed", message, "put the file itself here", at)
    return None
