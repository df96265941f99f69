"""Every ``email_regex`` of all rules as one set: an address goes through them once."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from reconciler.expressions.functions import compiled, whole_match
from reconciler.expressions.values import Mistyped

_IGNORE_CASE: Final = "(?i)"  # as everywhere in addresses
_BUDGET: Final = 1 << 27  # bytes RE2 may spend on the set; where that is too little the patterns are tried one by one
_PLAIN_END: Final = re.compile(r"@((?:[A-Za-z0-9-]|\\\.|\[\.\])+)$(?!\n)")

# Whatever stands before the @; what follows names neither another @ nor, but in a group, something else altogether.
_ANYBODY: Final = re.compile(r"\.[*+](@(?![?*+{])([^|()@]|\([^()@]*\))*)?")
_NONE: Final[frozenset[int]] = frozenset()

_Matcher = Callable[[str], list[int]]


def refusal(pattern: str) -> str:
    """Return why RE2 refuses a pattern; "" if it does not."""
    try:
        compiled(pattern)
        compiled(_IGNORE_CASE + pattern)
    except Mistyped as problem:
        return problem.message
    domain = pattern.rpartition("@")[2]
    return "" if domain.isascii() else "an address is matched with its domain as an A-label, xn--…, which is ASCII"


class Patterns:
    """Patterns by their number; each is a valid one. Those that end in one domain wait for an address there.

    Where addresses are ``redacted``, only their domains count, and ``undecided`` names the patterns that ask for more.
    """

    def __init__(self, texts: Sequence[str], *, redacted: bool = False) -> None:
        self._texts = tuple(_IGNORE_CASE + text for text in texts)
        self._more = frozenset(n for n, text in enumerate(texts) if redacted and not _ANYBODY.fullmatch(text))
        by_domain: defaultdict[str | None, list[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            if number in self._more:
                continue
            by_domain[_domain_of(text)].append(number)
        self._anywhere = self._together(by_domain.pop(None, []))
        self._at = {domain: self._together(numbers) for domain, numbers in by_domain.items()}

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, number: int) -> str:
        """Return a pattern as it was written."""
        return self._texts[number].removeprefix(_IGNORE_CASE)

    def matching(self, address: str, domain: str) -> Sequence[int]:
        """Return the numbers of the patterns that match a complete lower-case address; ``domain`` is its A-label."""
        if not address.isascii():
            return [number for number, text in enumerate(self._texts) if _matches(address, text)]
        at = self._at.get(domain)
        if self._anywhere is None:
            return at(address) if at else ()
        return [*self._anywhere(address), *at(address)] if at else self._anywhere(address)

    def undecided(self, domain: str) -> frozenset[int]:
        """Return the patterns that may match an address at a domain, for all that is known of redacted ones."""
        if not self._more:
            return _NONE
        return frozenset(n for n in self._more if _domain_of(self.text(n)) in (None, domain))

    def _together(self, numbers: Sequence[int]) -> _Matcher | None:
        """Return a function from an address to those of ``numbers`` that match it; None where there are none to try."""
        if not numbers:
            return None
        match = _set_of([self._texts[number] for number in numbers])
        if match is None:
            return lambda address: [number for number in numbers if _matches(address, self._texts[number])]
        return lambda address: [numbers[index] for index in match(address.encode()) or ()]


def _domain_of(pattern: str) -> str | None:
    """Return the only domain at which a pattern can match, where it plainly ends in one."""
    found = _PLAIN_END.search(pattern)
    if found is None or any(sign in pattern for sign in ("|", "(?", "\\Q")):
        return None
    return found[1].replace("\\.", ".").replace("[.]", ".").lower()


def _matches(address: str, pattern: str) -> bool:
    try:
        return whole_match(address, pattern)
    except Mistyped:  # longer than any address, or not valid Unicode
        return False


def _set_of(texts: Sequence[str]) -> Any:
    """Return a function from an address to the numbers that match it, or None if RE2 cannot hold all at once."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _BUDGET
    together = re2.Set.FullMatchSet(options)
    try:
        for text in texts:
            together.Add(text)
        together.Compile()
    except re2.error:
        return None
    return together.Match
