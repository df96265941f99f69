"""X.509 certificates in PEM, compared by what they say: white space around and within them means nothing."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable
from textwrap import wrap
from typing import Final

BEGIN: Final = "-----BEGIN CERTIFICATE-----"
END: Final = "-----END CERTIFICATE-----"
BLOCK: Final = re.compile(f"{BEGIN}(.*?){END}", re.DOTALL)
WIDTH: Final = 64


def each_of(text: str) -> list[str]:
    """Give the certificates that a text holds, each once, as PEM is usually written."""
    return list(dict.fromkeys(map(_written, BLOCK.findall(text))))


def normal(text: str) -> str:
    """Give the certificates of a text in an order of their own; a text that holds none stays as it is."""
    return together(sorted(each_of(text))) or text


def together(texts: Iterable[str]) -> str:
    """Give certificates as one text."""
    return "".join(texts)


def are_certificates(text: str) -> bool:
    """Tell whether a text is nothing but certificates."""
    bodies = ["".join(body.split()) for body in BLOCK.findall(text)]
    return bool(bodies) and not BLOCK.sub("", text).strip() and all(map(_is_base64, bodies))


def _written(body: str) -> str:
    return "\n".join((BEGIN, *wrap("".join(body.split()), WIDTH), END, ""))


def _is_base64(body: str) -> bool:
    try:
        return bool(b64decode(body, validate=True))
    except Error:
        return False
