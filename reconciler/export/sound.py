"""What of an export can stand in a repository: right in itself, beside the rest, and exactly what is live.

Stytch may hold what could not be declared: a setting that it would refuse today, a name that another one differs from
only by case, a value that no manifest can say. Each field is held against the checks that ``validate`` makes, and
against what is live; what does not pass is left out and listed, and nothing else is.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as Folder
from typing import Final

from msgspec import Struct

from reconciler.conform import conforms, nonconformities
from reconciler.crosschecks import Found, Scoped, contradictions
from reconciler.diff.fields import diff_fields
from reconciler.export.manifests import LeftOut, Manifest, body, without
from reconciler.export.writable import is_writable
from reconciler.kinds import KINDS
from reconciler.left_out import completed
from reconciler.manifests import resource_of
from reconciler.model import Path, Position, Problem, Resource, Spec
from reconciler.named_secrets import as_shown, never_shown
from reconciler.references import dangling
from reconciler.shapes import shapes
from reconciler.text_files import Texts

HERE: Final = frozenset({"here"})  # an export is of one environment
NOWHERE: Final = Texts(Folder("/"))  # no text is in a file yet
UNWRITABLE: Final = "holds what no manifest can say"
CHANGES: Final = "Stytch would be changed by declaring what it answers"

Reasons = dict[str, dict[str, str]]  # by address and field, "" for all of it
Wrong = tuple[str, str, str]  # the address of a document, a field of it ("" for all of it), and what is wrong with it


class Sound(Struct, frozen=True, kw_only=True):
    """The manifests that can be written, and what was left out of them, or altogether."""

    manifests: list[Manifest]
    left_out: list[LeftOut]


def sound(manifests: Iterable[Manifest], live: Mapping[str, Spec], last_four: Mapping[str, str]) -> Sound:
    """Leave out what cannot be declared; ``live`` is by address, ``last_four`` by the name of the secret."""
    kept = {manifest.address: manifest for manifest in manifests}
    left_out: Reasons = {}
    resources: dict[str, Resource] = {}
    pending = set(kept)
    while True:
        wrong: list[Wrong] = []
        for address in sorted(pending):
            problems, resource = _read(kept[address])
            wrong += _named(problems, kept)
            if resource:
                resources[address] = resource
                wrong += ((address, name, CHANGES) for name in _differing(resource, live.get(address), last_four))
        wrong = wrong or list(_named(_together(resources), kept))
        if not wrong:
            listed = [
                LeftOut(address=address, field=field, reason=reason)
                for address, reasons in left_out.items()
                for field, reason in reasons.items()
            ]
            return Sound(manifests=list(kept.values()), left_out=listed)
        _leave_out(wrong, kept, left_out)
        pending = {address for address, _, _ in wrong} & kept.keys()
        for address, _, _ in wrong:
            resources.pop(address, None)


def _read(manifest: Manifest) -> tuple[list[Problem], Resource | None]:
    """Read a document as ``validate`` does."""
    document, kind = body(manifest), KINDS[manifest.kind]
    shape, positions = shapes()[manifest.kind], _positions(manifest)
    start = Position(manifest.address, 0)

    def place(path: Path) -> Position:
        return positions.get(path[:2], start)

    problems = [
        Problem(code="unwritable", severity="error", message=UNWRITABLE, at=(place(("spec", name)),))
        for name in ("", *manifest.spec)
        if not is_writable(kind, {name: manifest.spec[name]} if name else {}, manifest.name)
    ]
    if not conforms(document, shape):
        problems += nonconformities(document, shape, place=place, key_place=place, notes=kind.notes)
        return problems, None
    return problems, resource_of(kind, document, start, positions, NOWHERE, problems)


def _together(resources: Mapping[str, Resource]) -> Iterator[Problem]:
    """Yield what documents that are right by themselves say against one another."""
    found = Found(scoped=[Scoped(resource, HERE) for resource in resources.values()])
    yield from contradictions(found)
    yield from dangling(found)


def _positions(manifest: Manifest) -> Mapping[Path, Position]:
    """Give each field a line of its own, so that the place of a problem tells whose it is."""
    return {("spec", name): Position(manifest.address, line) for line, name in enumerate(manifest.spec, 1)}


def _named(problems: Iterable[Problem], kept: Mapping[str, Manifest]) -> Iterator[Wrong]:
    """Tell whose problems these are; where documents contradict each other, the one that is named last stays."""
    for problem in problems:
        if problem.severity == "error":
            places = list(dict.fromkeys(problem.at))
            for at in places[:-1] or places:
                field = list(kept[at.file].spec)[at.line - 1] if at.line else ""
                yield at.file, field, problem.message


def _differing(resource: Resource, live: Spec | None, last_four: Mapping[str, str]) -> set[str]:
    """Name the fields that a plan would change."""
    if live is None:
        return set()
    kind = KINDS[resource.kind]
    comparable = {name: value for name, value in resource.spec.items() if name not in never_shown(kind)}
    desired = kind.fill(completed(kind.spec, as_shown(kind, comparable, last_four.get), live), live)
    return {change.path[0] for change in diff_fields(desired, live, merged=kind.merged, keyed=kind.keyed)}


def _leave_out(wrong: Iterable[Wrong], kept: dict[str, Manifest], left_out: Reasons) -> None:
    """Take fields out of their manifests, and manifests away that are nothing without; say of each why.

    What is nothing without a field that was left out before is left out for the reason that this was.
    """
    before = {address: dict(reasons) for address, reasons in left_out.items()}
    for address, field, message in dict.fromkeys(wrong):
        manifest = kept.get(address)
        if manifest is None or (field and field not in manifest.spec):
            continue
        reasons = left_out.setdefault(address, {})
        reasons[field] = message
        if not field or field in KINDS[manifest.kind].required:
            del kept[address]
            causes = before.get(address) or reasons
            left_out[address] = {"": "; ".join(f"{name}: {why}" if name else why for name, why in causes.items())}
        else:
            kept[address] = without(manifest, field)
