"""The certificates and private keys of SAML connections [2.21].

Answers never contain a private key. Certificates that the vendor would fetch or create are made here, once a process.
"""

import datetime as dt
from functools import cache
from typing import TYPE_CHECKING, Final

from reconciler.emulator.core.call import Call, timestamp
from reconciler.emulator.core.exchange import Refusal
from reconciler.emulator.core.store import Fields

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

MOST: Final = 5
"""The most certificates of a connection for each purpose."""
PKCS1: Final = "-----BEGIN RSA PRIVATE KEY-----"
OWN: Final = "Stytch"
YEARS: Final = 10


def with_verification(call: Call, certificates: list[Fields], pem: str) -> list[Fields]:
    """Return the certificates that verify assertions, with a new one.

    Raises:
        Refusal: ``invalid_x509_certificate``, or ``too_many_sso_verification_certificates``.
    """
    certificate = _read(pem)
    whole, issuer = _pem(certificate), certificate.issuer.rfc4514_string()
    known = any(_pem(_read(former["certificate"])) == whole for former in certificates)
    if known and call.behaviour.same_certificate == "kept":
        return certificates
    if len(certificates) >= MOST:
        raise Refusal("too_many_sso_verification_certificates", f"A connection may have at most {MOST} certificates.")
    shown = whole if call.behaviour.certificate_text == "normalised" else pem
    added = _entry(call, "saml-verification-key", shown, issuer, certificate)
    return [*certificates, added]


def with_encryption(call: Call, keys: list[Fields], pem: str) -> list[Fields]:
    """Return the keys that decrypt assertions, with a new one. Raises as ``signing`` does."""
    _private(pem)
    if len(keys) >= MOST:
        raise Refusal("too_many_encryption_certificates", f"A connection may have at most {MOST} encryption keys.")
    return [*keys, {"private_key_id": call.new_id("saml-encryption-key"), "private_key": "", "created_at": call.now()}]


def signing(call: Call, pem: str | None) -> list[Fields]:
    """Return the certificate for requests that are signed with this key, or with a key of the vendor's.

    Raises:
        Refusal: ``saml_signing_private_key_format_not_supported`` or ``saml_signing_private_key_invalid``.
    """
    whole = made(OWN) if pem is None else _pem(_made(OWN, _private(pem)))
    return [_entry(call, "saml-signing-key", whole, OWN, _read(whole))]


@cache
def made(name: str) -> str:
    """Return a certificate with this name, in place of one that the vendor would fetch or create."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return _pem(_made(name, ec.generate_private_key(ec.SECP256R1())))


def _entry(call: Call, kind: str, pem: str, issuer: str, certificate: "x509.Certificate") -> Fields:
    return {
        "certificate_id": call.new_id(kind),
        "certificate": pem,
        "issuer": issuer,
        "created_at": call.now(),
        "updated_at": call.now(),
        "expires_at": timestamp(certificate.not_valid_after_utc.timestamp()),
    }


def _read(pem: str) -> "x509.Certificate":
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        certificate.issuer.rfc4514_string()  # An invalid name is found only here.
        return certificate
    except (ValueError, x509.InvalidVersion):
        raise Refusal("invalid_x509_certificate", "The certificate is not an X.509 certificate in PEM.") from None


def _pem(certificate: "x509.Certificate") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def _private(pem: str) -> "CertificateIssuerPrivateKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not pem.strip().startswith(PKCS1):
        raise Refusal("saml_signing_private_key_format_not_supported", "Only PKCS1 RSA private keys are supported.")
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Refusal("saml_signing_private_key_invalid", "The private key cannot be read.")
    return key


def _made(name: str, key: "CertificateIssuerPrivateKeyTypes") -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
    return builder.not_valid_after(now + dt.timedelta(days=365 * YEARS)).sign(key, hashes.SHA256())
