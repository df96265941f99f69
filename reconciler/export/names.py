"""File names and secret names, made from names in Stytch: readable, stable and unique.

Where two names would be equal (or differ only by case), each gets a piece of its digest.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

LONGEST: Final = 100  # characters of a file's name, before its suffix
DIGITS: Final = 8  # of a digest
# Device names of Windows, and names that look as if they ended with a digest.
RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?|(.*[-_])?[0-9a-f]{8}")


def file_names(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return a file name without a suffix for each key of ``labels``, made from its label."""
    return _apart({key: _file_name(label) for key, label in labels.items()}, "-")


def secret_names(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return a secret's name for each key of ``labels``, made from its label."""
    return _apart({key: _secret_name(label) for key, label in labels.items()}, "_")


def _apart(wanted: Mapping[str, str], mark: str) -> Mapping[str, str]:
    counts = Counter(short.casefold() for short in wanted.values())
    return {
        name: f"{short}{mark}{_digest(name, mark)}".lstrip(mark)
        if counts[short.casefold()] > 1 or not short or RESERVED.fullmatch(short)
        else short
        for name, short in wanted.items()
    }


def _digest(name: str, mark: str) -> str:
    found = sha256(name.encode(errors="surrogatepass")).hexdigest()[:DIGITS]
    return found.upper() if mark == "_" else found


def _file_name(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._@+]+", "-", plain).strip("-.")[:LONGEST].rstrip("-.")


def _secret_name(name: str) -> str:
    found = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    return f"{found}_SECRET" if found.endswith("_ID") else found
