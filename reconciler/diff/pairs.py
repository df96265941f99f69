"""What comparing works on: how a kind is treated, and each declared resource beside the live one that it is."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from reconciler.diff.ownership import Owner, Whose
from reconciler.model import Diff, Ensure, Intent, Live, Mark, Problem, Resource, Target
from reconciler.schema.kind import Kind

UNMARKED = (Whose.NOBODY, None)
NOTHING_BEGUN: Final[Mapping[str, tuple[Intent, ...]]] = MappingProxyType({})


class KnownCredentials(Struct, frozen=True, kw_only=True):
    """What the credential store and the journal know.

    ``id_of`` gives the id of the resource whose credential is kept under a name; ``last_four`` the last characters of
    the secret of a name, None where nobody knows it, and ``at_hand`` the same unless a command has to be asked for it;
    ``begun`` the resources whose creation, or rotation, an earlier run began and never ended, by address; ``lost``
    whether the credential of a name was given once and is nowhere now; ``now`` is the time.
    """

    id_of: Callable[[str], str | None] = lambda _name: None
    last_four: Callable[[str], str | None] = lambda _name: None
    at_hand: Callable[[str], str | None] = lambda _name: None
    begun: Mapping[str, tuple[Intent, ...]] = NOTHING_BEGUN
    lost: Callable[[str], bool] = lambda _name: False
    now: datetime = datetime.min.replace(tzinfo=UTC)


class Policy(Struct, frozen=True, kw_only=True):
    """How a run treats the resources of a kind, and what it knows of them besides.

    What carries a mark of ``owner`` is ours. Where it is ``authoritative``, what is ours and not declared any more is
    deleted; what is declared for another environment only (``elsewhere``) is simply not managed here. ``adopt`` takes
    over every resource that a name leads to, as ``adopt`` in a manifest does one.
    """

    owner: Owner = Owner("")
    authoritative: bool = False
    adopt: bool = False
    elsewhere: Collection[str] = ()
    target: Target = Target()
    known: KnownCredentials = KnownCredentials()


class Pair(Struct, frozen=True, kw_only=True):
    """A declared resource and the live one that it is, if there is one; or why nobody knows which one it is.

    ``orphaned`` says that an interrupted run created the live one, and that nobody has kept its credential.
    """

    declared: Resource
    live: Live | None = None
    conflict: Problem | None = None
    orphaned: bool = False

    @property
    def ensure(self) -> Ensure:
        """Return what the manifest asks for."""
        return self.declared.ensure


class Match(Struct, frozen=True, kw_only=True):
    """Both sides of a kind, paired.

    ``live`` are all live resources, ``unclaimed`` those among them that nothing declared leads to, ``marks`` says
    whose each is, by id, where the kind's resources carry marks. ``findings`` is what pairing itself has to say.
    """

    kind: Kind
    policy: Policy
    live: Sequence[Live]
    pairs: Sequence[Pair]
    unclaimed: Sequence[Live]
    marks: Mapping[str, tuple[Whose, Mark | None]] = {}
    findings: Diff

    def mark_of(self, live: Live) -> tuple[Whose, Mark | None]:
        """Return whose a live resource is, and its mark where that is ours."""
        return self.marks.get(live.id, UNMARKED)
