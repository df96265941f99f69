"""Text as addresses, slugs and domains see it: ASCII case, ASCII slugs, A-labels."""

import re
from typing import Final

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_A_LABELS: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ADDRESS: Final = re.compile(r'[^\s@"(),:;<>\[\\\]]+@([^@]+)')
_OTHER_RUNS: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_DOMAIN: Final = 253  # octets, RFC 1035 §2.3.4 without the root

_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_UPPER: Final = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}


def fold(text: str) -> str:
    """``text`` with A to Z in lower case and everything else as it was."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def raise_case(text: str) -> str:
    """``text`` with a to z in upper case and everything else as it was."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def slugify(text: str) -> str:
    """``text`` as a slug: NFKD, ASCII only, lower case, other runs to ``-``, trimmed; "" if nothing is left."""
    if not text.isascii():
        import unicodedata

        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _OTHER_RUNS.sub("-", text.lower()).strip("-")


def a_label(domain: str) -> str | None:
    """A domain as DNS spells it, in lower case (``müller.example`` is ``xn--mller-kva.example``).

    The one form in which domains are compared. None for what is no domain name: an empty or overlong label, a blank,
    a trailing dot, a character that UTS #46 refuses.
    """
    if len(domain) > _LONGEST_DOMAIN:
        return None
    if domain.isascii():
        folded = domain.lower()
    else:
        import idna

        try:
            folded = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
        except idna.IDNAError:
            return None
    return folded if _A_LABELS.fullmatch(folded) else None


def address_domain(address: str) -> str | None:
    """The A-label of the domain of an e-mail address; None unless exactly one ``@`` divides it sensibly."""
    parts = _ADDRESS.fullmatch(address)
    return a_label(parts[1]) if parts else None
