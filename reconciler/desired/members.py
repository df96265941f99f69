"""Files and users → the desired memberships by organization: every user goes through the rules once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from reconciler.desired.packed import Disputed, PackedMemberships, UserIds
from reconciler.diff.member_pairs import DesiredMembers, Users
from reconciler.errors import InvalidInput, Unreadable
from reconciler.model import (
    ORGANIZATION,
    Cause,
    Counted,
    Membership,
    Position,
    Problem,
    Resource,
    address,
    fold_problems,
    problem,
)
from reconciler.rules.evaluate import evaluate
from reconciler.rules.rule import Rules
from reconciler.rules.unmatched import why_unmatched
from reconciler.sources.users import MalformedUser, User, UserStream


class Desired(Struct, frozen=True, kw_only=True):
    """The memberships that rules and hand-written Members give, and what could not be decided.

    ``undecided`` maps an organization's slug to the users whose membership in it a problem leaves open; the users of
    whom everything is open are in ``users``. ``held_by`` counts both by the first cause of each, who is wholly open
    once. ``no_deletes`` says why this source permits no deletes, if so; ``uncounted`` that nothing told how many users
    it has, so that each who seems to be missing must be asked for.
    """

    memberships: PackedMemberships
    users: Users
    undecided: Mapping[str, frozenset[str]]
    held_by: tuple[Counted, ...]
    unmatched: tuple[str, ...]
    unmatched_by: tuple[Counted, ...]
    problems: tuple[Problem, ...]
    count: int = 0
    no_deletes: str = ""
    uncounted: bool = False
    users_project_id: str = ""  # the Consumer project whose users they are
    by_hand: Sequence[Resource] = ()  # the hand-written Members, into which ``Membership.declared`` points
    absent: Mapping[str, Sequence[Membership]] = {}  # those of them that must not be there, by organization
    roles: Mapping[str, frozenset[str]] | None = None  # that there are, as ``desired_members`` is given them
    rule_causes: Sequence[Cause] = ()  # what asks for a membership, by ``Membership.rules``
    before: PackedMemberships | None = None  # what other files give the same users, if any were asked

    def causes(self, membership: Membership) -> tuple[Cause, ...]:
        """Return what asks for a membership: the hand-written Member, and every rule that gave something."""
        given = tuple(
            Cause(file=rule.file, line=rule.line, rule=rule.rule, user=membership.user)
            for rule in map(self.rule_causes.__getitem__, membership.rules)
        )
        if membership.declared < 0:
            return given
        position = self.by_hand[membership.declared].position
        return (Cause(file=position.file, line=position.line, user=membership.user), *given)

    def members_of(self, organization: str, *, external: bool) -> DesiredMembers:
        """Return what is wanted in one organization."""
        return DesiredMembers(
            organization=organization,
            memberships=list(self.memberships.of(organization)),
            absent=self.absent.get(organization, ()),
            undecided=self.undecided.get(organization, frozenset()),
            external=external,
        )


class Before(Struct, frozen=True):
    """What other files say of the same users: their rules, and the members that are written by hand in them."""

    rules: Rules
    members: Sequence[Resource]


def desired_members(
    rules: Rules,
    source: UserStream | None,
    members: Sequence[Resource],
    roles: Mapping[str, frozenset[str]] | None,
    before: Before | None = None,
) -> Desired:
    """Send every user of ``source`` through ``rules`` and add the hand-written ``members`` that no rule touched.

    ``roles`` gives the roles that exist in each organization ("" for all of them); None where they were not read. The
    users go through the rules of ``before`` too, while they are there. Raises ``InvalidInput`` where rules contradict
    each other as they are written, or read a field that no user has.
    """
    collected = _Collected(rules, roles)
    formerly = _Given(before.rules) if before else None
    for record in source or ():
        if type(record) is dict:  # an exact type is asked for fastest
            collected.take(record)
            if formerly:
                formerly.take(record)
        elif isinstance(record, MalformedUser):
            collected.take_malformed(record)
    if source is not None:
        _check_read(source, collected, rules)
    absent: defaultdict[str, list[Membership]] = defaultdict(list)
    for number, member in enumerate(members):
        if member.ensure == "absent":
            slug = str(member.namespace)
            absent[slug].append(Membership(organization=slug, addresses=(member.name,), declared=number))
    collected.add_by_hand(members)
    if before and formerly:
        formerly.add_by_hand(before.members)
    problems = fold_problems(collected.problems)
    if errors := [one for one in problems if one.severity == "error"]:
        raise InvalidInput(errors)
    disputed = collected.ids.disputed()
    twice = [repeated(len(disputed))] if disputed else []
    unused = rules.unused() if collected.read else ()
    return Desired(
        by_hand=members,
        absent=absent,
        roles=roles,
        rule_causes=rules.causes,
        before=formerly.packed if formerly else None,
        memberships=collected.packed,
        users=Users(
            exists=collected.ids.__contains__,
            readable=source is not None,
            undecided=frozenset(collected.undecided.get(None, ())),
            disputed=disputed or frozenset(),  # which is asked of every live member
        ),
        undecided={slug: frozenset(users) for slug, users in collected.undecided.items() if slug is not None},
        held_by=collected.held_by(disputed),
        unmatched=tuple(sorted(collected.unmatched)),
        unmatched_by=collected.counted_unmatched(),
        problems=(*problems, *rules.lasting(), *twice, *unused),
        count=len(collected.ids),
        no_deletes="" if source is None or source.permits_deletes else source.why_no_deletes,
        uncounted=source is not None and source.uncounted,
    )


def _check_read(source: UserStream, collected: "_Collected", rules: Rules) -> None:
    """Refuse a source of which no record could be read, or that lacks a field that the rules read."""
    if collected.problems and not collected.read and source.count:
        raise Unreadable([structs.replace(one, severity="error") for one in fold_problems(collected.problems)])
    if lacking := [name for name in source.lacking if name in rules.user_fields]:
        raise InvalidInput(list(_lacking(lacking, rules)))


class _Given:
    """The memberships that came out of the users that went through the rules so far."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.packed = PackedMemberships()
        self.touched: set[int] = set()  # hand-written Members that some user's membership took up

    def take(self, user: User) -> None:
        """Send one user through the rules."""
        for membership in evaluate(self._rules, user).memberships:
            if membership.declared >= 0:
                self.touched.add(membership.declared)
            self.packed.add(membership)

    def add_by_hand(self, members: Sequence[Resource]) -> None:
        """Add the hand-written Members that no rule touched."""
        for number, member in enumerate(members):
            if number not in self.touched and member.ensure == "present":
                self.packed.add(by_hand(member, number))


