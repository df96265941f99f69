"""Files that commands write besides what they print: never one that a run reads, and for their owner alone."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from reconciler.config.read import FILE, Config
from reconciler.errors import InvalidInput
from reconciler.files import FOLDER, write_whole
from reconciler.load.examine import examine
from reconciler.schema.validate import strings_in

WRITTEN_BY_PEOPLE: Final = ("manifests", "rules")
_OURS: Final = ("journal-", "credentials-", "emergency-", "lock-")  # how the names of our own files begin
_READ: Final = ("users", "tables", "credentials")  # settings of an environment that name files


def check_output(config: Config, output: Path) -> None:
    """Raise ``InvalidInput`` where ``output`` is an input, by whatever name or link."""
    where = output.resolve()
    folder = next((name for name in WRITTEN_BY_PEOPLE if where.is_relative_to((config.root / name).resolve())), None)
    if folder:
        raise _refused(output, f"is in {folder}/, where every file is an input")
    if where.parent == (config.root / FOLDER).resolve() and where.name.startswith(_OURS):
        raise _refused(output, f"has the name of a file that the reconciler keeps in {FOLDER}/")
    if not output.exists():
        return
    check_apart(output, ((name, config.root / path) for name, path in _inputs(config)))
    if where.is_relative_to(config.root.resolve()):
        texts = ((f"the text of a manifest, {text}", config.root / text) for text in examine(config).files)
        check_apart(output, texts)


def check_page(config: Config, html: Path | None, *, mask: bool, beside: Iterable[Path] = ()) -> None:
    """Raise ``InvalidInput`` where the page may not be written to ``html``, or would take the place of ``beside``."""
    if html is None:
        if mask:
            raise InvalidInput("--mask is given, but no page is written", hint="name it with --html FILE")
        return
    check_output(config, html)
    check_apart(html, (("the plan file", path) for path in beside))


def write_privately(path: Path, content: Iterable[bytes], option: str = "-o") -> None:
    """Write a file that names people: readable by its owner alone."""
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} is not a plain file", hint=f"name another file with {option}")
    try:
        write_whole(path.resolve(), content)
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}", hint=f"name another file with {option}") from error


def write_page(path: Path, content: Iterable[bytes]) -> None:
    """Write the page."""
    write_privately(path, content, "--html")


def check_apart(output: Path, inputs: Iterable[tuple[str, Path]]) -> None:
    """Raise ``InvalidInput`` where ``output`` is one of ``inputs``, which come with what they are."""
    for what, path in inputs:
        if _is(output, path):
            raise _refused(output, f"is {what}")


def _inputs(config: Config) -> Iterator[tuple[str, Path | str]]:
    """Yield every file that a run reads for some environment, and what it is."""
    yield FILE, FILE
    if config.users and config.users.file:
        yield "the users", config.users.file
    yield from ((f"the table {name}", rows.file) for name, rows in config.tables.items())
    environments = config.document.body["environments"] if config.document else {}
    for name, settings in environments.items():
        for key in _READ:
            for _path, text in strings_in((settings or {}).get(key)):
                yield f"what environments.{name}.{key} names", text
    for prefix in _OURS:  # by a link
        yield from (("a file of the reconciler itself", path) for path in (config.root / FOLDER).glob(f"{prefix}*"))


def _is(output: Path, path: Path) -> bool:
    """Return whether two names lead to one file, or will once it is there."""
    try:
        return output.samefile(path)
    except (OSError, ValueError):
        return not output.exists() and output.resolve() == path.resolve()


def _refused(output: Path, what: str) -> InvalidInput:
    return InvalidInput(f"{output} {what}: nothing was written there", hint="name another file to write")
