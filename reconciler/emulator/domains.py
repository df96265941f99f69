"""Mail domains: which are well formed, and which are too common to stand for one company [4]."""

import re

DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)

COMMON_DOMAINS = frozenset(
    (
        *(
            "gmail.com",
            "googlemail.com",
            "yahoo.com",
            "yahoo.co.uk",
            "yahoo.fr",
            "yahoo.de",
            "yahoo.co.in",
            "yahoo.co.jp",
        ),
        *("ymail.com", "rocketmail.com", "outlook.com", "hotmail.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de"),
        *("live.com", "live.co.uk", "msn.com", "icloud.com", "me.com", "mac.com", "aol.com", "comcast.net", "att.net"),
        *("verizon.net", "sbcglobal.net", "bellsouth.net", "cox.net", "charter.net", "earthlink.net", "mail.com"),
        *(
            "mail.ru",
            "yandex.ru",
            "yandex.com",
            "hey.com",
            "laposte.net",
            "wanadoo.fr",
            "orange.fr",
            "free.fr",
            "sfr.fr",
        ),
        *("rediffmail.com", "uol.com.br", "bol.com.br", "terra.com.br", "ig.com.br", "proton.me", "protonmail.com"),
        *("gmx.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "freenet.de", "qq.com", "163.com", "126.com"),
        *("sina.com", "naver.com", "hanmail.net", "daum.net", "zoho.com", "fastmail.com", "fastmail.fm", "libero.it"),
    )
)
DISPOSABLE_DOMAINS = frozenset(
    ("mailinator.com", "guerrillamail.com", "10minutemail.com", "yopmail.com", "trashmail.com", "temp-mail.org")
)


def well_formed(domain: str) -> bool:
    """Whether this can be a domain."""
    return DOMAIN.fullmatch(domain.lower()) is not None


def is_common(domain: str) -> bool:
    """Whether everybody has addresses there."""
    return domain.lower() in COMMON_DOMAINS


def is_disposable(domain: str) -> bool:
    """Whether addresses there are thrown away."""
    return domain.lower() in DISPOSABLE_DOMAINS
