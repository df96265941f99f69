"""Why a person is a member of what: the users that a name leads to, and what the rules say of each."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from reconciler import pipeline
from reconciler.clients.data import Client
from reconciler.config import Config
from reconciler.expressions import mailbox_or_text
from reconciler.load import Declared
from reconciler.model import Cause
from reconciler.rules import Explanation, MembershipExplanation, explain, is_user
from reconciler.users import OddUser, User, UserStream

NAMES = frozenset({"user_id", "external_id", "emails"})

Connect = Callable[[Config], AbstractContextManager[Client]]


def explain_user(config: Config, wanted: str, connect: Connect) -> tuple[Explanation, ...]:
    """Explain every user whose id, external id or address (however it is spelled) is ``wanted``.

    A Member that is written by hand for that address, and that is no user's, is explained too. ``connect`` is used
    only where the users are those of the live Consumer project.
    """
    declared, rules = pipeline.validate(config)
    needs_client = config.users is not None and config.users.file is None
    with connect(config) if needs_client else nullcontext() as client:
        source = pipeline.users(config, rules, client, NAMES)
        explained = [explain(rules, user) for user in _found(source, wanted)]
    by_hand = {(one.organization, one.by_hand) for each in explained for one in each.memberships if one.by_hand}
    return (*explained, *_by_hand(declared, mailbox_or_text(wanted), {organization for organization, _ in by_hand}))


def _found(source: UserStream | None, wanted: str) -> Iterator[User]:
    for user in source or ():
        if not isinstance(user, OddUser) and is_user(user, wanted):
            yield user


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