class _Collected(_Given):
    """The same, with what could not be decided, and about whom."""

    def __init__(self, rules: Rules, roles: Mapping[str, frozenset[str]] | None) -> None:
        super().__init__(rules)
        self._roles = roles
        # By organization (None: all of them), then by user: the first problem that leaves it open.
        self.undecided: defaultdict[str | None, dict[str, Problem]] = defaultdict(dict)
        self.unmatched: list[str] = []
        self.unmatched_by: Counter[str] = Counter()
        self.problems: list[Problem] = [*rules.problems]
        self.ids = UserIds()
        self.read = 0  # records that could be

    def take(self, user: User) -> None:
        """Send one user through the rules."""
        user_id = user["user_id"]
        try:
            self.ids.add(user_id, user)
        except OverflowError:
            message, hint = "a number of this user has more than 64 bits", "write it as a text"
            self._leave_open(
                user_id, problem("unreadable-user", message, hint, severity="problem", users=(user_id,)), message
            )
            return
        self.read += 1
        decision = evaluate(self._rules, user)
        for membership in decision.memberships:
            if membership.declared >= 0:
                self.touched.add(membership.declared)
            gives = self._roles and (membership.roles or membership.initial)  # most give none: to ask takes longer
            if gives and (unknown := _unknown_roles(membership, self._roles, self._rules.causes)):
                self.problems.append(unknown)
                self.undecided[membership.organization].setdefault(user_id, unknown)
            else:
                self.packed.add(membership)
        if decision.problems:
            for slug, cause in decision.undecided.items():
                self.undecided[slug].setdefault(user_id, cause)
            self.problems.extend(decision.problems)
        if not decision.matched:
            self.unmatched.append(user_id)
            self.unmatched_by[why_unmatched(self._rules, user, decision)] += 1

    def take_malformed(self, record: MalformedUser) -> None:
        """Note a record that nobody can read: if it says whose it is, everything about that user is open."""
        self._leave_open(record.user_id, unreadable(record), record.message)

    def _leave_open(self, user_id: str | None, cause: Problem, record: str) -> None:
        """Note a problem that leaves everything about a user open, if it is known whose it is."""
        self.problems.append(cause)
        if user_id:
            self.ids.add(user_id, record)
            self.undecided[None].setdefault(user_id, cause)

    def counted_unmatched(self) -> tuple[Counted, ...]:
        """Return how many users match no rule, by what they lack, the most first."""
        causes = sorted(self.unmatched_by.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(Counted(cause=cause, count=n) for cause, n in causes)

    def held_by(self, disputed: Disputed) -> tuple[Counted, ...]:
        """Count what is open, each under the first cause of it; a user of whom everything is open counts once."""
        whole = self.undecided.get(None, {})
        causes = Counter(
            (cause.message, cause.code, cause.at)
            for slug, users in self.undecided.items()
            for user, cause in users.items()
            if user not in disputed and (slug is None or user not in whole)
        )
        counts = [Counted(cause=message, count=n, code=code, at=at) for (message, code, at), n in causes.items()]
        if disputed:
            one = repeated(len(disputed))
            counts.append(Counted(cause=one.message, count=len(disputed), code=one.code))
        return tuple(counts)


def unreadable(record: MalformedUser) -> Problem:
    """Return the problem of a record that nobody can read."""
    users = (record.user_id,) if record.user_id else ()
    return problem("unreadable-user", record.message, "", record.position, severity="problem", users=users)


def repeated(users: int) -> Problem:
    """Return the problem of users of whom the source has records that differ."""
    return problem(
        "repeated-user",
        f"the source has several different records for {users} user_id",
        "export the users again: their memberships are held until each id occurs once",
        severity="problem",
    )


def _lacking(fields: Iterable[str], rules: Rules) -> Iterator[Problem]:
    for name in sorted(fields):
        yield problem(
            "unknown-field",
            f"the rules read user.{name}, a field that no user of this source has: unknown, not empty",
            "export the users with that field, or change the rules",
            *rules.reads.get(name, ()),
        )


def by_hand(member: Resource, number: int) -> Membership:
    """Return the membership that a hand-written Member stands for by itself."""
    fields = {name: value for name, value in member.spec.items() if name != "roles"}
    return Membership(
        organization=str(member.namespace),
        addresses=(member.name,),
        verified=(True,),
        roles=tuple(sorted(member.spec.get("roles") or ())),
        fields=fields,
        initial=dict(member.initial),
        declared=number,
    )


def _unknown_roles(
    membership: Membership, roles: Mapping[str, frozenset[str]] | None, causes: Sequence[Cause]
) -> Problem | None:
    given = {*membership.roles, *(membership.initial.get("roles") or ())}
    if roles is None or membership.user is None or not given:
        return None
    known = roles[""] | roles.get(membership.organization, frozenset())
    missing = sorted(given - known)
    if not missing:
        return None
    return problem(
        "unknown-role",
        f"gives a role that does not exist in this project: {', '.join(missing)}",
        "",
        *(Position(causes[number].file, causes[number].line) for number in membership.rules),
        severity="problem",
        addresses=(address(ORGANIZATION, membership.organization),),
        users=(membership.user,),
    )
