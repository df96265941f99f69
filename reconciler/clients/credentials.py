"""Which server credentials are for, and whether they may be sent there."""

from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urlsplit

from reconciler.clients.network import Network, is_loopback, is_server
from reconciler.errors import Refused
from reconciler.model import Problem, problem

LIVE_URL = "https://api.stytch.com"
TEST_URL = "https://test.stytch.com"
MANAGEMENT_URL = "https://management.stytch.com"
TELEMETRY_URL = "https://telemetry.stytch.com"
LIVE_PROJECT = "project-live-"


class Credentials(Protocol):
    """What gives access; empty strings where nothing is known."""

    @property
    def project_id(self) -> str: ...  # noqa: D102  # the name says it
    @property
    def secret(self) -> str: ...  # noqa: D102  # as above
    @property
    def api_url(self) -> str: ...  # noqa: D102  # as above
    @property
    def telemetry_url(self) -> str: ...  # noqa: D102  # as above
    @property
    def management_base_uri(self) -> str: ...  # noqa: D102  # as above
    @property
    def workspace_key_id(self) -> str: ...  # noqa: D102  # as above
    @property
    def workspace_key_secret(self) -> str: ...  # noqa: D102  # as above
    @property
    def consumer_project_id(self) -> str: ...  # noqa: D102  # as above
    @property
    def consumer_secret(self) -> str: ...  # noqa: D102  # as above


def base_url(credentials: Credentials, project_id: str) -> str:
    """Return the data API's address without a slash at its end: STYTCH_API_URL, or the host of the project's sort."""
    if credentials.api_url:
        return credentials.api_url.rstrip("/")
    return LIVE_URL if project_id.startswith(LIVE_PROJECT) else TEST_URL


def management_url(credentials: Credentials) -> str:
    """Return the management API's address without a slash at its end."""
    return (credentials.management_base_uri or MANAGEMENT_URL).rstrip("/")


def telemetry_url(credentials: Credentials) -> str:
    """Return the address of the host that fraud rules are kept on, which is one for test and live."""
    return (credentials.telemetry_url or TELEMETRY_URL).rstrip("/")


def check(credentials: Credentials, network: Network) -> None:
    """Raise ``Refused`` with everything that keeps these credentials from being used on this network.

    A workspace key alone is enough: then the environment's secret is known from elsewhere, or made.
    """
    problems = (*_missing(credentials), *_wrong_urls(credentials), *network.problems(servers(credentials)))
    if problems:
        raise Refused(problems)


def _missing(credentials: Credentials) -> Iterator[Problem]:
    workspace = {
        "STYTCH_WORKSPACE_KEY_ID": credentials.workspace_key_id,
        "STYTCH_WORKSPACE_KEY_SECRET": credentials.workspace_key_secret,
    }
    needed = {"STYTCH_PROJECT_ID": credentials.project_id, "STYTCH_SECRET": credentials.secret}
    if not any(needed.values()) and any(workspace.values()):
        needed = workspace
    elif any(workspace.values()):
        needed |= workspace
    if credentials.consumer_project_id:
        needed["STYTCH_CONSUMER_SECRET"] = credentials.consumer_secret
    for name, value in needed.items():
        if not value:
            hint = "it is in Stytch's dashboard under API keys; `reconciler emulator --env-file FILE` also writes one"
            yield problem("no-credentials", f"the environment variable {name} is not set", hint)


def _wrong_urls(credentials: Credentials) -> Iterator[Problem]:
    for name, address, usual in (
        ("STYTCH_API_URL", credentials.api_url, TEST_URL),
        ("STYTCH_MANAGEMENT_BASE_URI", credentials.management_base_uri, MANAGEMENT_URL),
        ("STYTCH_TELEMETRY_URL", credentials.telemetry_url, TELEMETRY_URL),
    ):
        if not address:
            continue
        if not is_server(address):
            hint = f"such as {usual}: no user, no password, no path"
            yield problem("bad-url", f"{name} is not the URL of a server", hint)
        elif address.lower().startswith("http:") and not is_loopback(urlsplit(address).hostname or ""):
            message = f"{name} begins with http: the secret would be sent unencrypted"
            yield problem("bad-url", message, "use https; http is only for an emulator on this machine")


def servers(credentials: Credentials) -> tuple[str, ...]:
    """Return the addresses that may be asked with these credentials, as far as they are some."""
    projects = [each for each in (credentials.project_id, credentials.consumer_project_id) if each] or [""]
    named = [*(base_url(credentials, each) for each in projects), telemetry_url(credentials)]
    named += [management_url(credentials)] if credentials.workspace_key_id else []
    return tuple(each for each in named if is_server(each))
