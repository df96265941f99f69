"""Text from servers and commands → text that can be shown: no secret, no address, no control characters.

A server, or a command, may repeat what it was sent or has just made. Of a secret that we know not even a piece is
shown, however it is spelled; of what we do not know, nothing that looks like one.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache, partial
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from reconciler.expressions.text import mailbox_or_text
from reconciler.model import Json
from reconciler.model.secret import Revealed

HIDDEN = "***"
DIGITS = 4

# A local part, quoted or not; an at sign as it stands or as a URL has it; a domain; and what is there if it was masked.
ADDRESS = r"""(?i)("[^"\n]+"|[^\s"@<>()\[\],;:\\]+?)(@|%40)([\pL\pN_.-]*[\pL\pN_])(#[0-9a-f]{4}\b)?"""
# These may be part of an address, but mostly stand before it: `Member/acme/ann@acme.com`, `?address=ann@acme.com`.
BEFORE = re.compile(r"(.*[/=?&|{}'`])?(.+)", re.DOTALL)
CONSIDERED: Final = 2000  # characters; what comes after them is not looked at, and not shown
LONGEST: Final = 200
PIECE: Final = 8  # as many characters of a secret in a row are no accident
# How a secret of Stytch begins is no secret; an id of a request may have "-test-" in it too.
PREFIX: Final = re.compile(r"^secret-(test|live)-")
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
RANDOM: Final = re.compile(r"(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*[0-9])[\w+/=-]{20,}", re.ASCII)


def mask(text: str, salt: bytes = b"") -> str:
    """Return a text with every address masked; what is already masked is left unchanged.

    With a ``salt`` that nobody else knows, nobody can try out whose address it may be. What was masked without one is
    masked once more, so that it looks like the same address in the rest of the text.
    """
    if "@" not in text and "%40" not in text:
        return text
    masked: str = _addresses().sub(partial(_masked, salt), text)
    return masked


@cache
def _addresses() -> Any:
    """Return the pattern for RE2, which takes linear time however long a text without any at sign is."""
    import re2

    return re2.compile(ADDRESS)


def _masked(salt: bytes, found: Any) -> str:
    local, at, domain, digest = found.groups()
    if digest and local.endswith(HIDDEN):
        return f"{local}{at}{domain}#{_salted(salt, digest.removeprefix('#'))}"
    before, name = BEFORE.fullmatch(local).groups(default="")  # type: ignore[union-attr]  # no local part is empty
    digits = _salted(salt, sha256(mailbox_or_text(f"{name}@{domain}").encode()).hexdigest()[:DIGITS])
    first = name.strip('"')[:1]
    return f"{before}{first}{HIDDEN}{at}{domain}#{digits}{digest or ''}"


def _salted(salt: bytes, digits: str) -> str:
    return sha256(salt + digits.lower().encode()).hexdigest()[:DIGITS] if salt else digits


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return what is shown of a sentence: "" where it holds a piece of one of the secrets."""
    known = [secret for secret in secrets if secret]
    for secret in known:
        text = text.replace(secret, HIDDEN)
    text = text[:CONSIDERED]
    if any(_shares_a_piece(text, secret) for secret in known):
        return ""
    shown = mask("".join(character if character.isprintable() else " " for character in RANDOM.sub(HIDDEN, text)))
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def identifier(value: object, secrets: Iterable[str]) -> str:
    """Return an id, or the name of an error, as somebody else says it: "" where it is none, or may be a secret."""
    text = value if isinstance(value, str) else ""
    if not IDENTIFIER.fullmatch(text) or RANDOM.search(text):
        return ""
    return "" if any(_shares_a_piece(text, secret) for secret in secrets if secret) else text


def revealed_in(body: Json) -> Iterator[Revealed]:
    """Yield every secret in what is about to be sent."""
    if isinstance(body, Revealed):
        yield body
    elif isinstance(body, dict | list):
        for inner in body.values() if isinstance(body, dict) else body:
            yield from revealed_in(inner)


def _spelled(secret: str) -> Iterator[str]:
    """Yield a secret as it stands, and as JSON, URLs, hexadecimal digits and base64 (of longer texts, too) spell it."""
    secret = PREFIX.sub("", secret)
    encoded = secret.encode("utf-8", "surrogatepass")
    yield from (secret, json.dumps(secret), quote(encoded, safe=""), encoded.hex())
    yield from (b64encode(bytes(before) + encoded).decode().rstrip("=") for before in range(3))


def _shares_a_piece(text: str, secret: str) -> bool:
    return not _pieces(secret).isdisjoint([text[at : at + PIECE] for at in range(len(text) - PIECE + 1)])


@lru_cache(maxsize=4)  # every answer is compared with the same passwords
def _pieces(secret: str) -> frozenset[str]:
    """Return every piece of a secret, however it is spelled, that is long enough to tell something of it."""
    return frozenset(form[at : at + PIECE] for form in _spelled(secret) for at in range(len(form) - PIECE + 1))
