"""One user as rules see it: its addresses, and the view of it in which only what is verified exists."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from reconciler.expressions.compile import compiled_node
from reconciler.expressions.expression import Expression
from reconciler.expressions.functions import TEXT, Function
from reconciler.expressions.nodes import And, Call, Compare, ListOf, Lookup, MapOf, Node, Not, Or, Read, ReadPath
from reconciler.expressions.text import is_at_a_machine, mailbox, mailbox_or_text, parsed_address
from reconciler.model import Problem, Resource, problem
from reconciler.rules.patterns import Patterns

# Roots that no expression can name: plain addresses and phone numbers.
ADDRESSES: Final = "verified or any addresses"
NUMBERS: Final = "verified or any phone numbers"

UNREADABLE_ADDRESS: Final = "unreadable-address"
_NONE: Final[frozenset[bool]] = frozenset()


class Address(Struct, frozen=True, gc=False):
    """An e-mail address in the form in which addresses compare, its domain, and whether the source verified it."""

    text: str
    domain: str
    verified: bool


class Person:
    """A user while the rules look at it: what is worked out for one rule serves the next.

    ``unread`` tells whether what is listed as an address and is none is verified: True, False, both or neither.
    """

    __slots__ = ("_any_scope", "_matched", "_patterns", "_scope", "addresses", "unread", "user", "user_id")

    def __init__(self, user: dict[str, Any], patterns: Patterns) -> None:
        self.user = user
        self._patterns = patterns
        self.user_id: str = user["user_id"]
        emails = user.get("emails")
        self.addresses: tuple[Address, ...]
        self.unread = _NONE
        if type(emails) is list and len(emails) == 1 and (only := _address(emails[0])):  # most users of most sources
            self.addresses = (only,)
        else:
            self.addresses, self.unread = _read(user)
        self._matched: dict[str, Sequence[int]] | None = None
        self._scope: dict[str, object] | None = None
        self._any_scope: dict[str, object] | None = None

    def matched(self, address: Address) -> Sequence[int]:
        """Return the numbers of the patterns that match an address of this user."""
        if self._matched is None:
            self._matched = {}
        found = self._matched.get(address.text)
        if found is None:
            found = self._matched[address.text] = self._patterns.matching(address.text, address.domain)
        return found

    def undecided(self, address: Address) -> frozenset[int]:
        """Return the numbers of the patterns of which a redacted address does not tell whether they match it."""
        return self._patterns.undecided(address.domain)

    def scope(self, *, any_address: bool) -> dict[str, object]:
        """Return what expressions see: a user without anything unverified unless a rule says ``verified: any``."""
        if any_address:
            if self._any_scope is None:
                self._any_scope = {"user": respelled(self.user, self.addresses)}
            return self._any_scope
        if self._scope is None:
            self._scope = {"user": respelled(verified_view(self.user), self.addresses)}
        return self._scope

    def admissible(self, *, any_address: bool) -> tuple[Address, ...]:
        """Return the addresses that count for a rule, in the user's order."""
        if any_address:
            return self.addresses
        return tuple([address for address in self.addresses if address.verified])

    @property
    def has_unverified(self) -> bool:
        """Return whether anything of this user is missing in the verified view."""
        return verified_view(self.user) is not self.user


def unread(person: Person) -> Problem:
    """Return the problem of an address that cannot be read: it may be any, so memberships that rely on it are held."""
    message = "an address of this user is not a valid e-mail address, so memberships that rely on it are held"
    hint = "correct it in the source: written as ann@acme.example, without a name, mailto: or a dot at the end, in "
    hint += "ASCII before the @, and at a domain with a dot"
    return problem(UNREADABLE_ADDRESS, message, hint, severity="problem", users=(person.user_id,))


def _read(user: Mapping[str, Any]) -> tuple[tuple[Address, ...], frozenset[bool]]:
    """Return a user's addresses, and whether what cannot be read as one is verified: True, False, both or neither.

    An address at a machine is read, and is none: it leaves something open only where no other is verified.
    """
    emails = user.get("emails")
    if type(emails) is not list:
        return (), _NONE
    found: dict[str, Address] = {}
    unread: set[bool] = set()
    at_machines: set[bool] = set()
    for entry in emails:
        address = _address(entry)
        if address is None:
            text = entry.get("email") if type(entry) is dict else None
            kind = at_machines if type(text) is str and is_at_a_machine(text) else unread
            kind.add(type(entry) is dict and entry.get("verified") is True)
        elif address.text not in found or address.verified:
            found[address.text] = address
    if not any(address.verified for address in found.values()):
        unread |= at_machines
    return tuple(found.values()), frozenset(unread) if unread else _NONE


def _address(entry: object) -> Address | None:
    if type(entry) is not dict or type(text := entry.get("email")) is not str:
        return None
    found = parsed_address(text)
    return Address(found[0], found[1], entry.get("verified") is True) if found else None


