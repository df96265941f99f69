"""Environment variables → how servers are reached: trusted certificates, proxies, and hosts without a proxy.

The environment decides it once, in one value that everything which sends is handed. The variables are those that other
tools obey: SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE; HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and
NO_PROXY, in either case. docs/commands.md describes them for people.
"""

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct

from reconciler.errors import Refused
from reconciler.model import Problem, problem

if TYPE_CHECKING:
    import ssl

CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# No user, no password, no path: what is left is read the same way by everybody.
SERVER: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?/?", re.IGNORECASE | re.ASCII
)
PROXY: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^@/\\?#\s]*@)?(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE | re.ASCII,
)
HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # how OpenSSL names a certificate in a folder
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
HIGHEST_PORT: Final = 65_535

Host = ipaddress.IPv4Address | ipaddress.IPv6Address | str


class Named(Struct, frozen=True):
    """What an environment variable says."""

    variable: str
    value: str


class Proxy(Struct, frozen=True):
    """A proxy that is used; ``url`` may hold a password and is never shown."""

    variable: str
    url: str

    @property
    def shown(self) -> str:
        """Return the name of the proxy without what opens it."""
        found = urlsplit(self.url)
        return f"the proxy {found.hostname}:{found.port or DEFAULT_PORTS[found.scheme]} ({self.variable})"


class Network(Struct, frozen=True, kw_only=True):
    """What the environment says of the network; ``proxies`` by the scheme of the server's URL."""

    certificates: tuple[Named, ...] = ()
    proxies: Mapping[str, Named] = {}
    exempt: Named = Named("NO_PROXY", "")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Network":
        """Return what is set; ``problems`` says what of it cannot be used."""
        proxies = {}
        for scheme in DEFAULT_PORTS:
            if found := _first(environ, f"{scheme}_proxy") or _first(environ, "all_proxy"):
                proxies[scheme] = found
        return cls(
            certificates=tuple(Named(name, environ[name]) for name in CERTIFICATES if environ.get(name)),
            proxies=proxies,
            exempt=_first(environ, "no_proxy") or Named("NO_PROXY", ""),
        )

    def problems(self, urls: Iterable[str]) -> Iterator[Problem]:
        """Yield whatever keeps these servers from being reached as the environment says."""
        try:
            self.trust()
        except Refused:
            for named in self.certificates:
                try:
                    _trust((named,))
                except Refused as refused:
                    yield from refused.problems
        for named in sorted(set(self.proxies.values()), key=lambda each: each.variable):
            if not _is_proxy(named):
                yield _problem(f"{named.variable} is not the address of a proxy", "such as http://proxy.example:3128")
        through = {self.proxies[urlsplit(url).scheme] for url in urls if self._is_proxied(url)}
        for named in sorted(through, key=lambda each: each.variable):
            scheme = _with_scheme(named.value).partition("://")[0].lower()
            if _is_proxy(named) and scheme not in DEFAULT_PORTS:
                hint = f"name an HTTP proxy, or exempt Stytch's hosts in {self.exempt.variable}"
                yield _problem(f"{named.variable} names a {scheme} proxy, which is not supported", hint)
        if through:
            for entry in _entries(self.exempt.value):
                if _is_broken(entry):
                    hint = "write a host, a domain, an address, or a network such as 10.0.0.0/8 or fd00::/8"
                    yield _problem(f"{self.exempt.variable} has an entry that is not a network: {entry}", hint)

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy through which a server is reached, if any; never for this machine itself."""
        if not self._is_proxied(url):
            return None
        named = self.proxies[urlsplit(url).scheme]
        return Proxy(named.variable, _with_scheme(named.value))

    def trust(self) -> "ssl.SSLContext":
        """Return whose certificates are trusted: those of every variable that is set, or else the usual ones."""
        return _trust(self.certificates)

    def _is_proxied(self, url: str) -> bool:
        found = urlsplit(url)
        host = found.hostname or ""
        if found.scheme not in self.proxies or is_loopback(host):
            return False
        port = found.port or DEFAULT_PORTS[found.scheme]
        return not any(_covers(entry, host_of(host), port) for entry in _entries(self.exempt.value))


def is_server(url: str) -> bool:
    """Return whether a URL is the address of a server and nothing else: a scheme, a host, perhaps a port."""
    return _fits(SERVER, url)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine itself, by its name or an address."""
    known = host_of(host)
    return known == "localhost" if isinstance(known, str) else known.is_loopback


