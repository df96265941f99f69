"""How values and counts are written for people: printable, never longer than it is worth, differences visible.

Texts may differ in what nobody sees: a letter of another alphabet that looks the same, an accent that is a character
of its own, a blank at the end of a line. Long texts differ in a few of many lines.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from itertools import takewhile
from typing import Final

import msgspec
from msgspec import UNSET

from reconciler.model import Cause, FieldChange, Json
from reconciler.report.escaping import printable
from reconciler.report.view import Lines, Style, styled

_CONTEXT = 20  # characters shown before the first difference of two long values
_LONGEST: Final = 160  # characters of one value, or line; a plan file holds all of it
_MOST_LINES: Final = 5_000  # that are compared
_OF_SIGNS: Final[dict[str, Style]] = {"+": "added", "-": "removed"}
_SHOWN: Final = 60  # lines of a difference
_FEW_LINES: Final = 2  # that are as well shown on one
_AROUND: Final = 2  # lines that are the same, shown around one that is not
_PIECE: Final = re.compile(r".+?(?:[>;,.}]\s*|$)")  # where a line that is too long may be broken
_BLANKS: Final = re.compile(r"\s+")
_UNSEEN_BLANKS: Final = re.compile(r"^ +| +$|(?<= ) +| +(?= )")
_LETTERS: Final = r"[\w\u0300-\u036f]+"
_WORD: Final = re.compile(rf"{_LETTERS}(?:[^\w\s\"'<>\[\]{{}},;]+{_LETTERS})*")  # with the signs in a name or a URL
_BEGUN: Final = re.compile(  # what may be the beginning of an address
    r'(?:"[^"\n]*"?|[^\s"@<>()\[\],;:\\]+)(?:@[^\s"]{0,2})?$'
)
_REST_OF_ADDRESS: Final = re.compile(r'(?:[^\s"@<>()\[\],;:\\]*|[^"\n]*")(?:@|%40)')
_COMPARED: Final = 10_000  # characters from the first difference on, of which one line shows the first
_COMMON: Final = 0x17F  # the last Latin letter that European languages use
_DOTLESS_I: Final = "\u0131"
# Alphabets in which whole languages are written: a word of one is no imitation of a word of another, unless each of its
# letters is one that looks the same.
_OF_LANGUAGES: Final = frozenset(
    {*("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "THAI", "HANGUL", "HIRAGANA", "KATAKANA", "CJK")}
)
_SAME_LOOK: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u051b\u051d\u04cf\u043a"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u04c0"
    "\u03bf\u03bd\u03b1\u03c1\u03b9\u03ba\u03c5\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u30ed\u30a8\u30cb\u30cf\u30ab\u30bf\u30c8",
    "aeopcyxijsdhqwlkABEKMHOPCTYXIJSlovapikuABEZHIKMNOPTYX\u53e3\u5de5\u4e8c\u516b\u529b\u5915\u535c",
)


def shown(value: Json) -> str:
    """Return a JSON value on one line, cut where it grows too long."""
    return _cut(_on_one_line(value))


def change_lines(change: FieldChange) -> Lines:
    """Return ``path: before → after``, or ``path: value`` where only one of them is there; long texts as a diff."""
    if differs := difference(change.before, change.after):
        return (f"{path(change)}:", *differs)
    return (f"{path(change)}: {_pair(change, '{} → {}')}",)


def drift_lines(change: FieldChange) -> Lines:
    """Return ``path: declared …, live …``: what git says, then what was found; long texts as a diff."""
    if differs := difference(change.after, change.before):
        return (f"{path(change)}: declared (-), live (+):", *differs)
    before, after = texts(change)
    return (f"{path(change)}: declared {after or 'absent'}, live {before or 'absent'}",)


def path(change: FieldChange) -> str:
    """Return a field's path with dots."""
    return printable(".".join(change.path))


