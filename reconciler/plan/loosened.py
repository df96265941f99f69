"""What guards changes, now and at the revision that was applied last → what permits more than before."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import structs

from reconciler.config.read import FILE, Config
from reconciler.kinds import KINDS
from reconciler.load.earlier import Earlier
from reconciler.load.policies import Policy
from reconciler.load.safeguards import Safeguards
from reconciler.model import LOOSENED, Accepted, Approval, Grown, Growth, Json, Path

NAMED: Final = 5
# From what permits least to what permits most.
_AUTHORITY: Final = ("observe", "additive", "authoritative")
_SETTINGS: Final[Sequence[tuple[Path, Sequence[Json]]]] = (
    (("unmatched",), ("error", "report", "ignore")),
    (("held",), ("error", "report")),
    (("organizations", "adopt"), (False, True)),
    (("members", "adopt"), (False, True)),
    (("members", "roles"), ("initial", "ours", "exact")),
    (("members", "removed"), ("report", "restore")),
    (("members", "email_address"), ("report", "managed")),
    (("target", "type"), ("test", "live")),
    (("owns_project",), (False, True)),
    (("state",), ("git", "none")),
)


def loosened(
    config: Config,
    safeguards: Safeguards,
    earlier: Earlier | None,
    approvals: Sequence[Approval],
    accepted: Sequence[Accepted],
) -> Iterator[Growth]:
    """Yield what the documents that guard changes permit; where nobody knows what was before, only what is in use."""
    if earlier:
        yield from _growth("guard", _guards(config, earlier.config))
        yield from _growth("authority", _settings(config, earlier.config))
        yield from _growth("policy", _policies(safeguards.policies, earlier.safeguards.policies))
        yield from _growth("suppression", _suppressions(safeguards.policies, earlier.safeguards.policies))
    yield from _growth("approval", (_approval(one, config) for one in approvals if one.state == "used"))
    yield from _growth("accepted_drift", _accepted(safeguards, earlier, accepted))


def _growth(what: str, found: Iterator[Grown]) -> Iterator[Growth]:
    every = list(found)
    if every:
        one, many = LOOSENED[what]
        yield Growth(what=what, says=one if len(every) == 1 else many, number=len(every), first=tuple(every[:NAMED]))


def _guards(config: Config, before: Config) -> Iterator[Grown]:
    for name in structs.fields(config.guards):
        was, is_now = getattr(before.guards, name.name), getattr(config.guards, name.name)
        if is_now > was:
            path = ("guards", name.name)
            yield Grown(address=FILE, path=path, before=was, after=is_now, at=config.at(*path))


def _settings(config: Config, before: Config) -> Iterator[Grown]:
    for kind in KINDS:
        was, is_now = before.authority_of(kind), config.authority_of(kind)
        if _AUTHORITY.index(is_now) > _AUTHORITY.index(was):
            path = ("authority", kind)
            yield Grown(address=FILE, path=path, before=was, after=is_now, at=config.at(*path))
    for place, order in _SETTINGS:
        one, other = (_setting(each, place) for each in (before, config))
        if order.index(other) > order.index(one):
            yield Grown(address=FILE, path=place, before=one, after=other, at=config.at(*place))


def _setting(config: Config, path: Path) -> Json:
    value: Json = config
    for name in path:
        value = getattr(value, name)
    return value


def _policies(policies: Sequence[Policy], before: Sequence[Policy]) -> Iterator[Grown]:
    """Yield each policy that is gone, or says something else now, but for what it suppresses."""
    said = {policy.says()[:-1] for policy in policies}
    named = {policy.name: policy.at for policy in policies}
    for policy in before:
        if policy.says()[:-1] not in said:
            yield Grown(address=f"Policy/{policy.name}", at=named.get(policy.name))


def _suppressions(policies: Sequence[Policy], before: Sequence[Policy]) -> Iterator[Grown]:
    known = {(policy.name, address) for policy in before for address in policy.suppressed}
    for policy in policies:
        for address, (_, at) in policy.suppressed.items():
            if (policy.name, address) not in known:
                yield Grown(address=address, at=at)


def _approval(one: Approval, config: Config) -> Grown:
    before = getattr(config.guards, one.guard)
    return Grown(address=f"Approval/{one.name}", path=(one.guard,), before=before, after=one.up_to, at=one.at)


def _accepted(safeguards: Safeguards, earlier: Earlier | None, accepted: Sequence[Accepted]) -> Iterator[Grown]:
    if earlier is None:
        yield from (Grown(address=one.address, path=one.path, at=one.at) for one in accepted)
        return
    known = {(one.address, field, one.until) for one in earlier.safeguards.accepted for field in one.fields}
    for one in safeguards.accepted:
        for field in one.fields:
            if (one.address, field, one.until) not in known:
                yield Grown(address=one.address, path=tuple(field.split(".")), at=one.at)
