"""Files in ``manifests/`` and ``rules/`` that are not documents: each is named as a text, ignored, or an error.

``{file: path}`` in a manifest stands for the text of that file, which must be in the repository and must not be a
secret. An unread file would look like resources that are not declared, and names are easily mistyped:
``members.yaml.txt``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from reconciler.config.read import Config
from reconciler.documents.document import place_of
from reconciler.documents.read import closed, read_text, resolved
from reconciler.expressions.template import OPEN
from reconciler.kinds import KINDS
from reconciler.model import ORGANIZATION, Json, Position, Problem, problem
from reconciler.schema.traits import texts_under
from reconciler.schema.types import universal

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
ABOUT_FILES: Final = re.compile(r"(?i)readme(\.(?!ya?ml|json)[a-z-]+)*|codeowners")  # for people, or for git
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


class Texts(Struct, frozen=True):
    """Where texts are read from: below ``root``, and from none of the files that are ``closed``."""

    root: Path
    closed: frozenset[Path] = frozenset()

    @classmethod
    def of(cls, config: Config) -> "Texts":
        """Return where texts are read from: not from what the configuration names, such as users and credentials."""
        named = (resolved(config.root / name) for name in config.files_named())
        return cls(config.root, frozenset(path for path in named if path is not None))

    def read(self, file: str, at: Position, problems: list[Problem]) -> str | None:
        """Return the text of a file without its last newline; None, and why, if it is not read."""
        try:
            path = (self.root / file).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            hint = "paths are relative to the repository's root"
            problems.append(problem("unreadable-file", f"there is no file {file}", hint, at))
            return None
        if not path.is_relative_to(self.root.resolve()):
            hint = "put the file itself into the repository"
            problems.append(problem("outside", f"{file} leads out of the repository", hint, at))
            return None
        why = self._closed(file, path)
        text = None if why else read_text(path, file, problems)
        if text is not None:
            text = universal(text.removeprefix("\ufeff")).removesuffix("\n")
            why = _gives_itself_away(text)
        if why:
            hint = "write a secret as {secret: NAME}; put a text into its own file"
            problems.append(problem("not-a-text", f"{file} is not read as a text: {why}", hint, at))
            return None
        if text and (offset := text.find(OPEN)) >= 0:
            message = f"expressions are not computed in the text of a file: {OPEN} is sent literally"
            hint = "write the text into the manifest if an expression should be computed in it"
            places = place_of(file, text, offset), at
            problems.append(problem("expression-not-computed", message, hint, *places, severity="warning"))
        return text

    def _closed(self, file: str, path: Path) -> str:
        """Return why a file is not read, by where it lies; "" if it may be. ``path`` is where ``file`` leads."""
        for parts in (Path(file).parts, path.relative_to(self.root.resolve()).parts):
            if why := closed(parts):
                return why
        return "reconciler.yaml uses it for something else" if path in self.closed else ""


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


def files_named(kind: str, body: Mapping[str, Json]) -> Iterator[str]:
    """Yield every ``{file: path}`` of a document, whether or not the rest of it is right."""
    spec = body.get("spec")
    if kind == "OrganizationSet" and isinstance(spec, dict):
        overrides = spec.get("overrides")
        every = [spec.get("template"), *(overrides.values() if isinstance(overrides, dict) else ())]
        yield from (file for each in every if isinstance(each, dict) for file in files_named(ORGANIZATION, each))
    texts = KINDS[kind].texts if kind in KINDS else frozenset()
    for part in ("spec", "initial"):
        fields: Json = body.get(part)
        if isinstance(fields, dict):
            for name in texts & fields.keys():
                yield from (file for _path, file in texts_under("file", fields[name]))


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
