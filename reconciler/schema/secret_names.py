"""Names of secrets in manifests, and how they are compared with what Stytch shows of a secret."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import structs

from reconciler.model import Change, Delete, FieldChange, Json, Path, Resource, Spec
from reconciler.schema.kind import Credential, Kind
from reconciler.schema.traits import CREDENTIAL_NAME, texts_under

NAME = "secret"
LAST_FOUR = "last_four"
DIGITS: Final = 8  # of a digest

# What the machine, its CI and its other programs keep in variables: no manifest may have it sent to Stytch.
MACHINE_NAMES: Final = frozenset(
    """ALL_PROXY BW_SESSION CI CLASSPATH CODESPACES COLUMNS COMPOSER_AUTH CURL_CA_BUNDLE DISPLAY EDITOR ENV
    GEM_HOST_API_KEY GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CREDENTIALS GOOGLE_GHA_CREDS_PATH GOOGLE_OAUTH_ACCESS_TOKEN
    HOME HOSTNAME HTTPS_PROXY HTTP_PROXY IFS JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS KUBECONFIG LANG LANGUAGE LOGNAME MAIL
    MAKEFLAGS NETRC NO_COLOR NO_PROXY OLDPWD PAGER PATH PERL5LIB PERL5OPT PWD REQUESTS_CA_BUNDLE RUBYLIB RUBYOPT SHELL
    SHLVL SSLKEYLOGFILE SSL_CERT_DIR SSL_CERT_FILE TEMP TERM TMP TMPDIR TZ USER VIRTUAL_ENV VISUAL""".split()  # noqa: SIM905 # plain words
)
MACHINE_PREFIXES: Final = tuple(
    """ACTIONS_ ANSIBLE_ APPVEYOR_ ARGOCD_ ARM_ ATLANTIS_ AWS_ AZURE_ BASH BITBUCKET_ BUILDKITE_ BUNDLE_ BWS_
    CARGO_REGISTR CIRCLE_ CIRRUS_ CI_BUILD_ CI_DEPENDENCY_ CI_DEPLOY_ CI_JOB_ CI_REGISTRY_ CI_REPOSITORY_ CI_RUNNER_
    CI_SERVER_ CLOUDSDK_ CODEBUILD_ CONJUR_ CONSUL_ DBUS_ DOCKER_ DOPPLER_ DRONE_ DYLD_ ENDPOINT_AUTH FORGEJO_ GCLOUD_
    GH_ GITEA_ GITHUB_ GITLAB_ GIT_ GPG_ HELM_ HEROKU_ HOMEBREW_ INFISICAL_ INPUT_ JENKINS_ KUBERNETES_ LC_ LD_ NETLIFY_
    NODE_ NOMAD_ NPM_ NUGET_ OP_ PIP_ POETRY_ PULUMI_ PYTHON RECONCILER_ RUNNER_ SECUREFILE_ SEMAPHORE_ SOPS_ SPACELIFT_
    SSH_ STYTCH_ SUDO_ SYSTEM_ TEAMCITY_ TF_ TRAVIS_ TWINE_ UV_ VAULT_ VERCEL_ WOODPECKER_ XDG_""".split()  # noqa: SIM905 # as above
)
# What opens the workspace and other projects is ours to read; a Secret or a public token of Stytch may have the rest.
OUR_PREFIXES: Final = tuple(f"STYTCH_{each}_" for each in ("API", "CONSUMER", "MANAGEMENT", "TELEMETRY", "WORKSPACE"))
OURS: Final = "STYTCH_"

LastFour = Callable[[str], str | None]


def is_name(value: Json) -> bool:
    """Return whether a value is the name of a secret: ``{secret: NAME}``."""
    return isinstance(value, dict) and value.keys() == {NAME} and isinstance(value[NAME], str)


def is_secret_name(text: str) -> bool:
    """Return whether a secret can be kept under this name."""
    return re.fullmatch(CREDENTIAL_NAME, text) is not None


def belongs_to_the_machine(name: str) -> bool:
    """Return whether a name is that of a variable which belongs to the machine, whatever its case."""
    return name.upper() in MACHINE_NAMES or name.upper().startswith(MACHINE_PREFIXES)


def names_of_the_machine(kind: Kind, resource: Resource) -> Iterator[tuple[Path, str]]:
    """Yield the names that a resource may not give a secret, and where each stands.

    What Stytch gives for nothing but a name, such as a secret of the environment, may be kept as STYTCH_SECRET.
    """
    fields = {*kind.secret_fields, *({kind.credential.field} if kind.credential else ())}
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        for name in fields & spec.keys():
            yield from (
                (path, each) for path, each in names_in(spec[name], (part, name)) if belongs_to_the_machine(each)
            )
    may_be_kept = resource.name.startswith(OURS) and not resource.name.startswith(OUR_PREFIXES)
    if kind.identity.id_is_key and belongs_to_the_machine(resource.name) and not may_be_kept:
        yield ("metadata", "name"), resource.name


def names_in(value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every name of a secret within a value, and where it stands."""
    return texts_under(NAME, value, path)


