"""Certificates and private keys, as identity providers and their administrators supply them."""

import datetime as dt
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_key(form: serialization.PrivateFormat = serialization.PrivateFormat.TraditionalOpenSSL) -> str:
    """Return a private key: PKCS1, or another form."""
    return _key().private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public_key(pem: str) -> str:
    """Return the public key of a certificate."""
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


@cache
def certificate(name: str) -> str:
    """Return a certificate with this name, in PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(_key().public_key())
    builder = builder.serial_number(1).not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    signed = builder.not_valid_after(dt.datetime(2040, 1, 1, tzinfo=dt.UTC)).sign(_key(), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()
