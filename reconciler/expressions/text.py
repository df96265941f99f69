"""Canonical texts, addresses, slugs and domains: which are equal, and which are invalid (docs/rules.md)."""

import re
from functools import lru_cache
from typing import Final

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_A_LABELS: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_TOP: Final = re.compile(r".*\.[a-z0-9-]{2,}")  # a name without a dot is a machine's: Stytch takes no address at it
# The part before the @ of an address: printable ASCII without blanks and without what needs quotes. What a mail server
# needs an extension for (RFC 6531) Stytch is not known to take.
_LOCAL_PART: Final = re.compile(r'[^\s@"(),:;<>\[\\\]\x00-\x1f\x7f-\U0010ffff]{1,64}')
# Unicode's White_Space. Python's own set has four control characters more.
_WHITE_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_LONGEST_LOCAL_PART: Final = 64  # octets, RFC 5321 §4.5.3.1.1
_LONGEST_ADDRESS: Final = 254  # octets, RFC 5321 §4.5.3.1.3 less the angle brackets
_OTHER_RUNS: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_DOMAIN: Final = 253  # octets, RFC 1035 §2.3.4 without the root

_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_UPPER: Final = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}


def fold(text: str) -> str:
    """Return ``text`` with A to Z in lower case and everything else unchanged."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def trimmed(text: str) -> str:
    """Return ``text`` without outer white space."""
    return text.strip(_WHITE_SPACE)


def is_blank(text: str) -> bool:
    """Return whether a text is empty, or holds only white space and characters that cannot be seen."""
    return not text[:1].isalnum() and not any(one.isprintable() and one != " " for one in text)


def raise_case(text: str) -> str:
    """Return ``text`` with a to z in upper case and everything else unchanged."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def slugify(text: str) -> str:
    """Return ``text`` as a slug: NFKD, ASCII only, lower case, other runs to ``-``, trimmed; "" if nothing is left."""
    if not text.isascii():
        import unicodedata

        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _OTHER_RUNS.sub("-", text.lower()).strip("-")


def a_label(domain: str) -> str | None:
    """Return a domain as its lower-case A-label (``müller.example`` is ``xn--mller-kva.example``).

    Domains are compared only in this form. None for an invalid domain name: an empty or overlong label, a blank, a
    trailing dot, a character that UTS #46 refuses.
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


def mail_domain(text: str) -> str | None:
    """Return the A-label of a domain that can have addresses: of more than one label; None for any other text."""
    label = a_label(trimmed(text))
    return label if label and _TOP.fullmatch(label) else None


@lru_cache(maxsize=1 << 16)
def _label(domain: str) -> str | None:
    return mail_domain(domain) if domain == trimmed(domain) else None


def parsed_address(text: str) -> tuple[str, str] | None:
    """Return an e-mail address in its canonical form, and its domain; None for an invalid address.

    The canonical form has no outer white space, A to Z in lower case, and the domain as an A-label. An address whose
    domain has no dot, and one with anything but ASCII before the @ or with more than 64 characters there, is invalid.
    """
    if text.isascii():  # the fast path: a run may have a million addresses
        folded = text.lower()
        local, _, domain = folded.rpartition("@")
        if (
            (label := _label(domain))
            and ((local.isalnum() and len(local) <= _LONGEST_LOCAL_PART) or _LOCAL_PART.fullmatch(local))
            and len(text) <= _LONGEST_ADDRESS
        ):
            return folded, label
    bare = trimmed(text)
    if bare.isascii():
        return parsed_address(bare) if bare != text else None
    local, _, domain = bare.rpartition("@")
    label = _label(domain) if bare.isprintable() else None
    if label is None or _LOCAL_PART.fullmatch(local) is None:
        return None
    folded = f"{fold(local)}@{label}"
    return (folded, label) if len(folded.encode()) <= _LONGEST_ADDRESS else None


def is_at_a_machine(text: str) -> bool:
    """Return whether an address is invalid only because its domain is a machine's name, without a dot."""
    local, _, domain = trimmed(text).rpartition("@")
    label = a_label(domain)
    return bool(label) and mail_domain(domain) is None and _LOCAL_PART.fullmatch(local) is not None


def mailbox(text: str) -> str | None:
    """Return an e-mail address in its canonical form; None for an invalid address."""
    found = parsed_address(text)
    return found and found[0]


def mailbox_or_text(text: str) -> str:
    """Return an address in its canonical form, or the trimmed text in lower case where the address is invalid."""
    return mailbox(text) or fold(trimmed(text))


def address_domain(address: str) -> str | None:
    """Return the A-label of the domain of an e-mail address; None for an invalid address."""
    found = parsed_address(address)
    return found and found[1]


def domain_label(text: str) -> str | None:
    """Return the A-label of a domain without outer white space; None for an invalid domain name."""
    return a_label(trimmed(text))


def joined_text(text: str) -> str:
    """Return a table's cell, or the value it is joined with, in its canonical form. "" joins nothing."""
    text = trimmed(text)
    if "@" in text:
        return mailbox(text) or text
    return "" if is_blank(text) else text
