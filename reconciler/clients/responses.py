"""Stytch's responses → decoded values or faults.

Every exchange ends as a decoded value or as one ``Fault``; the tree in ``reconciler.errors`` says what each allows.
Stytch's error envelope and types are described in docs/stytch.md, "Errors".
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from reconciler.clients.redact import identifier, redacted
from reconciler.errors import Ambiguous, Fault, Rejected, Unavailable

TOO_MANY = 429
TIMED_OUT = 408
SERVER_ERRORS = 500
REFUSALS = 400
REDIRECTS = 300
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # the last: nested too deeply
ERROR_TYPE = re.compile(r"[A-Za-z0-9_.]{1,100}")

T = TypeVar("T")


class Answer(Struct, frozen=True):
    """An HTTP response that arrived whole; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unanswered(Exception):
    """No whole response arrived from ``where``.

    ``sent`` is False only where certainly no byte of the request reached Stytch, ``again`` where another try would end
    the same way.
    """

    def __init__(self, where: str, reason: str, *, sent: bool, again: bool = True) -> None:
        super().__init__(f"{where}: {reason}")
        self.sent = sent
        self.again = again


def unanswered(error: BaseException, where: str, *, sent: bool) -> Unanswered | Rejected:
    """Return what is raised for a library's error: a certificate that is not trusted stays so, the rest may pass."""
    import ssl

    causes = tuple(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        trusted = "SSL_CERT_FILE, SSL_CERT_DIR and REQUESTS_CA_BUNDLE name those that are"
        return Rejected(f"the certificate of the server {where} is not trusted; {trusted}")
    return Unanswered(where, next(filter(None, map(_reason, causes)), type(error).__name__), sent=sent)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _reason(error: BaseException) -> str:
    """Return what is wrong in words, "" where the name of the error says as much."""
    import socket

    if isinstance(error, socket.gaierror):
        return "the host name cannot be resolved"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    name = type(error).__name__  # of httpx, or of what is below it: neither is imported here
    if name == "ProxyError":
        return redacted(str(error), ())
    return "it timed out" if name.endswith("Timeout") else ""


class Envelope(Struct):
    """The part of Stytch's error body that says what is wrong; OAuth-style endpoints use the other names."""

    error_type: str | None = None
    error: str | None = None
    error_message: str | None = None
    error_description: str | None = None
    request_id: str | None = None
    status_code: object = None


class Proof(Struct, frozen=True):
    """What an end of an exchange proves: the fault that a read, and a write, ends with."""

    read: type[Fault]
    write: type[Fault]


# A write is refused only where Stytch's own application says so. Whatever else answers may have passed the request on
# before: then the write may have happened, and it must be looked for before it is made again.
PROVES: Final[Mapping[str, Proof]] = MappingProxyType(
    {
        "not sent": Proof(Unavailable, Unavailable),  # no byte of it left
        "no answer": Proof(Unavailable, Ambiguous),  # a stall, a reset, half an answer
        "cannot be sent": Proof(Rejected, Rejected),  # it is no request
        "past all bounds": Proof(Rejected, Ambiguous),  # an answer larger than any of Stytch's
        "not successful": Proof(Unavailable, Ambiguous),  # 2xx, and not Stytch's body; or one that says otherwise
        "refused": Proof(Rejected, Rejected),  # 4xx of Stytch's own
        "too many": Proof(Unavailable, Unavailable),  # 429 of Stytch's own: it is refused before anything is done
        "too many requests, according to another run": Proof(Unavailable, Ambiguous),  # 429 of a proxy
        "refused by another": Proof(Rejected, Ambiguous),  # 4xx of a proxy, and every redirect
        "timed out": Proof(Unavailable, Ambiguous),  # 408, whoever says so
        "broken": Proof(Unavailable, Ambiguous),  # 5xx, 503 too, whoever says so
    }
)


def meaning(status: int, *, own: bool) -> str:
    """Return the entry of ``PROVES`` for an answer other than success; ``own`` says whether it is Stytch's."""
    if status >= SERVER_ERRORS or status < REDIRECTS:
        return "broken" if status >= SERVER_ERRORS else "not successful"
    if status == TIMED_OUT:
        return "timed out"
    if status == TOO_MANY:
        return "too many" if own else "too many requests, according to another run"
    return "refused" if own and status >= REFUSALS else "refused by another"


def decoded(
    name: str, answer: Answer, decode: Callable[[bytes], T], *, write: bool, secrets: Collection[str] = ()
) -> T:
    """Return a decoded answer, or raise the fault that it is; ``name`` is the operation, for people.

    ``secrets`` are those of the request, which Stytch may repeat in what it says.
    """
    if answer.status >= REDIRECTS or (write and _says_otherwise(answer.body)):
        raise error_response(name, answer, write=write, secrets=secrets)
    try:
        return _with_plain_request_id(decode(answer.body), secrets)
    except UNREADABLE:
        message = f"{name} was answered {answer.status} with a body that is not from Stytch"
        raise _fault("not successful", write=write)(message, status=answer.status) from None


def _with_plain_request_id(result: T, secrets: Collection[str]) -> T:
    """Return a body without a request id that is none: ids are the one part of every answer that is printed as is."""
    if isinstance(result, dict) and "request_id" in result:
        result["request_id"] = identifier(result["request_id"], secrets)
    return result


def error_response(name: str, answer: Answer, *, write: bool, secrets: Collection[str] = ()) -> Fault:
    """Return the fault that an answer other than success means; ``PROVES`` says what each allows."""
    envelope = _envelope(answer.body)
    error_type = envelope.error_type or envelope.error or ""
    error_type = identifier(error_type, secrets) if ERROR_TYPE.fullmatch(error_type) else ""
    sentence = redacted(envelope.error_message or envelope.error_description or "", secrets)
    message = f"{name} was answered {answer.status} {error_type}".rstrip()
    if sentence:
        message += f" ({sentence})"
    elif REDIRECTS <= answer.status < REFUSALS:
        message += (
            ": something between here and Stytch redirects; are STYTCH_API_URL and STYTCH_MANAGEMENT_BASE_URI right?"
        )
    request_id = identifier(envelope.request_id, secrets)
    own = bool(error_type and request_id)
    kind = _fault(meaning(answer.status, own=own), write=write)
    return kind(message, status=answer.status, error_type=error_type, request_id=request_id)


def no_response(name: str, unanswered: Unanswered, *, write: bool) -> Fault:
    """Return the fault that it means that no answer came."""
    if unanswered.again:
        entry = "no answer" if unanswered.sent else "not sent"
    else:
        entry = "past all bounds" if unanswered.sent else "cannot be sent"
    return _fault(entry, write=write)(f"{name} was not answered by {unanswered}")


def _says_otherwise(body: bytes) -> bool:
    """Return whether the body of a success says in its own words that it is none."""
    envelope = _envelope(body)
    return bool(envelope.error_type) or (isinstance(envelope.status_code, int) and envelope.status_code >= REDIRECTS)


def _fault(entry: str, *, write: bool) -> type[Fault]:
    return PROVES[entry].write if write else PROVES[entry].read


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds from ``now`` (seconds since the epoch) that a Retry-After header asks for, if any."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    moment = moment_of(value)
    return None if moment is None else max(0.0, moment - now)


def moment_of(date: str) -> float | None:
    """Return the seconds since the epoch that a header such as Date names, if it names a time."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _envelope(body: bytes) -> Envelope:
    try:
        return msgspec.json.decode(body, type=Envelope)
    except UNREADABLE:
        return Envelope()
