"""The values of a migration: what a Consumer project holds, what becomes of it, and what is to be said about it."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from reconciler.model import Live, Spec, address

Things = Mapping[str, Sequence[Live]]  # by kind


class Unread(Struct, frozen=True, kw_only=True):
    """Kinds of one environment that could not be read, why, and how they can be."""

    environment: str
    kinds: tuple[str, ...]
    why: str
    how: str


class Source(Struct, frozen=True, kw_only=True):
    """One environment of the Consumer project, and the things in it.

    ``slug`` is its name in Stytch, ``name`` that in ``reconciler.yaml``, ``project_id`` its id; ``fields`` are its own.
    """

    project_id: str
    slug: str
    name: str
    type: Literal["LIVE", "TEST"]
    fields: Spec
    things: Things


class Setting(Struct, frozen=True, kw_only=True):
    """A thing of the B2B project as it is to be declared."""

    kind: str
    name: str
    spec: Spec


class Consumer(Struct, frozen=True, kw_only=True):
    """A Consumer project: its environments, the live one first, and what belongs to the whole project.

    ``needed`` is what Stytch wants to be there although nobody asked for it: a live environment before any other.
    """

    slug: str
    name: str
    environments: tuple[Source, ...]
    things: Things
    needed: tuple[Setting, ...] = ()
    unread: tuple[Unread, ...] = ()


class Reason(Struct, frozen=True):
    """Why something is not as it was, and what to do instead."""

    why: str
    instead: str


class Remark(Struct, frozen=True):
    """Something that is not as it was: a thing, a field of it, and the reason."""

    kind: str
    name: str
    field: str
    reason: Reason

    @property
    def at(self) -> str:
        """Name the thing and the field."""
        return f"{address(self.kind, self.name)}: {self.field}"


class Translated(Struct, frozen=True, kw_only=True):
    """What some things become: settings, what is lost for good, and what works differently from now on."""

    settings: tuple[Setting, ...] = ()
    losses: tuple[Remark, ...] = ()
    changes: tuple[Remark, ...] = ()


Everywhere = Mapping[tuple[str, str], Mapping[str, Spec]]  # by kind and name, then by environment


def everywhere(settings: Mapping[str, Sequence[Setting]]) -> Everywhere:
    """Turn what each environment holds into where each thing is, and how."""
    found: dict[tuple[str, str], dict[str, Spec]] = {}
    for environment, every in settings.items():
        for setting in every:
            found.setdefault((setting.kind, setting.name), {})[environment] = setting.spec
    return found


def by_environment(things: Everywhere, environments: Sequence[str]) -> Mapping[str, Sequence[Setting]]:
    """Turn where each thing is, and how, into what each of the environments holds."""
    return {
        environment: [
            Setting(kind=kind, name=name, spec=specs[environment])
            for (kind, name), specs in things.items()
            if environment in specs
        ]
        for environment in environments
    }


def together(parts: Sequence[Translated]) -> Translated:
    """Put translations together, in their order."""
    return Translated(
        settings=tuple(each for part in parts for each in part.settings),
        losses=tuple(each for part in parts for each in part.losses),
        changes=tuple(each for part in parts for each in part.changes),
    )
