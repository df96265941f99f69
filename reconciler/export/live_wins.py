"""What is live → the very files that declare it: each value that drifted, where it stands; all around it stays.

A value is replaced in its place, so that comments and order stay as people wrote them. What a manifest computes (an
expression, a row of a table), a text in a file of its own, a secret, and what rules give are for people to change.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from msgspec import UNSET, Struct, UnsetType

from reconciler.documents.yaml_writer import one_line, scalar
from reconciler.expressions.template import OPEN
from reconciler.kinds import KINDS
from reconciler.load.applied import is_of_a_row
from reconciler.load.repository import Declared
from reconciler.model import MEMBER, Change, Create, Delete, FieldChange, Json, Resource

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Edited(Struct, frozen=True, kw_only=True):
    """The files with what is live in them (None: nothing is left in one), and what people must do themselves.

    ``taken`` are the addresses that are now declared as they are live, ``by_hand`` pairs of an address and a reason.
    """

    files: Mapping[str, str | None]
    taken: tuple[str, ...]
    by_hand: tuple[tuple[str, str], ...]


class _ByHand(Exception):  # it ends nothing but one edit
    """Why a change is for people."""


def edited(root: Path, drift: Iterable[Change], declared: Declared) -> Edited:
    """Return the files below ``root`` in which what drifted is declared as it is live."""
    resources = {one.address: one for one in declared.resources}
    files: dict[str, str | None] = {}
    taken, by_hand = [], []
    for change in drift:
        try:
            resource = _declared(resources.get(change.address), change)
            file = resource.position.file
            files[file] = _edited(_text(root, file, files), resource, change)
            taken.append(change.address)
        except _ByHand as why:
            by_hand.append((change.address, str(why)))
    return Edited(files=files, taken=tuple(taken), by_hand=tuple(by_hand))


def _text(root: Path, file: str, files: Mapping[str, str | None]) -> str:
    text = files[file] if file in files else (root / file).read_text(encoding="utf-8")
    if text is None:
        raise _ByHand("its file is gone")
    return text


def _declared(resource: Resource | None, change: Change) -> Resource:
    if resource is None:
        raise _ByHand(
            "rules give it: change the rules, or the users" if change.kind == MEMBER else "nothing declares it"
        )
    if is_of_a_row(resource):
        raise _ByHand("a row of a table declares it: change the table, or the override")
    if isinstance(change, Delete):
        raise _ByHand("a manifest says that it must be absent: remove `ensure: absent`")
    return resource


def _edited(text: str, resource: Resource, change: Change) -> str | None:
    start, end, document = _document(text, resource)
    if isinstance(change, Create):  # somebody removed it
        rest = text[:start].removesuffix("---\n") + text[end:].removeprefix("---\n" if start == 0 else "")
        return rest if rest.strip() else None
    for field in change.fields:
        text = _with(text, start, end, document, field, KINDS[change.kind].key.name)
        start, end, document = _document(text, resource)
    return text


def _document(text: str, resource: Resource) -> tuple[int, int, yaml.MappingNode]:
    """Return where the document of a resource begins and ends, and its nodes, whose marks count from its beginning."""
    lines = text.splitlines(keepends=True)
    starts = [0, *(number + 1 for number, line in enumerate(lines) if line.rstrip() == "---")]
    first = max(number for number in starts if number < max(resource.position.line, 1))
    last = next((number for number in starts if number > first), len(lines) + 1) - 1
    start, end = sum(map(len, lines[:first])), sum(map(len, lines[:last]))
    node = yaml.compose(text[start:end], Loader=_LOADER)
    if not isinstance(node, yaml.MappingNode):
        raise _ByHand("its manifest cannot be edited in place")
    return start, end, node


def _with(text: str, start: int, end: int, document: yaml.MappingNode, field: FieldChange, key: str) -> str:
    """Return a text with the live value of a field."""
    path: Sequence[str] = ("metadata", "name") if field.path == (key,) else ("spec", *field.path)
    node, left = _deepest(document, path)
    if not left:
        return _replaced(text, start, node, _shown(field.before))
    if len(left) > 1 or not isinstance(node, yaml.MappingNode) or field.before is UNSET:
        raise _ByHand(f"{'.'.join(path)} is declared in another form")
    return _inserted(text, start, end, node, left[0], _shown(field.before))


def _shown(value: Json | UnsetType) -> str:
    if value is UNSET:
        return "null"
    line = one_line(value)
    if line is None:
        raise _ByHand("its live value needs several lines")
    return line


def _deepest(node: yaml.Node, path: Sequence[str]) -> tuple[yaml.Node, Sequence[str]]:
    """Return the deepest node on a path, and what is left of the path."""
    for number, name in enumerate(path):
        found = [value for each, value in _pairs(node) if each.value == name]
        if not found:
            return node, path[number:]
        node = found[0]
    return node, ()


def _pairs(node: yaml.Node) -> Iterator[tuple[Any, yaml.Node]]:
    yield from node.value if isinstance(node, yaml.MappingNode) else ()


def _replaced(text: str, start: int, node: yaml.Node, value: str) -> str:
    begins, ends = start + node.start_mark.index, start + node.end_mark.index
    there = text[begins:ends]
    if isinstance(node, yaml.MappingNode) and {each.value for each, _ in node.value} & {"secret", "file"}:
        raise _ByHand("its value stands elsewhere: in a file, or among the secrets")
    if OPEN in there:
        raise _ByHand("its value is computed")
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:  # a block begins on a line of its own
        begins = len(text[:begins].rstrip())
        value = f" {value}"
    tail = there[len(there.rstrip()) :]
    return f"{text[:begins]}{value}{tail}{text[ends:]}"


def _inserted(text: str, start: int, end: int, node: yaml.MappingNode, name: str, value: str) -> str:
    """Return a text with one more key at the end of a map."""
    if node.flow_style:
        at = start + node.end_mark.index - 1
        comma = ", " if node.value else ""
        return f"{text[:at].rstrip()}{comma}{scalar(name, flow=True)}: {value}{text[at:]}"
    first, last = node.value[0][0], node.value[-1][1]
    at = min(start + last.end_mark.index, end)
    at = len(text[:at].rstrip())
    newline = text.find("\n", at)
    at = len(text) if newline < 0 else newline  # after a comment on that line
    return f"{text[:at]}\n{' ' * first.start_mark.column}{scalar(name)}: {value}{text[at:]}"
