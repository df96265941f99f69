"""A page as tests read it: its elements, its texts, the rows that are packed in it."""

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "input", "br", "link"}


@dataclass
class Page(HTMLParser):
    """What a parser finds in a page, and what was wrong with it."""

    elements: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    values: list[tuple[str, str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    packed: list[str] = field(default_factory=list)
    code: dict[str, str] = field(default_factory=dict)
    open: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.values += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        tag, attributes = self.open[-1] if self.open else ("", {})
        if attributes.get("class") == "rows":
            self.packed.append(data)
        elif tag in ("script", "style"):
            self.code[tag] = self.code.get(tag, "") + data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.texts))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows, as ``rows.js`` unpacks them."""
        found = []
        for packed in self.packed:
            chunk = json.loads(zlib.decompress(b64decode(packed)))
            words = chunk["words"]
            for verb, kind, group, name, causes, users, fields, more in chunk["rows"]:
                row = {"verb": words[verb], "kind": words[kind], "group": words[group], "name": name}
                row |= {"causes": words[causes], "users": users, "fields": [[words[at], *rest] for at, *rest in fields]}
                found.append(row | {"more": {key: words[at] for key, at in more.items()}})
        return found


def read(pieces: Iterable[bytes]) -> Page:
    page = Page()
    page.feed(b"".join(pieces).decode())
    page.close()
    assert not page.open, f"never closed: {page.open}"
    return page
