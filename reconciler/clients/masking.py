"""E-mail addresses → masked addresses for logs, in which one person stays recognisable.

``ann@acme.com`` becomes ``a***@acme.com#6b3e``: the first letter, the domain and four hexadecimal digits of the
address's SHA-256. The digits are the same in every run and for every spelling of the address, so that two lines can be
seen to speak of one person; they are too few to say who that is.
"""

import re
from functools import cache
from hashlib import sha256
from typing import Any

from reconciler.expressions.text import mailbox_or_text

HIDDEN = "***"
DIGITS = 4

# A local part, quoted or not; an at sign as it stands or as a URL has it; a domain; and what is there if it was masked.
ADDRESS = r"""(?i)("[^"\n]+"|[^\s"@<>()\[\],;:\\]+?)(@|%40)([\pL\pN_.-]*[\pL\pN_])(#[0-9a-f]{4}\b)?"""
# These may be part of an address, but mostly stand before it: `Member/acme/ann@acme.com`, `?address=ann@acme.com`.
BEFORE = re.compile(r"(.*[/=?&|{}'`])?(.+)", re.DOTALL)


def mask(text: str) -> str:
    """Mask every address in ``text``; what is already masked is left unchanged."""
    if "@" not in text and "%40" not in text:
        return text
    masked: str = _addresses().sub(_masked, text)
    return masked


@cache
def _addresses() -> Any:
    """Compile with RE2, which takes linear time however long a text without any at sign is."""
    import re2

    return re2.compile(ADDRESS)


def _masked(found: Any) -> str:
    local, at, domain, digest = found.groups()
    if digest and local.endswith(HIDDEN):
        return str(found[0])
    before, name = BEFORE.fullmatch(local).groups(default="")  # type: ignore[union-attr]  # no local part is empty
    digits = sha256(mailbox_or_text(f"{name}@{domain}").encode()).hexdigest()[:DIGITS]
    first = name.strip('"')[:1]
    return f"{before}{first}{HIDDEN}{at}{domain}#{digits}{digest or ''}"
