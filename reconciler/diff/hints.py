"""Hints for organizations that do not match: a changed slug, swapped external ids."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from msgspec import structs

from reconciler.expressions.text import fold
from reconciler.model import Live, Problem, Resource, Spec, problem

MANY = 1000  # new organizations, among which a similar slug means nothing
EXTERNAL_ID = "organization_external_id"


def slug_changed(new: Iterable[Resource], left: Sequence[Live], taken: Container[str] = ()) -> Iterator[Problem]:
    """Yield a warning for each marked organization that nobody declares any more, and that a new one may be.

    New is what is not live yet, or (``taken``, by slug) is somebody else's so far.
    """
    made = {resource.name: resource for resource in new}
    for live in left if made else ():
        like = [name for name, resource in made.items() if _name(resource.spec) == _name(live.spec) != ""]
        like = like or (get_close_matches(live.name, made, 1) if len(made) <= MANY else [])
        like = like or (list(made) if len(made) == len(left) == 1 else [])
        if len(like) == 1:
            resource = made[like[0]]
            then = "then its members stay"
            then += f"; the live {resource.name} must be deleted first" if resource.name in taken else ""
            yield problem(
                "slug-changed",
                f"{resource.address} is new, but {live.address}, which has our mark, is no longer declared",
                f"if they are the same, add renamed_from: {live.name} under metadata: {then}",
                resource.at("metadata", "name"),
                severity="warning",
                addresses=(resource.address, live.address),
            )


def swapped(desired: Iterable[Resource], by_external_id: Mapping[str, Live]) -> Mapping[str, tuple[Resource, ...]]:
    """Give, by slug, the declared organizations whose external ids are live with one another."""
    named = {resource.name: resource for resource in desired}
    follows: dict[str, str] = {}  # the slug with which a declared one's external id is live
    for name, resource in named.items():
        live = by_external_id.get(resource.spec.get(EXTERNAL_ID) or "")
        if live and live.name != name and live.name in named:
            follows[name] = live.name
    found: dict[str, tuple[Resource, ...]] = {}
    for name in follows:
        circle = [name]
        while (after := follows.get(circle[-1])) and after not in circle:
            circle.append(after)
        if after == name:
            found[name] = tuple(named[each] for each in sorted(circle))
    return found


def with_swap(problem: Problem, circle: Sequence[Resource]) -> Problem:
    """Return the problem, reworded if it comes from swapped external ids."""
    if not circle:
        return problem
    names = ", ".join(resource.address for resource in circle)
    return structs.replace(
        problem,
        message=f"the external ids of {names} are swapped",
        hint="swap them back in the manifests; if the swap is intended, first give "
        "one of them a third external id and apply",
        addresses=(*problem.addresses, *(each.address for each in circle if each.address not in problem.addresses)),
    )


def _name(spec: Spec) -> str:
    return fold(str(spec.get("organization_name") or ""))
