"""URLs as identity providers and apps give them."""

from urllib.parse import SplitResult, urlsplit


def parts(url: str) -> SplitResult:
    """A URL's parts; what is no URL has none."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def is_https(url: str) -> bool:
    """Whether it leads to a host over https."""
    found = parts(url)
    return found.scheme == "https" and bool(found.hostname)
