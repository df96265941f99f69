"""Keep the manifests of an export that are valid, fit together, and give exactly the live state.

Stytch may hold what cannot be declared: a setting that it would refuse today, a name that differs from another only by
case, a value that YAML cannot hold. Each field is checked as ``validate`` does, and compared with the live value. What
does not pass is left out and listed; everything else is kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as Folder
from typing import Final

from msgspec import Struct

from reconciler.diff.fields import diff_fields
from reconciler.export.manifests import LeftOut, Manifest, body, without
from reconciler.export.spec import is_writable
from reconciler.kinds import KINDS
from reconciler.load.consistency import DeclaredDocuments, contradictions
from reconciler.load.files import Texts
from reconciler.load.manifests import ManifestBody, resource_of
from reconciler.load.references import dangling
from reconciler.load.schemas import document_type
from reconciler.model import Path, Position, Problem, Resource, Spec, problem
from reconciler.schema.secret_names import as_shown, never_shown
from reconciler.schema.traits import completed
from reconciler.schema.validate import validation_errors

HERE: Final = frozenset({"here"})  # an export is of one environment
NOWHERE: Final = Texts(Folder("/"))  # no text is in a file yet
UNWRITABLE: Final = "a manifest cannot hold its value"
CHANGES: Final = "declaring the value that Stytch answers would change it"

Reasons = dict[str, dict[str, str]]  # by address and field, "" for all of it


class FieldPosition(Position, frozen=True):
    """A field of a document that is in no file yet, which the address stands for; "" for the whole document."""

    field: str = ""


class Checked(Struct, frozen=True, kw_only=True):
    """The manifests that can be written, and the fields and resources that were left out."""

    manifests: list[Manifest]
    left_out: list[LeftOut]


def checked(manifests: Iterable[Manifest], live: Mapping[str, Spec], last_four: Mapping[str, str]) -> Checked:
    """Return the manifests without what cannot be declared. ``live`` is by address, ``last_four`` by secret name."""
    kept = {manifest.address: manifest for manifest in manifests}
    left_out: Reasons = {}
    resources: dict[str, Resource] = {}
    pending = set(kept)
    while True:
        wrong: list[LeftOut] = []
        for address in sorted(pending):
            problems, resource = _read(kept[address])
            wrong += _in_fields(problems)
            if resource:
                resources[address] = resource
                for name in _differing(resource, live.get(address), last_four):
                    wrong.append(LeftOut(address=address, field=name, reason=CHANGES))
        wrong = wrong or list(_in_fields(_together(resources)))
        if not wrong:
            listed = [
                LeftOut(address=address, field=field, reason=reason)
                for address, reasons in left_out.items()
                for field, reason in reasons.items()
            ]
            return Checked(manifests=list(kept.values()), left_out=listed)
        _leave_out(wrong, kept, left_out)
        pending = {each.address for each in wrong} & kept.keys()
        for each in wrong:
            resources.pop(each.address, None)


def _read(manifest: Manifest) -> tuple[list[Problem], Resource | None]:
    """Return the problems that ``validate`` finds in a document, and its resource."""
    kind, start = KINDS[manifest.kind], FieldPosition(manifest.address, 0)
    positions: dict[Path, Position] = {
        ("spec", name): FieldPosition(manifest.address, line, field=name) for line, name in enumerate(manifest.spec, 1)
    }
    document = ManifestBody(body(manifest), start, positions)

    def at(*path: str) -> Position:
        return document.at(*path[:2])

    problems = [
        problem("unwritable", UNWRITABLE, "", at("spec", name))
        for name in ("", *manifest.spec)
        if not is_writable(kind, {name: manifest.spec[name]} if name else {}, manifest.name)
    ]
    if errors := validation_errors(document.body, document_type(manifest.kind), at, notes=kind.notes):
        return [*problems, *errors], None
    return problems, resource_of(kind, document, HERE, NOWHERE, problems)


def _together(resources: Mapping[str, Resource]) -> Iterator[Problem]:
    """Yield the contradictions between documents that are valid one by one."""
    found = DeclaredDocuments(resources=list(resources.values()))
    yield from contradictions(found)
    yield from dangling(found)


def _in_fields(problems: Iterable[Problem]) -> Iterator[LeftOut]:
    """Yield the document and field of each problem. Of contradicting documents, the last one named stays."""
    for wrong in problems:
        if wrong.severity == "error":
            for at in wrong.at[:-1] or wrong.at:
                field = at.field if isinstance(at, FieldPosition) else ""
                yield LeftOut(address=at.file, field=field, reason=wrong.message)


def _differing(resource: Resource, live: Spec | None, last_four: Mapping[str, str]) -> set[str]:
    """Return the names of the fields that a plan would change."""
    if live is None:
        return set()
    kind = KINDS[resource.kind]
    comparable = {name: value for name, value in resource.spec.items() if name not in never_shown(kind)}
    desired = kind.fill(completed(kind.spec, as_shown(kind, comparable, last_four.get), live), live)
    return {change.path[0] for change in diff_fields(desired, live, merged=kind.merged, keyed=kind.keyed)}


def _leave_out(wrong: Iterable[LeftOut], kept: dict[str, Manifest], left_out: Reasons) -> None:
    """Remove these fields from their manifests, and note the reason.

    A manifest without a required field is removed. Fields that were left out of it before are named as the reason.
    """
    before = {address: dict(reasons) for address, reasons in left_out.items()}
    for each in dict.fromkeys(wrong):
        address, field = each.address, each.field
        manifest = kept.get(address)
        if manifest is None or (field and field not in manifest.spec):
            continue
        reasons = left_out.setdefault(address, {})
        reasons[field] = each.reason
        if not field or field in KINDS[manifest.kind].required:
            del kept[address]
            causes = before.get(address) or reasons
            left_out[address] = {"": "; ".join(f"{name}: {why}" if name else why for name, why in causes.items())}
        else:
            kept[address] = without(manifest, field)
