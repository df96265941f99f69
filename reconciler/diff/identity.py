"""Which live resource is the declared one: a strategy for each way in which a kind's resources can be told apart.

A kind names its strategy (``Kind.identity.found_by``). Where several live resources could be the declared one, or
several declared ones are the same live one, the pair names that conflict, and nothing is changed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import structs

from reconciler.diff import conflicts
from reconciler.diff.credentials import orphans
from reconciler.diff.ownership import Whose, mark_of
from reconciler.diff.pairs import KnownCredentials, Match, Pair, Policy
from reconciler.expressions.text import fold
from reconciler.model import Diff, Live, Resource, ResourceKey
from reconciler.schema.kind import Kind
from reconciler.schema.secret_names import LAST_FOUR, credential_name

SHOWN = 4  # characters of a secret that Stytch goes on showing
EXTERNAL_ID = "organization_external_id"


def by_name(kind: Kind, desired: Sequence[Resource], live: Sequence[Live], policy: Policy) -> Match:
    """Pair each declared resource with the live one of its name, or of the name that it was renamed from."""
    return _by(lambda index, resource: index.by_name(resource), kind, desired, live, policy)


def by_stored_id(kind: Kind, desired: Sequence[Resource], live: Sequence[Live], policy: Policy) -> Match:
    """Pair each with the live one whose id the credential store holds for it; else with the one of its name."""
    return _by(lambda index, resource: index.by_stored_id(resource, policy.known), kind, desired, live, policy)


class _Index:
    """The live resources by each name that can lead to one."""

    def __init__(self, kind: Kind, live: Iterable[Live]) -> None:
        self._kind = kind
        self._by_id: dict[str, Live] = {}
        self._by_key: defaultdict[ResourceKey, list[Live]] = defaultdict(list)
        for item in live:
            self._by_id[item.id] = item
            self._by_key[item.namespace, item.name].append(item)

    def ids(self) -> dict[ResourceKey, str]:
        """Return the ids of the resources that a name leads to."""
        return {key: every[0].id for key, every in self._by_key.items() if len(every) == 1}

    def by_name(self, resource: Resource) -> Sequence[Live]:
        """Return every live resource that has the name, or else the former name, of a declared one."""
        named = self._by_key[resource.namespace, resource.name]
        if not named and resource.renamed_from:
            named = self._by_key[resource.namespace, resource.renamed_from]
        return list(named)

    def by_stored_id(self, resource: Resource, known: KnownCredentials) -> Sequence[Live]:
        """Return the live resource whose credential is at hand; else those that have the name."""
        name = credential_name(self._kind, resource)
        stored = known.id_of(name)
        if stored in self._by_id:
            return [self._by_id[stored]]
        if self._kind.identity.id_is_key and (shown := known.last_four(name)):
            # Where the store is gone, or another one, the value that is at hand still tells which it is.
            alike = [item for item in self._by_id.values() if self._shown(item) == shown]
            if len(alike) == 1:
                return alike
        return self.by_name(resource)

    def _shown(self, live: Live) -> object:
        """Return the last characters of a resource's credential, which may be its id."""
        told_by_id = self._kind.credential is not None and not self._kind.credential.shown_once
        return live.id[-SHOWN:] if told_by_id else live.spec.get(LAST_FOUR)


def _by(
    find: Callable[[_Index, Resource], Sequence[Live]],
    kind: Kind,
    desired: Sequence[Resource],
    live: Sequence[Live],
    policy: Policy,
) -> Match:
    """Pair one after the other, so that of two declared resources that are the same live one the first has it."""
    registered_itself = {(item.namespace, item.name): item for item in live if kind.identity.registered_itself(item)}
    live = [item for item in live if not kind.identity.registered_itself(item)]
    index = _Index(kind, live)
    known = {policy.known.id_of(credential_name(kind, resource)) for resource in desired} if kind.credential else set()
    names = {resource.name for resource in desired}
    nameless = [item for item in live if item.id not in known and item.name not in names]
    claimed: dict[str, Resource] = {}
    pairs: list[Pair] = []
    for resource in desired:
        candidates = find(index, resource)
        namesake = registered_itself.get((resource.namespace, resource.name))
        conflict = conflicts.by_name(kind, resource, candidates, claimed, namesake)
        if conflict or candidates:
            pairs.append(Pair(declared=resource, live=None if conflict else candidates[0], conflict=conflict))
            for item in candidates:
                claimed.setdefault(item.id, resource)
            continue
        pair, orphaned = _new(kind, resource, live, known, nameless, policy)
        pairs.append(pair)
        claimed.update((item.id, resource) for item in orphaned)
    unclaimed = [item for item in live if item.id not in claimed]
    paired = [(pair, pair.live) for pair in pairs if pair.live and not pair.orphaned]
    return Match(
        kind=kind,
        policy=policy,
        live=live,
        pairs=_where_one_is_possible(pairs, unclaimed) if kind.identity.one_per_parent else pairs,
        unclaimed=unclaimed,
        findings=Diff(
            ids=index.ids() | {(pair.declared.namespace, pair.declared.name): live.id for pair, live in paired},
            managed=Counter(pair.declared.namespace for pair, _ in paired),
        ),
    )