def cause_line(cause: Cause) -> str:
    """Return ``file:line`` and the rule, if a rule it was."""
    where = f"{cause.file}:{cause.line}"
    return printable(f"{where} {cause.rule}" if cause.rule else where)


def counted(number: int, one: str, many: str = "") -> str:
    """Return ``1 member``, ``2,000 members``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(texts: Sequence[str], limit: int, number: int = 0) -> str:
    """Return the first few, and how many there are besides, of ``number`` where ``texts`` are not all of them."""
    few = ", ".join(printable(text) for text in texts[:limit])
    more = (number or len(texts)) - limit
    return f"{few} and {more:,} more" if more > 0 else few


def _pair(change: FieldChange, form: str) -> str:
    before, after = texts(change)
    if change.before is UNSET:
        return after
    return form.format(before, after or "(cleared)")


def difference(one: Json, other: Json) -> Lines:
    """Return the lines that differ between two texts, lists or maps, if either is long; a list has a line an item."""
    if isinstance(one, str) and isinstance(other, str):
        return _unified(one, other) if _is_long(one) or _is_long(other) else ()
    lists, maps = (isinstance(one, sort) and isinstance(other, sort) for sort in (list | tuple, dict))
    if (lists or maps) and max(len(_on_one_line(one)), len(_on_one_line(other))) > _LONGEST:
        return _unified(_in_lines(one), _in_lines(other))
    return ()


def texts(change: FieldChange) -> tuple[str, str]:
    """Return both values ("" where there is none), cut so that two that differ look different."""
    before = "" if change.before is UNSET else _on_one_line(change.before)
    after = "" if change.after is UNSET else _on_one_line(change.after)
    before, after = _judge_copies(before, after)
    if before and after and before != after and _cut(before) == _cut(after):
        start = max(0, _first_difference(before, after) - _CONTEXT)
        return _cut("…" + before[start:]), _cut("…" + after[start:])
    return _cut(before), _cut(after)


def _on_one_line(value: Json) -> str:
    return printable(json.dumps(value, ensure_ascii=False, sort_keys=True, default=msgspec.to_builtins))


def _in_lines(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, default=msgspec.to_builtins)


def _cut(text: str) -> str:
    """Return a text that is not too long; an address that would lose its domain, and so its mask, is left out whole."""
    if len(text) <= _LONGEST:
        return text
    head, rest = text[: _LONGEST - 1], text[_LONGEST - 1 :]
    if _REST_OF_ADDRESS.match(rest) or _REST_OF_ADDRESS.match(head[-3:] + rest):
        head = _BEGUN.sub("", head)
    return f"{head}…"


def _judge_copies(before: str, after: str) -> tuple[str, str]:
    """Return two texts that differ; what looks alike in them has its characters beyond ASCII, and blanks, escaped."""
    if before == after:
        return before, after
    if _alike(before, after):
        return _revealed(before), _revealed(after)
    words = _mistaken(before, after)
    return _revealed_words(before, words), _revealed_words(after, words)


def _revealed(text: str) -> str:
    """Escape whatever may not be what it looks like."""
    text = _UNSEEN_BLANKS.sub(lambda found: r"\u0020" * len(found[0]), text)
    return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)


def _first_difference(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _is_long(text: object) -> bool:
    """Return whether a value is a text that is better shown line by line."""
    return isinstance(text, str) and (text.count("\n") > _FEW_LINES or len(text) > _LONGEST)


def _unified(before: str, after: str) -> Lines:
    """Return what differs between two long texts as a unified diff; () where that would not show it."""
    from difflib import unified_diff

    old, new = list(_lines(before)), list(_lines(after))
    if len(old) + len(new) > _MOST_LINES:
        return ()
    found = list(unified_diff(old, new, lineterm="", n=_AROUND))[2:]
    gone, come = ([line[1:] for line in found[:_SHOWN] if line[0] == sign] for sign in "-+")
    words = _mistaken("\n".join(gone), "\n".join(come))
    alike = {line for one in gone for other in come if _alike(one, other) for line in (one, other)}
    written = [_line(line, words, alike=line[1:] in alike) for line in found]
    cut = [line for line in written if line.endswith("…")]
    if {line[1:] for line in cut if line[0] == "-"} & {line[1:] for line in cut if line[0] == "+"}:
        return ()  # what differs is past the cut
    more = len(written) - _SHOWN
    shown = (styled(line, _OF_SIGNS[line[0]]) if line[0] in _OF_SIGNS else line for line in written[:_SHOWN])
    return (*shown, *([styled(f"… and {more:,} more lines", "more")] if more > 0 else []))


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield from _PIECE.findall(line) if len(line) > _LONGEST else [line]


def _line(line: str, words: Collection[str], *, alike: bool) -> str:
    sign, text = line[:1], line[1:]
    if sign in "-+":
        text = _revealed(text) if alike else re.sub(r" +$", lambda found: r"\u0020" * len(found[0]), text)
        text = _revealed_words(text, words)
    shown = printable(f"{sign}{text}")
    return _cut(shown)


def _revealed_words(text: str, words: Collection[str]) -> str:
    return _WORD.sub(lambda found: _revealed(found[0]) if found[0] in words else found[0], text) if words else text


def _mistaken(one: str, other: str) -> frozenset[str]:
    """Return the words of either text that are easily taken for one of the other."""
    if one.isascii() and other.isascii():
        return frozenset()
    start = max(0, _first_difference(one, other) - _LONGEST)
    ours, theirs = ({*_WORD.findall(text[start : start + _COMPARED])} for text in (one, other))
    found: set[str] = set()
    for these, those in ((ours, theirs), (theirs, ours)):
        by_length: dict[int, list[tuple[str, str]]] = {}
        for word in those:
            plain = _plain(word)
            by_length.setdefault(len(plain), []).append((plain, word))
        for word in these - those:
            if not word.isascii():
                plain = _plain(word)
                alike = [each for there, each in by_length.get(len(plain), ()) if _looks_like(plain, there)]
                found.update(alike, (word,) if alike else ())
    return frozenset(found)


def _alike(one: str, other: str) -> bool:
    """Return whether a text is easily taken for another."""
    return _looks_like(_plain(one), _plain(other))


def _looks_like(one: str, other: str) -> bool:
    """Return whether two texts may look the same: they are as long, and so may each two characters that differ."""
    if len(one) != len(other):
        return False
    pairs = [(first, second) for first, second in zip(one, other, strict=True) if first != second]
    if any(first.isascii() and second.isascii() for first, second in pairs):
        return False
    whole = not any(first == second and first.isalpha() for first, second in zip(one, other, strict=True))
    return all(_may_look_alike(first, second, whole=whole) for first, second in pairs)


def _plain(text: str) -> str:
    """Return a text without what is only another way to write the same, and with every run of blanks as one."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKD", text)).strip()


def _may_look_alike(one: str, other: str, *, whole: bool) -> bool:
    """Return whether two characters, not both ASCII, may look the same: letters of two alphabets, or signs.

    ``whole`` says that they stand in texts whose letters all differ.
    """
    if not (one.isalpha() and other.isalpha()):
        return {unicodedata.category(one), unicodedata.category(other)} != {"So"}  # two pictures are told apart
    alphabets = {_alphabet(one), _alphabet(other)}
    if whole and alphabets <= _OF_LANGUAGES:
        return one.translate(_SAME_LOOK) == other.translate(_SAME_LOOK)
    return len(alphabets) > 1


def _alphabet(letter: str) -> str:
    """Return the alphabet of a letter, as the first word of its name; rare Latin letters are one of their own."""
    rare = ord(letter) > _COMMON or letter == _DOTLESS_I
    name = unicodedata.name(letter, "").partition(" ")[0]
    return f"rare {name}" if rare and name == "LATIN" else name