def respelled(user: dict[str, Any], addresses: Sequence[Address]) -> dict[str, Any]:
    """Return the user with every address in the form in which addresses compare: itself if they are."""
    emails = user.get("emails")
    if type(emails) is not list or not emails:
        return user
    if len(emails) == len(addresses) == 1 and emails[0].get("email") == addresses[0].text:
        return user
    spelled = {one.text for one in addresses}
    for entry in emails:
        if type(entry) is dict and entry.get("email") not in spelled:
            return {**user, "emails": [_respelled(entry) for entry in emails]}
    return user


def _respelled(entry: object) -> object:
    if type(entry) is not dict or type(text := entry.get("email")) is not str:
        return entry
    return {**entry, "email": mailbox(text) or text}


def verified_view(user: dict[str, Any]) -> dict[str, Any]:
    """Return the user without its unverified addresses and phone numbers: itself if there are none."""
    view = user
    for field in ("emails", "phone_numbers"):
        entries = user.get(field)
        if type(entries) is not list:
            continue
        for entry in entries:
            if type(entry) is not dict or entry.get("verified") is not True:
                kept = [one for one in entries if type(one) is dict and one.get("verified") is True]
                view = {**view, field: kept}
                break
    return view


# ``x in user.emails`` compares addresses, though the list holds maps as Stytch shapes them; so do phone numbers.
# What stands for each list: the root under which a scope has the plain addresses; no text of an expression names it.
_PLAIN: Final[dict[ReadPath, str]] = {("user", "emails"): ADDRESSES, ("user", "phone_numbers"): NUMBERS}
# Not for people to call: what makes an address comparable here.
_MAILBOX: Final = Function("mailbox", mailbox_or_text, (TEXT,))


def comparing_addresses(expression: Expression) -> tuple[Expression, bool]:
    """Return the expression with such tests made comparisons of addresses, and whether there are any."""
    node = _rewritten(expression.node)
    if node == expression.node:
        return expression, False
    return Expression(expression.text, node, expression.paths, expression.constants, compiled_node(node)), True


def with_plain_addresses(scope: dict[str, object], person: Person, *, any_address: bool) -> dict[str, object]:
    """Return a scope in which such tests find what they compare with."""
    user = scope["user"]
    phones = user.get("phone_numbers") if isinstance(user, dict) else None
    entries = phones if isinstance(phones, list) else []
    return {
        **scope,
        ADDRESSES: [address.text for address in person.admissible(any_address=any_address)],
        NUMBERS: [entry.get("phone_number") for entry in entries if isinstance(entry, dict)],
    }


def _rewritten(node: Node) -> Node:
    match node:
        case Compare(operator="in", left=item, right=Read(path=path)) if path in _PLAIN:
            return replace(node, left=_spelled(_rewritten(item), path), right=_plain(node.right, path))
        case Call(function=function, arguments=(Read(path=path) as many, item)) if (
            function.name == "contains" and path in _PLAIN
        ):
            return replace(node, arguments=(_plain(many, path), _spelled(_rewritten(item), path)))
        case And(terms=terms) | Or(terms=terms):
            return replace(node, terms=tuple(map(_rewritten, terms)))
        case Not(term=term):
            return replace(node, term=_rewritten(term))
        case Compare(left=left, right=right):
            return replace(node, left=_rewritten(left), right=_rewritten(right))
        case Lookup(of=of, key=key):
            return replace(node, of=_rewritten(of), key=_rewritten(key))
        case Call(arguments=arguments):
            return replace(node, arguments=tuple(map(_rewritten, arguments)))
        case ListOf(items=items) | MapOf(items=items):
            return replace(node, items=tuple(map(_rewritten, items)))
    return node


def _plain(many: Node, path: ReadPath) -> Node:
    return Read(span=many.span, path=(_PLAIN[path],))


def _spelled(item: Node, path: ReadPath) -> Node:
    """Spell an address as addresses compare."""
    if _PLAIN[path] != ADDRESSES:
        return item
    return Call(span=item.span, function=_MAILBOX, arguments=(item,))


class HandWritten(Struct, frozen=True):
    """A hand-written Member and its number among the declared ones."""

    number: int
    member: Resource

    @property
    def organization(self) -> str:
        """Return the slug of the organization it is in."""
        return str(self.member.namespace)


ByHand = Mapping[str, tuple[HandWritten, ...]]  # by address, as addresses compare


def by_hand(members: Sequence[Resource]) -> ByHand:
    """Index the hand-written Members by their addresses."""
    found: defaultdict[str, list[HandWritten]] = defaultdict(list)
    for number, member in enumerate(members):
        found[mailbox_or_text(member.name)].append(HandWritten(number, member))
    return {text: tuple(written) for text, written in found.items()}


def written_for(by_hand: ByHand, person: Person) -> list[tuple[Address, HandWritten]]:
    """Return every Member that stands on an address of a user, verified or not, verified ones first."""
    found = [(address, written) for address in person.addresses for written in by_hand.get(address.text, ())]
    return sorted(found, key=lambda pair: not pair[0].verified)
