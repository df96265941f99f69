"""What came back from Stytch, and what it means for the one who asked.

Every exchange ends as a decoded value or as one ``Fault``; the tree in ``reconciler.errors`` says what each allows.
Stytch's error envelope and types are described in docs/stytch.md, "Errors".
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from reconciler.clients.hearsay import fit
from reconciler.errors import Ambiguous, Fault, Rejected, Unavailable

TOO_MANY = 429
TIMED_OUT = 408
NOT_NOW = 503
SERVER_ERRORS = 500
REDIRECTS = 300
ERROR_TYPE = re.compile(r"[A-Za-z0-9_.]{1,100}")

T = TypeVar("T")


class Answer(Struct, frozen=True):
    """An HTTP response that arrived whole; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unanswered(Exception):
    """No whole response arrived. ``sent`` is False only where certainly no byte of the request reached Stytch."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


def unanswered(error: BaseException, *, sent: bool) -> Unanswered | Rejected:
    """Make what is raised of a library's error: a certificate that is not trusted stays so, the rest may pass."""
    import ssl

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            trusted = "SSL_CERT_FILE and REQUESTS_CA_BUNDLE name a file of those that are"
            return Rejected(f"the certificate of the server is not trusted; {trusted}")
        cause = cause.__cause__ or cause.__context__
    return Unanswered(type(error).__name__, sent=sent)


class Envelope(Struct):
    """The part of Stytch's error body that says what is wrong; OAuth-style endpoints use the other names."""

    error_type: str | None = None
    error: str | None = None
    error_message: str | None = None
    error_description: str | None = None
    request_id: str | None = None


def understand(
    name: str, answer: Answer, decode: Callable[[bytes], T], *, write: bool, secrets: Collection[str] = ()
) -> T:
    """Decode an answer, or raise the fault that it is; ``name`` is the operation, for people.

    ``secrets`` are those of the request, which Stytch may repeat in what it says.
    """
    if SERVER_ERRORS > answer.status >= REDIRECTS or answer.status >= SERVER_ERRORS:
        raise refusal(name, answer, write=write, secrets=secrets)
    try:
        return decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = f"{name} was answered {answer.status} with a body that is not Stytch's"
        raise (Ambiguous if write else Unavailable)(message, status=answer.status) from None


def refusal(name: str, answer: Answer, *, write: bool, secrets: Collection[str] = ()) -> Fault:
    """Tell what an answer other than success means.

    Sure not to have happened, and worth another try: 429 and 503. After any other 5xx (and 408) a write may have
    happened, because a gateway says so too when it lost the answer of the server behind it.
    """
    envelope = _envelope(answer.body)
    error_type = envelope.error_type or envelope.error or ""
    error_type = error_type if ERROR_TYPE.fullmatch(error_type) else ""
    sentence = fit(envelope.error_message or envelope.error_description or "", secrets)
    said = f"{name} was answered {answer.status} {error_type}".rstrip()
    if sentence:
        said += f" ({sentence})"
    elif REDIRECTS <= answer.status < REDIRECTS + 100:
        said += ": something between here and Stytch redirects; is STYTCH_API_URL right?"
    kind: type[Fault] = Rejected
    if answer.status in (TOO_MANY, NOT_NOW):
        kind = Unavailable
    elif answer.status >= SERVER_ERRORS or answer.status == TIMED_OUT:
        kind = Ambiguous if write else Unavailable
    return kind(said, status=answer.status, error_type=error_type, request_id=envelope.request_id or "")


def silence(name: str, unanswered: Unanswered, *, write: bool) -> Fault:
    """Tell what it means that no answer came."""
    kind = Ambiguous if write and unanswered.sent else Unavailable
    return kind(f"{name} was not answered: {unanswered}")


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Give the seconds from ``wall`` (seconds since the epoch) that a Retry-After header asks for, if there is one."""
    from email.utils import parsedate_to_datetime

    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - wall)
    except ValueError:
        return None


def _envelope(body: bytes) -> Envelope:
    try:
        return msgspec.json.decode(body, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Envelope()
