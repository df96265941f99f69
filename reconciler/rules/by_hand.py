"""Hand-written Members, found by a user's addresses."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct

from reconciler.expressions import mailbox_or_text
from reconciler.model import Resource
from reconciler.rules.person import Address, Person


class Written(Struct, frozen=True):
    """A hand-written Member and its number among the declared ones."""

    number: int
    member: Resource

    @property
    def organization(self) -> str:
        """Return the slug of the organization it is in."""
        return str(self.member.namespace)


ByHand = Mapping[str, tuple[Written, ...]]  # by address, as addresses compare


def by_hand(members: Sequence[Resource]) -> ByHand:
    """Index the hand-written Members by their addresses."""
    found: defaultdict[str, list[Written]] = defaultdict(list)
    for number, member in enumerate(members):
        found[mailbox_or_text(member.name)].append(Written(number, member))
    return {text: tuple(written) for text, written in found.items()}


def written_for(by_hand: ByHand, person: Person) -> list[tuple[Address, Written]]:
    """Return every Member that stands on an address of a user, verified or not, verified ones first."""
    found = [(address, written) for address in person.addresses for written in by_hand.get(address.text, ())]
    return sorted(found, key=lambda pair: not pair[0].verified)