def secrets_needed(kind: Kind, resource: Resource) -> Iterator[tuple[Path, str]]:
    """Yield the names of the secrets that a resource sends, and where in the document each stands."""
    for part, spec in (("spec", resource.spec), ("initial", resource.initial)):
        for name in kind.secret_fields.keys() & spec.keys():
            yield from names_in(spec[name], (part, name))


def replaced(value: Json, put: Callable[[str], Json]) -> Json:
    """Return a value with something else in the place of every name of a secret."""
    if is_name(value):
        return put(value[NAME])
    if isinstance(value, dict):
        return {key: replaced(inner, put) for key, inner in value.items()}
    return [replaced(inner, put) for inner in value] if isinstance(value, list) else value


def never_shown(kind: Kind) -> frozenset[str]:
    """Return the fields of which Stytch shows nothing once the resource exists."""
    sealed = {name for name, seal in kind.secret_fields.items() if not seal.readable}
    return frozenset(sealed | ({kind.credential.field} if kind.credential else set()))


def as_shown(kind: Kind, spec: Spec, last_four: LastFour) -> Spec:
    """Return a declared spec with what Stytch would show of each secret, so that both can be compared."""
    return {
        name: replaced(value, lambda secret: {LAST_FOUR: last_four(secret)}) if name in kind.secret_fields else value
        for name, value in spec.items()
    }


def as_declared(kind: Kind, change: FieldChange, spec: Spec) -> FieldChange:
    """Return the change of a field with its secrets as the manifest has them: by name."""
    name, *inner = change.path
    if name not in kind.secret_fields or name not in spec:
        return change
    value: Json = spec[name]
    for key in inner:
        value = value[key] if isinstance(value, Mapping) else value
    return structs.replace(change, after=value)


def credential_name(kind: Kind, resource: Resource) -> str:
    """Return the name under which the credential of a resource is kept: the manifest's, or one made up."""
    if kind.credential is None:
        raise ValueError(f"a {kind.name} has no credential")
    if kind.identity.id_is_key:
        return resource.name
    declared: Json = resource.spec.get(kind.credential.field) or resource.initial.get(kind.credential.field)
    if is_name(declared):
        return str(declared[NAME])
    return made_name(kind, kind.credential, resource.namespace, resource.name)


def words_of(kind: str) -> list[str]:
    """Return the words of a kind's name: ``M2M`` and ``Client`` for ``M2MClient``."""
    return re.findall(r"[A-Z0-9]+(?=[A-Z][a-z]|$)|[A-Z][a-z0-9]+", kind)


def made_name(kind: Kind, credential: Credential, *key: str | None) -> str:
    """Return a name for the credential of a resource: ``M2M_CLIENT_BILLING_SECRET``."""
    words = (*words_of(kind.name), *key, credential.suffix)
    return re.sub(r"[^A-Z0-9]+", "_", "_".join(filter(None, words)).upper()).strip("_")


def distinct_names(names: Mapping[str, str]) -> Mapping[str, str]:
    """Return, by address, names of their own for the resources whose credentials would be kept under one name.

    Each gets a piece of the digest of its address, so that nothing hangs on the order in which they come.
    """
    counts = Counter(names.values())
    return {address: f"{name}_{_digest_of(address)}" for address, name in names.items() if counts[name] > 1}


def _digest_of(address: str) -> str:
    from hashlib import sha256

    return sha256(address.encode(errors="surrogatepass")).hexdigest()[:DIGITS].upper()


def gives_credential(change: Change) -> bool:
    """Return whether Stytch may give a credential in the course of a change: it names where that will be kept."""
    if isinstance(change, Delete) or change.withheld_by:
        return False
    return any(is_name(each.after) for each in change.fields)