def host_of(text: str) -> Host:
    """Return the address that a text is, or the name, in lower case and without a dot at its end."""
    try:
        found = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return text.lower().rstrip(".")
    return getattr(found, "ipv4_mapped", None) or found


def _first(environ: Mapping[str, str], name: str) -> Named | None:
    """Return a variable that is set to something; lower case wins, as everywhere."""
    for variable in (name, name.upper()):
        if value := environ.get(variable, "").strip():
            return Named(variable, value)
    return None


def _fits(form: re.Pattern[str], url: str) -> bool:
    found = form.fullmatch(url)
    if not found or int(found["port"] or 0) > HIGHEST_PORT:
        return False
    host = found["host"]
    if not host.startswith("["):
        return True
    return not isinstance(host_of(host), str)


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_proxy(named: Named) -> bool:
    return _fits(PROXY, _with_scheme(named.value))


# NO_PROXY


def _entries(exempt: str) -> tuple[str, ...]:
    return tuple(entry.lower().partition("://")[2] or entry.lower() for entry in re.split(r"[,\s]+", exempt) if entry)


def _covers(entry: str, host: Host, port: int) -> bool:
    """Return whether an entry of NO_PROXY (``*``, a name and those below it, an address, a network) covers a host."""
    if entry == "*":
        return True
    if (network := _network(entry)) is not None:
        return not isinstance(host, str) and host.version == network.version and host in network
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]+))?/?", entry)
    if not found or (found[2] and int(found[2]) != port):
        return False
    name = host_of(found[1].removeprefix("*"))
    if isinstance(host, str) and isinstance(name, str):
        name = name.removeprefix(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
    return host == name


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(re.sub(r"^\[([^\]]*)\](?=/|$)", r"\1", entry), strict=False)
    except ValueError:
        return None


def _is_broken(entry: str) -> bool:
    looks = "/" in entry.rstrip("/") or entry.count(":") > 1 or "[" in entry
    return looks and _network(entry) is None and re.fullmatch(r"\[[0-9a-f:.]+\]:[0-9]+", entry) is None


# Certificates


@cache
def _trust(certificates: tuple[Named, ...]) -> "ssl.SSLContext":
    """Return whom to trust, read once for the APIs of a run: it takes longer than most requests."""
    import ssl

    if not certificates:
        import certifi

        return ssl.create_default_context(cafile=certifi.where())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for named in {named.value: named for named in certificates}.values():
        _load(context, named)
    return context


def _load(context: "ssl.SSLContext", named: Named) -> None:
    """Trust what a variable names, a file or folders; raises ``Refused`` where that is no such thing."""
    import ssl

    for each in named.value.split(os.pathsep) if named.variable == "SSL_CERT_DIR" else (named.value,):
        path = Path(each)
        try:
            if path.is_dir():
                if not any(HASHED.fullmatch(name) for name in os.listdir(path)):  # noqa: PTH208 # names are enough
                    raise _refused(named, "names a folder without a certificate", "`openssl rehash FOLDER` names them")
                context.load_verify_locations(capath=path)
            elif path.is_file() or not path.exists():
                context.load_verify_locations(cafile=path)
            else:
                raise _refused(named, "is not a plain file", "name a file of certificates (PEM)")
        except ssl.SSLError:
            raise _refused(named, "names a file without a certificate", "name a file of certificates (PEM)") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not a path"
            raise _refused(named, f"names a file that cannot be read: {reason}", "correct or unset it") from None


def _refused(named: Named, what: str, hint: str) -> Refused:
    return Refused([_problem(f"{named.variable} {what}", hint)])


def _problem(message: str, hint: str) -> Problem:
    return problem("network", message, hint)
