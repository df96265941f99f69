"""The values of a migration: what a Consumer project holds, what it is translated to, and remarks about it."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from reconciler.export.manifests import Manifest
from reconciler.model import Live, Spec, address

ResourcesByKind = Mapping[str, Sequence[Live]]  # by kind


class Unread(Struct, frozen=True, kw_only=True):
    """Kinds of one environment that could not be read, the reason, and how to read them."""

    environment: str
    kinds: tuple[str, ...]
    why: str
    how: str


class Source(Struct, frozen=True, kw_only=True):
    """One environment of the Consumer project, and its resources.

    ``slug`` is its name in Stytch, ``name`` its name in ``reconciler.yaml``; ``fields`` are the environment's settings.
    """

    project_id: str
    slug: str
    name: str
    type: Literal["LIVE", "TEST"]
    fields: Spec
    resources: ResourcesByKind


class Consumer(Struct, frozen=True, kw_only=True):
    """A Consumer project: its environments, the live one first, and what belongs to the whole project.

    ``needed`` are resources that Stytch requires although they were not chosen: a live environment before any other.
    """

    slug: str
    name: str
    environments: tuple[Source, ...]
    resources: ResourcesByKind
    needed: tuple[Manifest, ...] = ()
    unread: tuple[Unread, ...] = ()


class Reason(Struct, frozen=True):
    """Why a setting changes, and what to do about it."""

    why: str
    instead: str


class Remark(Struct, frozen=True):
    """A setting that changes: the resource, the field, and the reason."""

    kind: str
    name: str
    field: str
    reason: Reason

    @property
    def at(self) -> str:
        """Return the address of the resource, and the field."""
        return f"{address(self.kind, self.name)}: {self.field}"


class Translated(Struct, frozen=True, kw_only=True):
    """A translation: the settings in B2B, what is lost, and what works differently."""

    settings: tuple[Manifest, ...] = ()
    losses: tuple[Remark, ...] = ()
    changes: tuple[Remark, ...] = ()


Everywhere = Mapping[tuple[str, str], Mapping[str, Spec]]  # by kind and name, then by environment


def everywhere(settings: Mapping[str, Sequence[Manifest]]) -> Everywhere:
    """Return the spec of each resource in each environment, given the settings of each environment."""
    found: dict[tuple[str, str], dict[str, Spec]] = {}
    for environment, every in settings.items():
        for setting in every:
            found.setdefault((setting.kind, setting.name), {})[environment] = setting.spec
    return found


def together(parts: Sequence[Translated]) -> Translated:
    """Return one translation with all of these, in their order."""
    return Translated(
        settings=tuple(each for part in parts for each in part.settings),
        losses=tuple(each for part in parts for each in part.losses),
        changes=tuple(each for part in parts for each in part.changes),
    )
