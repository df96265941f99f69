"""X.509 certificates in PEM, compared by their content: white space around and inside them is ignored."""

import re
from base64 import b64decode
from collections.abc import Iterable
from textwrap import wrap
from typing import Final
from warnings import catch_warnings

BEGIN: Final = "-----BEGIN CERTIFICATE-----"
END: Final = "-----END CERTIFICATE-----"
BLOCK: Final = re.compile(f"{BEGIN}(.*?){END}", re.DOTALL)
WIDTH: Final = 64


def each_of(text: str) -> list[str]:
    """Return the certificates in a text, each once, in the usual form of PEM."""
    return list(dict.fromkeys(map(_written, BLOCK.findall(text))))


def normal(text: str) -> str:
    """Return the certificates of a text, sorted; the text itself where it holds no certificate."""
    return together(sorted(each_of(text))) or text


def together(texts: Iterable[str]) -> str:
    """Return certificates as one text."""
    return "".join(texts)


def are_certificates(text: str) -> bool:
    """Return whether a text consists only of valid certificates."""
    bodies = ["".join(body.split()) for body in BLOCK.findall(text)]
    return bool(bodies) and not BLOCK.sub("", text).strip() and all(map(_is_certificate, bodies))


def _written(body: str) -> str:
    return "\n".join((BEGIN, *wrap("".join(body.split()), WIDTH), END, ""))


def _is_certificate(body: str) -> bool:
    from cryptography.x509 import load_der_x509_certificate

    try:
        with catch_warnings(action="ignore"):  # identity providers use certificates that cause warnings
            load_der_x509_certificate(b64decode(body, validate=True))
    except ValueError:
        return False
    return True
