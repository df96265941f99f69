"""Mail domains: which are well formed, and which are too common to belong to one company [4]."""

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)

COMMON_NAMES = frozenset(
    (
        *("gmail", "googlemail", "yahoo", "outlook", "hotmail", "live", "msn", "icloud", "me", "mac", "aol", "comcast"),
        *("att", "verizon", "sbcglobal", "earthlink", "mail", "hey", "laposte", "wanadoo", "orange", "free"),
        *("rediffmail", "uol", "bol", "ig"),
    )
)
"""Mail providers in Stytch's list, without a top-level domain: the label before the public suffix decides."""
COMMON_DOMAINS = frozenset(
    (
        *(
            "ymail.com",
            "rocketmail.com",
            "bellsouth.net",
            "cox.net",
            "charter.net",
            "yandex.ru",
            "yandex.com",
            "sfr.fr",
        ),
        *("terra.com.br", "proton.me", "protonmail.com", "gmx.com", "gmx.de", "gmx.net", "web.de", "t-online.de"),
        *("freenet.de", "qq.com", "163.com", "126.com", "sina.com", "naver.com", "hanmail.net", "daum.net"),
        *("zoho.com", "fastmail.com", "fastmail.fm", "libero.it"),
    )
)
"""The copy of Stytch's list that we have is incomplete. These are the largest providers that it lacks."""
DISPOSABLE_DOMAINS = frozenset(
    ("mailinator.com", "guerrillamail.com", "10minutemail.com", "yopmail.com", "trashmail.com", "temp-mail.org")
)


def well_formed(domain: str) -> bool:
    """Return whether the text is a well-formed domain."""
    return DOMAIN.fullmatch(domain.lower()) is not None


def is_common(domain: str) -> bool:
    """Return whether it is a common domain, such as ``gmail.com``, ``outlook.co.uk`` or ``mail.orange.es``."""
    own = _suffixes().privatesuffix(domain.lower()) or ""
    return own.partition(".")[0] in COMMON_NAMES or domain.lower() in COMMON_DOMAINS


def is_disposable(domain: str) -> bool:
    """Return whether it is a domain of disposable addresses."""
    return domain.lower() in DISPOSABLE_DOMAINS


@cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_encoded_idn=False)
