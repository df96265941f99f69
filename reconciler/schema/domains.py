"""Shared domains: those of mail providers, and public suffixes."""

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

# Domains under which anybody gets a mailbox. Stytch publishes no complete list of those that it refuses ("too
# common"); these are the providers that its documentation names, under the domains they give out, and the largest of
# the rest. Companies' own domains (att.com, orange.com) are not among them.
_BY_PROVIDER: Final = """
    gmail.com googlemail.com
    yahoo.com yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.mx
    yahoo.de yahoo.es yahoo.fr yahoo.in yahoo.it ymail.com rocketmail.com myyahoo.com
    outlook.com outlook.de outlook.es outlook.fr outlook.it outlook.jp outlook.com.br
    hotmail.com hotmail.be hotmail.ca hotmail.co.uk hotmail.com.br hotmail.de hotmail.es hotmail.fr hotmail.it
    hotmail.nl
    live.com live.be live.ca live.co.uk live.com.au live.com.mx live.de live.fr live.it live.nl msn.com passport.com
    icloud.com me.com mac.com
    aol.com aol.co.uk aol.de aol.fr aim.com love.com verizon.net netscape.net
    comcast.net xfinity.com att.net bellsouth.net sbcglobal.net pacbell.net earthlink.net mindspring.com cox.net
    charter.net optonline.net juno.com netzero.net windstream.net frontier.com centurylink.net roadrunner.com
    mail.com email.com usa.com post.com hey.com proton.me protonmail.com protonmail.ch pm.me tutanota.com tuta.io
    fastmail.com fastmail.fm hushmail.com zoho.com zohomail.com inbox.com duck.com
    gmx.com gmx.de gmx.net gmx.at gmx.ch web.de freenet.de t-online.de arcor.de mailbox.org posteo.de
    laposte.net wanadoo.fr orange.fr free.fr sfr.fr neuf.fr bbox.fr voila.fr numericable.fr club-internet.fr
    libero.it virgilio.it tiscali.it alice.it tin.it
    btinternet.com btopenworld.com sky.com talktalk.net virginmedia.com ntlworld.com blueyonder.co.uk tiscali.co.uk
    rediffmail.com rediff.com sify.com
    uol.com.br bol.com.br ig.com.br terra.com.br globo.com globomail.com oi.com.br r7.com
    mail.ru bk.ru inbox.ru list.ru yandex.com yandex.ru ya.ru rambler.ru ukr.net i.ua
    qq.com foxmail.com 163.com 126.com yeah.net sina.com sina.cn sohu.com aliyun.com 139.com 189.cn tom.com
    naver.com daum.net hanmail.net nate.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp
    seznam.cz centrum.cz wp.pl o2.pl onet.pl interia.pl abv.bg mail.bg freemail.hu citromail.hu
    telenet.be skynet.be ziggo.nl kpnmail.nl planet.nl home.nl bluewin.ch telia.com bigpond.com optusnet.com.au
    shaw.ca rogers.com sympatico.ca telus.net videotron.ca prodigy.net.mx
    tuta.com tutamail.com tutanota.de keemail.me zoho.eu zohomail.eu onmicrosoft.com
    privaterelay.appleid.com users.noreply.github.com mozmail.com simplelogin.com passmail.net inbox.lv
    mailinator.com guerrillamail.com 10minutemail.com yopmail.com trashmail.com temp-mail.org
"""
COMMON_MAIL_DOMAINS: Final = frozenset(_BY_PROVIDER.split())
# What Stytch names without a top-level domain is common under every one (docs/stytch.md, "Organizations"), and so are
# a few more. Some companies bear such a name, so a rule may say that a domain is one's own.
_BY_NAME: Final = """
    gmail googlemail aol yahoo ymail rocketmail icloud me mac hotmail live msn outlook comcast att earthlink sbcglobal
    verizon ig mail hey laposte wanadoo orange free rediffmail uol bol gmx protonmail yandex
"""
_COMPANIES: Final = frozenset({"att.com", "comcast.com", "orange.com", "verizon.com"})  # their own people are there too
_NAMES: Final = frozenset(_BY_NAME.split())
PROVIDER: Final = "belongs to a mail provider: anybody can get an address there"
SUFFIX: Final = "is a public suffix: anybody can register names under it"


@cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    # Without A-labels, which take a tenth of a second to work out: `_spelled` turns the few that are asked about.
    return PublicSuffixList(accept_unknown=False, accept_encoded_idn=False)


def why_nobodys(domain: str) -> str:
    """Return why a domain belongs to nobody in particular; "" if it may be somebody's own."""
    if is_public_suffix(domain):
        return SUFFIX
    return PROVIDER if domain in _COMPANIES or is_mail_provider(domain) else ""


def is_mail_provider(domain: str) -> bool:
    """Return whether everybody can have an address at a domain, which is not the company's own as well."""
    name, _, suffix = domain.partition(".")
    return domain in COMMON_MAIL_DOMAINS or (name in _NAMES and domain not in _COMPANIES and is_public_suffix(suffix))


def is_common(domain: str) -> bool:
    """Return whether Stytch refuses a domain as too common: a company's own that bears a provider's name, too."""
    return domain in _COMPANIES or is_mail_provider(domain)


def is_public_suffix(domain: str) -> bool:
    """Return whether anybody can register names under ``domain`` (``co.uk``, ``github.io``), by the bundled list."""
    return "." not in domain or bool(_suffixes().is_public(_spelled(domain)))


def _spelled(domain: str) -> str:
    """Return a domain in letters instead of A-labels."""
    try:
        return domain.encode("ascii").decode("idna") if "xn--" in domain else domain
    except UnicodeError:
        return domain
