"""The documents of an export: the manifest of each resource, its YAML text, and the names that it gives."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from msgspec import Struct, structs

from reconciler.documents.yaml_writer import block
from reconciler.expressions.template import OPEN
from reconciler.model import Ensure, Json, Spec, address
from reconciler.model.resources import API_VERSION


def literal(value: Json) -> Json:
    """Return a value that renders as ``value``. A map with such a key becomes one expression: keys are not rendered."""
    if isinstance(value, dict):
        if any(OPEN in key for key in value):
            return _expression(value)
        return {key: literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [literal(inner) for inner in value]
    return _expression(value) if isinstance(value, str) and OPEN in value else value


def _expression(value: Json) -> str:
    return f"{OPEN} {json.dumps(value, ensure_ascii=False)} }}}}"


SEPARATOR: Final = "---\n"


class Manifest(Struct, frozen=True, kw_only=True):
    """One document to write: for all environments where ``environments`` is empty, with ``comment`` above it."""

    kind: str
    name: str
    spec: Spec
    namespace: str | None = None
    environments: tuple[str, ...] = ()
    ensure: Ensure = "present"
    adopt: bool = False
    comment: str = ""

    @property
    def address(self) -> str:
        """Return the address ``Kind/key``, as plans show it."""
        return address(self.kind, self.namespace, self.name)

    @property
    def key(self) -> tuple[str, str | None, str]:
        """Return the unique key of the resource: kind, namespace and name."""
        return self.kind, self.namespace, self.name


class LeftOut(Struct, frozen=True, kw_only=True):
    """What is live and not exported, and why: a resource, a kind, or one ``field`` of a resource."""

    address: str
    reason: str
    field: str = ""
    id: str | None = None


def body(manifest: Manifest) -> dict[str, Json]:
    """Return the document, with its keys in the usual order."""
    namespace = {} if manifest.namespace is None else {"namespace": manifest.namespace}
    environments = {"environments": list(manifest.environments)} if manifest.environments else {}
    return {
        "apiVersion": API_VERSION,
        "kind": manifest.kind,
        "metadata": {**namespace, "name": manifest.name, **environments},
        **({"spec": manifest.spec} if manifest.spec else {}),
        **({} if manifest.ensure == "present" else {"ensure": manifest.ensure}),
        **({"adopt": True} if manifest.adopt else {}),
    }


def text(manifest: Manifest) -> str:
    """Return the YAML text of the document, in which no text is read as an expression."""
    document: dict[str, Json] = literal(body(manifest))
    comment = "".join(f"# {line}\n" for line in manifest.comment.splitlines())
    return comment + block(document)


def without(manifest: Manifest, field: str) -> Manifest:
    """Return the manifest without a field."""
    return structs.replace(manifest, spec={name: value for name, value in manifest.spec.items() if name != field})


# File names and secret names, made from names in Stytch: readable, stable and unique

LONGEST: Final = 100  # characters of a file's name, before its suffix
DIGITS: Final = 8  # of a digest
# Device names of Windows, and names that look as if they ended with a digest.
RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?|(.*[-_])?[0-9a-f]{8}")


def file_names(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return a file name without a suffix for each key of ``labels``, made from its label.

    Where two names would be equal (or differ only by case), each gets a piece of its digest.
    """
    return _apart({key: _file_name(label) for key, label in labels.items()}, "-")


def secret_names(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return a secret's name for each key of ``labels``, made from its label."""
    return _apart({key: _secret_name(label) for key, label in labels.items()}, "_")


def _apart(wanted: Mapping[str, str], mark: str) -> Mapping[str, str]:
    counts = Counter(short.casefold() for short in wanted.values())
    return {
        name: f"{short}{mark}{_digest(name, mark)}".lstrip(mark)
        if counts[short.casefold()] > 1 or not short or RESERVED.fullmatch(short)
        else short
        for name, short in wanted.items()
    }


def _digest(name: str, mark: str) -> str:
    found = sha256(name.encode(errors="surrogatepass")).hexdigest()[:DIGITS]
    return found.upper() if mark == "_" else found


def _file_name(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._@+]+", "-", plain).strip("-.")[:LONGEST].rstrip("-.")


def _secret_name(name: str) -> str:
    found = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    return f"{found}_SECRET" if found.endswith("_ID") else found
