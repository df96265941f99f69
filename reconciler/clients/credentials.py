"""What gives access to Stytch, which servers that is for, and how often they may be asked."""

import math
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

LIVE_URL = "https://api.stytch.com"
TEST_URL = "https://test.stytch.com"
MANAGEMENT_URL = "https://management.stytch.com"
TELEMETRY_URL = "https://telemetry.stytch.com"
SLOWEST = 2.2  # seconds that an answer may take before writes are slower than the rate
FEWEST_IN_FLIGHT, MOST_IN_FLIGHT = 8, 400  # each needs a thread and a connection
LIVE_PROJECT = "project-live-"


class Rates(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Stytch's limits of this project, and the share of them that we allow ourselves."""

    requests_per_second: Annotated[float, Meta(gt=0)] = 65
    searches_per_minute: Annotated[float, Meta(gt=0)] = 100
    share: Annotated[float, Meta(gt=0, le=1)] = 0.5

    @property
    def writes_per_second(self) -> float:
        """Return the requests a second that an apply makes at most."""
        return self.requests_per_second * self.share

    @property
    def in_flight(self) -> int:
        """Return how many requests must be under way at once for that rate to be held where answers take long."""
        return min(MOST_IN_FLIGHT, max(FEWEST_IN_FLIGHT, math.ceil(self.writes_per_second * SLOWEST)))


class Credentials(Struct, frozen=True, kw_only=True):
    """What gives access, from the environment, under the names that Stytch's own tools use; never printed.

    Empty strings where nothing is known.
    """

    project_id: str = ""
    secret: str = ""
    workspace_key_id: str = ""
    workspace_key_secret: str = ""
    management_base_uri: str = ""
    api_url: str = ""
    telemetry_url: str = ""
    consumer_project_id: str = ""
    consumer_secret: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Credentials":
        """Return every variable that is set; which are needed is for whoever uses them to say."""
        return cls(**{name: environ.get(f"STYTCH_{name.upper()}", "").strip() for name in cls.__struct_fields__})

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return list(self._shown().items())

    def __repr__(self) -> str:
        return f"Credentials({', '.join(f'{name}={value}' for name, value in self._shown().items())})"

    def _shown(self) -> dict[str, str]:
        return {
            name: "***" if value and "secret" in name else value
            for name in self.__struct_fields__
            if (value := getattr(self, name))
        }


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
