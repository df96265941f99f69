"""One user as rules see it: its addresses, and the view of it in which only what is verified exists."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from reconciler.expressions.text import a_label, fold
from reconciler.rules.patterns import Patterns

# What may stand before the @, as in reconciler.expressions.text, which divides one address; here come millions.
_LOCAL_PART: Final = re.compile(r'[^\s@"(),:;<>\[\\\]]+')
# Roots that no expression can name: plain addresses and phone numbers (reconciler.rules.among).
ADDRESSES: Final = "verified or any addresses"
NUMBERS: Final = "verified or any phone numbers"
_label: Final = lru_cache(maxsize=1 << 16)(a_label)


class Address(Struct, frozen=True, gc=False):
    """An e-mail address in lower case, its domain as an A-label, and whether the source verified it."""

    text: str
    domain: str
    verified: bool


class Person:
    """A user while the rules look at it: what is worked out for one rule serves the next."""

    __slots__ = ("_any_scope", "_patterns", "_scope", "addresses", "user", "user_id")

    def __init__(self, user: dict[str, Any]) -> None:
        self.user = user
        self.user_id: str = user["user_id"]
        self.addresses = addresses_of(user)
        self._patterns: dict[str, Sequence[int]] | None = None
        self._scope: dict[str, object] | None = None
        self._any_scope: dict[str, object] | None = None

    def matched(self, address: Address, patterns: Patterns) -> Sequence[int]:
        """Give the numbers of the patterns that match an address of this user."""
        if self._patterns is None:
            self._patterns = {}
        found = self._patterns.get(address.text)
        if found is None:
            found = self._patterns[address.text] = patterns.matching(address.text, address.domain)
        return found

    def scope(self, *, any_address: bool) -> dict[str, object]:
        """Give what expressions see: a user without anything unverified unless a rule says ``verified: any``."""
        if any_address:
            if self._any_scope is None:
                self._any_scope = {"user": self.user}
            return self._any_scope
        if self._scope is None:
            self._scope = {"user": verified_view(self.user)}
        return self._scope

    def admissible(self, *, any_address: bool) -> tuple[Address, ...]:
        """Give the addresses that count for a rule, in the user's order."""
        if any_address:
            return self.addresses
        return tuple([address for address in self.addresses if address.verified])

    @property
    def has_unverified(self) -> bool:
        """Tell whether anything of this user is missing in the verified view."""
        return verified_view(self.user) is not self.user


def addresses_of(user: Mapping[str, Any]) -> tuple[Address, ...]:
    """Give a user's addresses, each once, in the user's order; what is no address is left out."""
    emails = user.get("emails")
    if type(emails) is not list:
        return ()
    if len(emails) == 1:
        only = _address(emails[0])
        return (only,) if only else ()
    found: dict[str, Address] = {}
    for address in map(_address, emails):
        if address and (address.text not in found or address.verified):
            found[address.text] = address
    return tuple(found.values())


def _address(entry: object) -> Address | None:
    if type(entry) is not dict or type(text := entry.get("email")) is not str:
        return None
    text = text.lower() if text.isascii() else _encodable(text)
    local, _, domain = text.rpartition("@")
    if _LOCAL_PART.fullmatch(local) is None or (label := _label(domain)) is None:
        return None
    return Address(text, label, entry.get("verified") is True)


def _encodable(text: str) -> str:
    """Fold an address beyond ASCII; "" for one that is no valid Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return ""
    return fold(text)


def verified_view(user: dict[str, Any]) -> dict[str, Any]:
    """Give the user without its unverified addresses and phone numbers: itself if there are none."""
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