def _new(
    kind: Kind,
    resource: Resource,
    live: Sequence[Live],
    known: Collection[str | None],
    nameless: Sequence[Live],
    policy: Policy,
) -> tuple[Pair, Sequence[Live]]:
    """Return the pair of what is not live, as far as anybody knows, and what an interrupted run may have made of it."""
    conflict = conflicts.unknown_in_new(kind, resource, policy.known)
    conflict = conflict or conflicts.taken_name(kind, resource, live, policy.known)
    if conflict:
        return Pair(declared=resource, conflict=conflict), ()
    ours, doubtful = orphans(kind, resource, live, known, policy.known)
    if len(ours) == 1:
        return Pair(declared=resource, live=ours[0], orphaned=True), ours
    if ours:
        return Pair(declared=resource, conflict=conflicts.several_orphans(resource, ours)), ours
    if doubtful:
        conflict = conflicts.doubt(kind, resource, [item.id for item in doubtful], policy.known)
        return Pair(declared=resource, conflict=conflict), doubtful
    conflict = conflicts.made_before(kind, resource, nameless, policy.known, policy.target.secret_last_four)
    return Pair(declared=resource, conflict=conflict), ()


def _where_one_is_possible(pairs: Iterable[Pair], unclaimed: Iterable[Live]) -> list[Pair]:
    """Put a create in conflict with an undeclared live resource where only one can exist."""
    others = {item.namespace: item for item in unclaimed}
    return [
        structs.replace(pair, conflict=conflicts.only_one(pair.declared, others[pair.declared.namespace]))
        if _is_new(pair) and pair.declared.namespace in others
        else pair
        for pair in pairs
    ]


def by_external_id_then_name(kind: Kind, desired: Sequence[Resource], live: Sequence[Live], policy: Policy) -> Match:
    """Pair by external id, name or former name, which must all lead to one live resource, or to none.

    One that only its name led to, and that does not carry our mark, is in conflict unless the manifest adopts it: end
    users can create such resources with names of their choice.
    """
    names = _ExternalIds(live)
    candidates_of = {resource.name: names.candidates(resource) for resource in desired}
    claims = Counter(item.id for candidates in candidates_of.values() for item in candidates)
    marks = {item.id: mark_of(item, policy.owner) for item in live}
    swaps = conflicts.swapped(desired, names.by_external_id)
    pairs: list[Pair] = []
    strangers: dict[str, Live] = {}
    for resource in desired:
        candidates, lookalike = candidates_of[resource.name], names.lookalike(resource)
        whose = marks[candidates[0].id][0] if candidates else Whose.NOBODY
        conflict = conflicts.by_external_id(resource, candidates, claims, lookalike, whose)
        if conflict:
            conflict = conflicts.with_swap(conflict, swaps.get(resource.name, ()))
        elif candidates and not (policy.adopt or names.is_proven(resource, candidates[0], whose)):
            conflict = conflicts.not_ours(resource, candidates[0], whose)
            strangers[resource.name] = candidates[0]
        is_paired = candidates and not conflict
        pairs.append(Pair(declared=resource, live=candidates[0] if is_paired else None, conflict=conflict))
    ours = {id for id, (whose, _) in marks.items() if whose is Whose.OURS}
    lookalikes = (names.lookalike(resource) for resource in desired if not candidates_of[resource.name])
    alike = {item.id for item in lookalikes if item}
    unclaimed = [item for item in live if item.id not in claims and not (item.id in ours and item.id in alike)]
    left = [item for item in unclaimed if item.id in ours and item.name not in policy.elsewhere]
    new = [pair.declared for pair in pairs if _is_new(pair) or pair.declared.name in strangers]
    return Match(
        kind=kind,
        policy=policy,
        live=live,
        pairs=pairs,
        unclaimed=unclaimed,
        marks=marks,
        findings=Diff(
            ids={(None, pair.declared.name): pair.live.id for pair in pairs if pair.live and pair.ensure != "absent"},
            managed=Counter({None: len(ours)}),
            strangers={(None, name): item.id for name, item in strangers.items()},
            problems=tuple(conflicts.name_changed(new, sorted(left, key=lambda item: item.name), strangers)),
        ),
    )


def _is_new(pair: Pair) -> bool:
    """Return whether a resource is to be created."""
    return pair.live is None and pair.conflict is None and pair.ensure == "present"


class _ExternalIds:
    """The live resources by each name that can lead to one, where those are an external id and a name."""

    def __init__(self, live: Iterable[Live]) -> None:
        self.by_external_id: dict[str, Live] = {}
        self._by_name: dict[str, Live] = {}
        self._by_folded_name: dict[str, Live] = {}
        for item in live:
            self._by_name[item.name] = item
            self._by_folded_name[fold(item.name)] = item
            if external_id := item.spec.get(EXTERNAL_ID):
                self.by_external_id[external_id] = item

    def is_proven(self, resource: Resource, live: Live, whose: Whose) -> bool:
        """Return whether more than a name says that a live resource is the declared one, or nothing needs to.

        The mark of a create that was cut short says so too, but permits no delete.
        """
        if resource.ensure == "external" or resource.adopt:
            return True
        if self.by_external_id.get(resource.spec.get(EXTERNAL_ID) or "") is live:
            return True
        return whose is Whose.OURS if resource.ensure == "absent" else whose is not Whose.NOBODY

    def lookalike(self, resource: Resource) -> Live | None:
        """Return the live resource whose name differs from the declared one only by case."""
        return self._by_folded_name.get(fold(resource.name))

    def candidates(self, resource: Resource) -> Sequence[Live]:
        """Return every live resource that a declared one could be, each once."""
        led_to = (
            self.by_external_id.get(resource.spec.get(EXTERNAL_ID) or ""),
            self._by_name.get(resource.name),
            self._by_name.get(resource.renamed_from or ""),
        )
        return list({item.id: item for item in led_to if item}.values())


def led_to(desired: Iterable[Resource], live: Iterable[Live]) -> Mapping[str, Live]:
    """Return the live resource that each declared name leads to, where it leads to one."""
    names = _ExternalIds(live)
    candidates_of = {resource.name: names.candidates(resource) for resource in desired}
    return {name: candidates[0] for name, candidates in candidates_of.items() if len(candidates) == 1}
