"""Check what only one resource can be: the one of its kind, the default, the live environment, the run's project."""

from collections.abc import Iterable, Iterator, Sequence

from reconciler.kinds import KINDS
from reconciler.load.consistency import Found, Scoped
from reconciler.model import Path, Problem, Resource, problem

PROJECT = "Project"


def rivals(found: Found) -> Iterator[Problem]:
    """Yield every two things that are declared for one environment, of which Stytch lets one be so."""
    present = [one for one in found.scoped if one.resource.ensure == "present"]
    yield from _more_than_one(present)
    yield from _same_claims(present)


def other_projects(resources: Iterable[Resource], project: str | None) -> Iterator[Problem]:
    """Yield each project that is not the one that the run is about: of no other anything is read, or written."""
    for resource in resources if project else ():
        if resource.kind == PROJECT and resource.name != project and resource.ensure != "external":
            message = f"this run is about the project {project}, and no other project"
            hint = (
                f"name it {project}, fix target.project, or set metadata.environments to the environments it belongs to"
            )
            yield resource.problem("another-project", message, hint, ("metadata", "name"))


def _more_than_one(present: Sequence[Scoped]) -> Iterator[Problem]:
    """Yield each resource beside another of its kind, where Stytch has room for one."""
    seen: dict[tuple[str, str | None], list[Scoped]] = {}
    at = ("metadata", "name")
    for one in present:
        if not KINDS[one.resource.kind].identity.one_per_parent:
            continue
        others = seen.setdefault((one.resource.kind, one.resource.namespace), [])
        for other in others:
            if one.environments & other.environments and one.resource.name != other.resource.name:
                what, hint = f"there can be only one {one.resource.kind}", "set `ensure: absent` on the other"
                yield _between(what, hint, (one.resource, at), (other.resource, at))
        others.append(one)


def _same_claims(present: Sequence[Scoped]) -> Iterator[Problem]:
    """Yield each resource that says of itself what another one of its kind says of itself too."""
    seen: dict[tuple[str, str | None, str], list[tuple[Scoped, Path]]] = {}
    for one in present:
        for claim, at in KINDS[one.resource.kind].identity.claims(one.resource):
            others = seen.setdefault((one.resource.kind, one.resource.namespace, claim), [])
            for other, where in others:
                if one.environments & other.environments and one.resource.name != other.resource.name:
                    message = f"two are {claim}, but only one can be"
                    yield _between(message, "correct one of the two", (one.resource, at), (other.resource, where))
            others.append((one, at))


def _between(message: str, hint: str, *both: tuple[Resource, Path]) -> Problem:
    at = tuple(resource.at(*path) for resource, path in both)
    addresses = tuple(resource.address for resource, _ in both)
    return problem("only-one", message, hint, *at, addresses=addresses)
