"""Files in ``manifests/`` and ``rules/`` that are not documents: each is referred to, ignored, or an error.

An unread file would look like resources that are not declared, and names are easily mistyped: ``members.yaml.txt``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from reconciler.expressions.template import OPEN
from reconciler.kinds import KINDS
from reconciler.model import Json, Position, Problem, problem

ABOUT_FILES: Final = re.compile(r"(?i)readme(\.(?!ya?ml|json)[a-z-]+)*|codeowners")  # for people, or for git
_TEXTS: Final = "Organization"  # the kind that a set makes
_GLOB: Final = re.compile(r"\*\*/|\*\*|\*|\?")
_AS_REGEX: Final = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_EXPRESSION: Final = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_IGNORE: Final = "list it under ignore in reconciler.yaml"
_DOCUMENT: Final = re.compile(r"(?i)\.ya?ml\b")
_HINTS: Final = (
    (re.compile(r"(?i)\.ya?ml$"), "write its suffix in lower case: .yaml"),
    (re.compile(r"(?i)\.ya?ml\b"), f"remove the part after .yaml, or {_IGNORE}"),
    (re.compile(r"(?i)\.json$"), f"write it as YAML, in a file that ends in .yaml, or {_IGNORE}"),
)


class Ignored(Struct):
    """The globs of ``ignore``, and which of them matched anything so far."""

    patterns: Mapping[str, re.Pattern[str]]
    used: set[str] = field(default_factory=set)

    def __contains__(self, path: object) -> bool:
        """Return whether a file or folder is left out; ``path`` is relative to the repository's root."""
        hits = {glob for glob, pattern in self.patterns.items() if pattern.fullmatch(str(path))}
        self.used |= hits
        return bool(hits)

    @property
    def unused(self) -> Iterator[str]:
        """Yield the globs that matched nothing."""
        yield from (glob for glob in self.patterns if glob not in self.used)


def ignored_by(globs: Sequence[str]) -> Ignored:
    """Compile globs: ``*`` and ``?`` stop at ``/``, ``**`` does not; one without ``/`` matches names at any depth."""
    return Ignored({glob: _compiled(glob) for glob in globs})


def _compiled(glob: str) -> re.Pattern[str]:
    text = glob.removeprefix("./").strip("/")
    text = text if "/" in text or text == "**" else f"**/{text}"
    parts, after = [], 0
    for sign in _GLOB.finditer(text):
        parts += [re.escape(text[after : sign.start()]), _AS_REGEX[sign[0]]]
        after = sign.end()
    return re.compile("".join([*parts, re.escape(text[after:])]), re.DOTALL)


def files_named(kind: str, body: Mapping[str, Json]) -> Iterator[str]:
    """Yield every ``{file: path}`` of a document, whether or not the rest of it is right."""
    spec = body.get("spec")
    if kind == "OrganizationSet" and isinstance(spec, dict):
        overrides = spec.get("overrides")
        every = [spec.get("template"), *(overrides.values() if isinstance(overrides, dict) else ())]
        yield from (file for each in every if isinstance(each, dict) for file in files_named(_TEXTS, each))
    texts = KINDS[kind].texts if kind in KINDS else frozenset()
    for part in ("spec", "initial"):
        fields: Json = body.get(part)
        if isinstance(fields, dict):
            for name in texts & fields.keys():
                yield from _files_in(fields[name])


def _files_in(value: Json) -> Iterator[str]:
    if isinstance(value, dict) and value.keys() == {"file"} and isinstance(value["file"], str):
        yield value["file"]
        return
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _files_in(each)


def unread_files(others: Iterable[str], root: Path, named: Iterable[str | Path]) -> Iterator[Problem]:
    """Yield an error for each of ``others``, relative to ``root``, that none of ``named`` is.

    A name with an expression in it may be any that it can give, but none of what looks like a document.
    """
    others = [other for other in others if not ABOUT_FILES.fullmatch(Path(other).name)]
    if not others:
        return
    names = set(named)
    globs = [_anything_like(name) for name in names if isinstance(name, str) and OPEN in name]
    known = {resolved(root / name) for name in names}
    for other in others:
        meant_as_text = not _DOCUMENT.search(Path(other).name) and any(glob.fullmatch(other) for glob in globs)
        if meant_as_text or resolved(root / other) in known:
            continue
        hint = next(
            (hint for suffix, hint in _HINTS if suffix.search(Path(other).name)), f"move it elsewhere, or {_IGNORE}"
        )
        message = f"{other} is not read: documents are files that end in .yaml or .yml"
        yield problem("unread-file", message, hint, Position(other, 1))


def _anything_like(name: str) -> re.Pattern[str]:
    pieces = _EXPRESSION.split(name)
    return re.compile(".+".join(map(re.escape, pieces)) if any(pieces) else "(?!)", re.DOTALL)


def resolved(path: Path) -> Path | None:
    """Return where a path leads, whether or not anything is there; None if it leads nowhere."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None


def strings_below(value: Json) -> Iterator[str]:
    """Yield every string in a value; keys aside."""
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from strings_below(each)
