"""Check whether a manifest can hold a value: numbers of 64 bits, valid Unicode, and a limited depth."""

from collections.abc import Mapping

from reconciler import yaml12
from reconciler.as_written import as_written, is_long
from reconciler.diff.fields import same
from reconciler.export.literal import literal
from reconciler.expressions import InvalidTree, compile_tree
from reconciler.model import Json, Path, Problem
from reconciler.schema import Kind
from reconciler.yaml_text import block


def is_writable(kind: Kind, spec: Mapping[str, Json], name: str) -> bool:
    """Return whether this name and these fields, written as YAML, are read back unchanged. Long texts go to files."""
    try:
        value = {"name": name, "spec": as_written(kind, spec, _in_file)}
        document: dict[str, Json] = literal(value)
        problems: list[Problem] = []
        read = [parsed.value for parsed in yaml12.parse(block(document), name, problems)]
        rendered = compile_tree(document, frozenset()).render({})
    except (InvalidTree, UnicodeEncodeError):
        return False
    return not problems and same(read, [document]) and same(rendered, value)


def _in_file(_path: Path, content: str) -> Json:
    content.encode()
    return "" if is_long(content) else content
