"""``{file: path}`` in a manifest → the text of that file, which must be in the repository and must not be a secret."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from reconciler.documents.positions import place_of
from reconciler.documents.read import closed, read_text
from reconciler.expressions.template import OPEN
from reconciler.model import Json, Position, Problem, Spec, problem
from reconciler.model import Path as Keys
from reconciler.schema.kind import Kind
from reconciler.schema.types import universal

UNREAD: Final = object()
# What gives itself away as a secret, or as a file of ours that names people, wherever it lies.
_SECRET: Final = re.compile(
    r"""(?mx)
    # a value that looks like one, so that a text may be about the variable; public tokens are no secret
    ^\s* (?:export\s+)? STYTCH_\w*(?:SECRET|KEY|TOKEN)\w* \s*=\s* ["']? (?!public-token-)(?=[^\s"']*\d)\w[\w+/=.-]{7,}
    | \bsecret-(?:test|live)-[\w-]{30,}
    """
)
_PRIVATE_KEY: Final = re.compile("-----BEGIN [A-Z ]*PRIVATE KEY-----")
_OURS: Final = (
    frozenset({"format_version", "digest", "changes"}),
    frozenset({"environment", "name", "id", "value", "why"}),
)
_EVENT: Final = frozenset({"at", "event", "address"})


class Texts(Struct, frozen=True):
    """Where texts are read from: below ``root``, and from none of the files that are ``closed``."""

    root: Path
    closed: frozenset[Path] = frozenset()


def with_texts(
    kind: Kind, part: str, spec: Spec, texts: Texts, at: Callable[[Keys], Position], problems: list[Problem]
) -> Spec:
    """Put the texts of files in the place of their names; what cannot be read is left out, and is a problem."""

    def read(file: str, path: Keys) -> str | None:
        return _text(texts, file, at((*path, "file")), problems)

    found = {name: _read_in(value, (part, name), read) if name in kind.texts else value for name, value in spec.items()}
    return {name: value for name, value in found.items() if value is not UNREAD}


def _read_in(value: Json, path: Keys, read: Callable[[str, Keys], str | None]) -> Json:
    """Return a value with every ``{file: path}`` in it read."""
    if isinstance(value, list):
        items = [_read_in(item, (*path, str(index)), read) for index, item in enumerate(value)]
        return UNREAD if UNREAD in items else items  # a shorter list would have its items at other places
    if not isinstance(value, dict):
        return value
    if value.keys() == {"file"}:
        text = read(value["file"], path)
        return UNREAD if text is None else text
    inside = {key: _read_in(inner, (*path, key), read) for key, inner in value.items()}
    return {key: inner for key, inner in inside.items() if inner is not UNREAD}


def _text(texts: Texts, file: str, at: Position, problems: list[Problem]) -> str | None:
    """Read a text without its last newline."""
    root = texts.root
    try:
        path = (root / file).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        hint = "paths are relative to the repository's root"
        problems.append(problem("unreadable-file", f"there is no file {file}", hint, at))
        return None
    if not path.is_relative_to(root.resolve()):
        message = f"{file} leads out of the repository"
        problems.append(problem("outside", message, "put the file itself into the repository", at))
        return None
    if why := _closed(texts, file, path):
        problems.append(_no_text(file, why, at))
        return None
    text = read_text(path, file, problems)
    if text is None:
        return None
    text = universal(text.removeprefix("\ufeff")).removesuffix("\n")
    if why := _gives_itself_away(text):
        problems.append(_no_text(file, why, at))
        return None
    if (offset := text.find(OPEN)) >= 0:
        message = f"expressions are not computed in the text of a file: {OPEN} is sent literally"
        hint = "write the text into the manifest if an expression should be computed in it"
        where = place_of(file, text, offset)
        problems.append(problem("expression-not-computed", message, hint, where, at, severity="warning"))
    return text


def _closed(texts: Texts, file: str, path: Path) -> str:
    """Return why a file is not read, by where it lies; "" if it may be. ``path`` is where ``file`` leads."""
    for parts in (Path(file).parts, path.relative_to(texts.root.resolve()).parts):
        if why := closed(parts):
            return why
    return "reconciler.yaml uses it for something else" if path in texts.closed else ""


def _gives_itself_away(text: str) -> str:
    """Return why a text is not sent, by what it is; "" if it may be."""
    if _PRIVATE_KEY.search(text):
        return "it contains a private key"
    if _SECRET.search(text):
        return "it contains a secret"
    first = text.lstrip().partition("\n")[0]
    for whole in (text, first) if first.startswith("{") else ():
        try:
            keys = msgspec.json.decode(whole, type=dict[str, msgspec.Raw]).keys()
        except (msgspec.DecodeError, RecursionError):
            continue
        if any(ours <= keys for ours in _OURS) or (keys >= _EVENT and whole == first):
            return "the reconciler wrote it: a plan, a journal or a credential"
    return ""


def _no_text(file: str, why: str, at: Position) -> Problem:
    hint = "write a secret as {secret: NAME}; put a text into its own file"
    return problem("not-a-text", f"{file} is not read as a text: {why}", hint, at)
