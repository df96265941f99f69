"""A Consumer project in which everything is set → ``init --from-consumer`` → plan → apply → a B2B project like it.

It runs the command line over sockets. Stytch's own SDKs read the result, which is compared with b2b.yaml.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from stytch import B2BClient
from stytch_management import Client as Management

from reconciler.emulator.seed.placing import counts
from reconciler.emulator.seed.running import Running
from tests.migration.conftest import ENVIRONMENTS, GIVEN, Run
from tests.migration.consumer_project import environment_of
from tests.migration.read_back import of_environment, of_project

# The SDKs use deprecated parts of aiohttp and pydantic.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

FOLDER = Path(__file__).parent


def test_everything_is_valid_and_planned_and_applied_and_then_nothing_is_left(codes: Mapping[str, list[int]]) -> None:
    assert codes == {"live": [0, 3, 2, 0, 0], "test": [0, 3, 2, 0, 0]}


@pytest.mark.usefixtures("codes")
def test_the_project_is_what_it_should_be(management: Management) -> None:
    whole = expected()
    del whole["environments"]
    assert of_project(management, "consumer-b2b") == whole


@pytest.mark.usefixtures("codes")
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_is_what_it_should_be_field_by_field(
    server: Running, management: Management, root: Path, name: str
) -> None:
    slug = ENVIRONMENTS[name]
    project_id = management.environments.get("consumer-b2b", slug).environment.project_id
    data = B2BClient(
        project_id, credential(root, name, "STYTCH_SECRET"), custom_base_url=server.url, fraud_environment=server.url
    )
    wanted = expected()["environments"][slug]
    found = of_environment(management, ("consumer-b2b", slug), data)
    for kind in wanted:
        assert found[kind] == wanted[kind], kind
    assert found.keys() == wanted.keys()


@pytest.mark.usefixtures("codes")
def test_a_client_keeps_the_secret_that_is_given_and_gets_a_new_one_else(server: Running, root: Path) -> None:
    billing = "M2M_CLIENT_BILLING_SECRET"
    assert credential(root, "live", billing) == GIVEN[billing]
    importer = "m2m-client-live-2d1f6c1e-0000-4000-8000-000000000001"
    kept = credential(root, "live", f"M2M_CLIENT_{importer.upper().replace('-', '_')}_SECRET")
    environment = environment_of(server, "consumer-b2b", "production")
    assert counts(server.app, "m2m_client", "billing", GIVEN[billing], environment)
    assert counts(server.app, "m2m_client", importer, kept, environment)


@pytest.mark.usefixtures("codes")
def test_what_is_there_has_not_drifted(run: Run, root: Path) -> None:
    assert [run("-C", str(root), "-e", name, "drift", **GIVEN) for name in ENVIRONMENTS] == [0, 0]


def expected() -> Any:
    return yaml.safe_load((FOLDER / "b2b.yaml").read_text(encoding="utf-8"))


def credential(root: Path, environment: str, name: str) -> str:
    """Return a value in the credential store."""
    texts = [path.read_text(encoding="utf-8") for path in (root / ".reconciler").glob(f"*{environment}*.env")]
    return next(found[1] for text in texts for found in re.finditer(rf"^{name}='?([^'\n]*)'?$", text, re.MULTILINE))
