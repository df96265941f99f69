"""``why``: find the users with a name, and explain what the rules decide for each."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from msgspec import structs

from reconciler.clients.b2b import Client
from reconciler.config.read import Config
from reconciler.desired.members import repeated, unreadable
from reconciler.expressions.text import mailbox_or_text, trimmed
from reconciler.load.repository import Declared, load
from reconciler.model import Cause, fold_problems
from reconciler.read.users import open_users
from reconciler.rules.explain import Explanation, MembershipExplanation, Open, explain, is_user
from reconciler.rules.rule import Rules
from reconciler.sources.users import MalformedUser, User, UserStream

NAMES = frozenset({"user_id", "external_id", "emails"})

Connect = Callable[[Config], AbstractContextManager[Client]]


def explain_user(config: Config, wanted: str, connect: Connect) -> tuple[Explanation, ...]:
    """Explain every user whose id, external id or address (however it is spelled) is ``wanted``.

    A Member that is written by hand for that address, and that is no user's, is explained too. ``connect`` is used
    only where the users are those of the live Consumer project.
    """
    declared, rules = load(config)
    needs_client = config.users is not None and config.users.file is None
    with connect(config) if needs_client else nullcontext() as client:
        source = open_users(config, rules, client, NAMES)
        explained = list(_explained(rules, list(_found(source, wanted))))
    by_hand = {(one.organization, one.by_hand) for each in explained for one in each.memberships if one.by_hand}
    return (*explained, *_by_hand(declared, mailbox_or_text(wanted), {organization for organization, _ in by_hand}))


def _found(source: UserStream | None, wanted: str) -> Iterator[User | MalformedUser]:
    for user in source or ():
        if user.user_id == trimmed(wanted) if isinstance(user, MalformedUser) else is_user(user, wanted):
            yield user


def _explained(rules: Rules, records: Sequence[User | MalformedUser]) -> Iterator[Explanation]:
    """Explain each record once; one that nobody can read, and each of several of one user, leaves everything open."""
    once = [one for at, one in enumerate(records) if one not in records[:at]]
    counts = Counter(_id_of(one) for one in once)
    for record in once:
        name = _id_of(record)
        explanation = Explanation(user=name) if isinstance(record, MalformedUser) else explain(rules, record)
        problems = list(fold_problems([unreadable(record)])) if isinstance(record, MalformedUser) else []
        problems += [repeated(1)] if counts[name] > 1 else []
        if problems:
            held = tuple(dict.fromkeys((Open(user=name, organization=None), *explanation.undecided)))
            explanation = structs.replace(explanation, undecided=held, problems=(*problems, *explanation.problems))
        yield explanation


def _id_of(record: User | MalformedUser) -> str:
    return record.user_id or "" if isinstance(record, MalformedUser) else str(record["user_id"])


def _by_hand(declared: Declared, address: str, explained: set[str]) -> Iterator[Explanation]:
    """Explain Members that are there only because somebody wrote them down."""
    memberships = tuple(
        MembershipExplanation(
            organization=str(member.namespace),
            address=address,
            why_address="a Member manifest names it",
            roles=tuple(member.spec.get("roles") or ()),
            causes=(),
            by_hand=Cause(file=member.position.file, line=member.position.line),
        )
        for member in declared.members
        if member.name == address and member.ensure == "present" and member.namespace not in explained
    )
    if memberships:
        yield Explanation(user=address, matched=True, memberships=memberships)
