"""Checks of SSO connections: mistakes that Stytch would refuse although every type is right."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from reconciler.kinds._sso.certificates import are_certificates, each_of
from reconciler.kinds._sso.spec import ASSIGNMENTS, CERTIFICATE, EXTERNAL_KEY, FIELDS, MAPPING, TYPE, URLS
from reconciler.model import Path, Problem, Resource, Spec
from reconciler.schema.types import check_role

MOST: Final = 5  # certificates of one connection
GROUPS: Final = "saml_group_implicit_role_assignments"
HTTPS: Final = ("idp_sso_url", "issuer", *URLS)


def check(resource: Resource) -> Iterator[Problem]:
    """Yield every problem of a declared connection (``ensure: present``)."""
    said = {**resource.initial, **resource.spec}
    sort = said.get(TYPE)
    if resource.ensure != "present":
        return
    if sort is None:
        hint = f"add {TYPE}: saml, oidc or external"
        yield resource.problem("missing-key", f"spec has no {TYPE}", hint, ("spec",))
        return
    for name in EXTERNAL_KEY if sort == "external" else ():
        if name not in said:
            message = f"an external connection refers to another connection, and spec has no {name}"
            yield resource.problem("missing-key", message, f"add {name}", ("spec", TYPE))
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        for name in spec.keys() - {TYPE, *FIELDS[sort]}:
            others = " and ".join(other for other, names in FIELDS.items() if name in names)
            message = f"{name} is a field of {others} connections, but {TYPE} is {sort}"
            yield resource.problem("contradiction", message, f"remove {name}", (part, name), (part, TYPE))
        yield from _check_urls(resource, part, spec)
        yield from _check_certificates(resource, (part, CERTIFICATE), spec.get(CERTIFICATE))
        for name in (each for each in FIELDS[sort] if each.endswith(ASSIGNMENTS)):
            for index, assignment in enumerate(spec.get(name) or ()):
                yield from check_role(resource, (part, name, str(index), "role_id"), assignment["role_id"])
        if sort == "saml" and MAPPING in spec:
            yield from _check_mapping(resource, (part, MAPPING), spec, grouped=bool(said.get(GROUPS)))


def _check_urls(resource: Resource, part: str, spec: Spec) -> Iterator[Problem]:
    for name in HTTPS:
        url = spec.get(name)
        if url is not None and not _is_https(url):
            yield resource.problem("not-https", f"{name} is not an https URL", "begin it with https://", (part, name))


def _is_https(url: str) -> bool:
    try:
        return urlsplit(url).scheme == "https" and bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _check_certificates(resource: Resource, path: Path, text: str | None) -> Iterator[Problem]:
    if text is None:
        return
    if "PRIVATE KEY" in text:
        hint = "remove the private key from the repository, and put the certificate here"
        yield resource.problem("private-key", "this text holds a private key, which must stay private", hint, path)
    elif not are_certificates(text):
        hint = "write the complete text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
        yield resource.problem("not-a-certificate", "this is not an X.509 certificate in PEM", hint, path)
    elif len(each_of(text)) > MOST:
        message = f"these are {len(each_of(text))} certificates; Stytch keeps at most {MOST}"
        yield resource.problem("too-many", message, "remove certificates that are no longer used", path)


def _check_mapping(resource: Resource, path: Path, spec: Spec, *, grouped: bool) -> Iterator[Problem]:
    mapping = spec[MAPPING]
    if not mapping.get("email"):
        yield resource.problem("missing-key", f"{MAPPING} has no email", "add email: with the attribute's name", path)
    if not (mapping.get("full_name") or (mapping.get("first_name") and mapping.get("last_name"))):
        hint = "add full_name, or first_name and last_name"
        yield resource.problem("missing-key", f"{MAPPING} has no attributes for the name", hint, path)
    if grouped and not mapping.get("groups"):
        message = f"{GROUPS} needs groups, and {MAPPING} has no groups"
        yield resource.problem("missing-key", message, "add groups: with the attribute's name", path)
