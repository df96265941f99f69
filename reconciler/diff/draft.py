"""A difference while it is being found: lists that grow, until ``done`` gives the value that they make."""

from collections import Counter

from msgspec import Struct, field

from reconciler.model import Admin, Change, Diff, Listed, Problem, ResourceKey, Stakes


class Draft(Struct, kw_only=True):
    """The parts of a ``Diff``, as they are found, of one kind or of one organization (``namespace``)."""

    namespace: str | None = None
    changes: list[Change] = field(default_factory=list)
    held: list[Listed] = field(default_factory=list)
    removed: list[Listed] = field(default_factory=list)
    kept: list[Listed] = field(default_factory=list)
    unmanaged: list[Listed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    unchanged: int = 0
    managed: Counter[str | None] = field(default_factory=Counter)
    ids: dict[ResourceKey, str] = field(default_factory=dict)
    strangers: dict[ResourceKey, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    admins: dict[str, Admin] = field(default_factory=dict)
    breakglass: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()

    def done(self) -> Diff:
        """Return what was found."""
        return Diff(
            changes=tuple(self.changes),
            held=tuple(self.held),
            removed=tuple(self.removed),
            kept=tuple(self.kept),
            unmanaged=tuple(self.unmanaged),
            problems=tuple(self.problems),
            settled=tuple(self.settled),
            unchanged=self.unchanged,
            managed=self.managed,
            ids=self.ids,
            strangers=self.strangers,
            counts=self.counts,
            stakes=Stakes(
                admins={self.namespace: self.admins} if self.namespace is not None and self.admins else {},
                breakglass=self.breakglass,
                idle=self.idle,
            ),
        )
