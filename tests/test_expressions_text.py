"""Slugs, and domains as they are compared."""

import pytest

from reconciler.expressions import a_label, address_domain, slugify


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Acme Corp", "acme-corp"),
        ("  --Acme__Corp!! ", "acme-corp"),
        ("Ångström ﬁn ①", "angstrom-fin-1"),
        ("İstanbul", "istanbul"),
        ("!!!", ""),
        ("", ""),
        ("a\u0000b", "a-b"),
    ],
)
def test_slugify(text: str, slug: str) -> None:
    assert slugify(text) == slug


@pytest.mark.parametrize(
    ("domain", "label"),
    [
        ("ACME.com", "acme.com"),
        ("Müller.Example", "xn--mller-kva.example"),
        ("xn--mller-kva.example", "xn--mller-kva.example"),
        ("XN--MLLER-KVA.example", "xn--mller-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("ａｃｍｅ.com", "acme.com"),  # noqa: RUF001 - the full-width letters are the case
        ("localhost", "localhost"),
        ("", None),
        (".", None),
        ("acme.com.", None),
        (".acme.com", None),
        ("acme..com", None),
        ("-acme.com", None),
        ("ac me.com", None),
        ("acme_inc.com", None),
        ("acme.com\n", None),
        ("a" * 64 + ".com", None),
        ("a." * 127 + "com", None),
        ("ü" * 300, None),
        (".".join(["üü"] * 80), None),
        ("\ud800.com", None),
        ("a\u200bb.com", "ab.com"),
        ("a/é.com", None),
    ],
)
def test_a_label(domain: str, label: str | None) -> None:
    assert a_label(domain) == label


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("ann@acme.com", "acme.com"),
        ("ann+x@ACME.com", "acme.com"),
        ("", None),
        ("@acme.com", None),
        ("ann@", None),
        ("ann@acme.com ", None),
        (" ann@acme.com", None),
        ('"ann@evil.example"@acme.com', None),
        ("ann@acme.com@evil.example", None),
        ("ann@[127.0.0.1]", None),
        ("ann@acme.com,bob@evil.example", None),
        ("ann@acme.com\nbcc:x", None),
    ],
)
def test_the_domain_of_an_address(address: str, domain: str | None) -> None:
    assert address_domain(address) == domain
