"""The documents of an export: what is declared of each thing, and how that becomes a document."""

from typing import Final

from msgspec import Struct, structs

from reconciler.export.literal import literal
from reconciler.model import Ensure, Json, Spec, address
from reconciler.traits import API_VERSION
from reconciler.yaml_text import block

SEPARATOR: Final = "---\n"


class Manifest(Struct, frozen=True, kw_only=True):
    """One document to be written; ``comment`` stands above it."""

    kind: str
    name: str
    spec: Spec
    namespace: str | None = None
    ensure: Ensure = "present"
    adopt: bool = False
    comment: str = ""

    @property
    def address(self) -> str:
        """Give Kind/key, as plans show it."""
        return address(self.kind, self.namespace, self.name)

    @property
    def key(self) -> tuple[str, str | None, str]:
        """Give what tells it from all others."""
        return self.kind, self.namespace, self.name


class LeftOut(Struct, frozen=True, kw_only=True):
    """What is live and not exported, and why: a thing, a whole kind, or only a ``field`` of a thing."""

    address: str
    reason: str
    field: str = ""
    id: str | None = None


def body(manifest: Manifest) -> dict[str, Json]:
    """Give the document, its keys in the order in which people write them."""
    inside = {} if manifest.namespace is None else {"namespace": manifest.namespace}
    return {
        "apiVersion": API_VERSION,
        "kind": manifest.kind,
        "metadata": {**inside, "name": manifest.name},
        **({"spec": manifest.spec} if manifest.spec else {}),
        **({} if manifest.ensure == "present" else {"ensure": manifest.ensure}),
        **({"adopt": True} if manifest.adopt else {}),
    }


def text(manifest: Manifest) -> str:
    """Write the document, in which nothing is read as an expression."""
    document: dict[str, Json] = literal(body(manifest))
    comment = "".join(f"# {line}\n" for line in manifest.comment.splitlines())
    return comment + block(document)


def without(manifest: Manifest, field: str) -> Manifest:
    """Leave a field out."""
    return structs.replace(manifest, spec={name: value for name, value in manifest.spec.items() if name != field})
