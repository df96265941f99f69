"""URLs of identity providers and apps."""

from urllib.parse import SplitResult, urlsplit


def parts(url: str) -> SplitResult:
    """Return a URL's parts; empty parts for an invalid URL."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def is_https(url: str) -> bool:
    """Return whether the URL is https with a host."""
    found = parts(url)
    return found.scheme == "https" and bool(found.hostname)
