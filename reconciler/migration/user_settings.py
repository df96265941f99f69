"""The two kinds that a Consumer project has in a form of its own: the frontend SDK settings and the users' roles."""

from collections.abc import Iterator

from reconciler.clients.data import Client
from reconciler.migration.values import Things
from reconciler.model import Live, Place
from reconciler.read import unreadable

ROLES = ("stytch_user", "custom_resources", "custom_roles", "custom_scopes")


def user_settings(client: Client, place: Place) -> Things:
    """Return the SDK configuration and the RBAC policy of an environment. Raises ``Unreadable``."""
    with unreadable(f"the settings of {place.environment}", "management"):
        return {live.kind: (live,) for live in _read(client, place)}


def _read(client: Client, place: Place) -> Iterator[Live]:
    config = client.management.get(f"{place.path}/sdk/consumer")["config"]
    yield Live(kind="SDKConfig", name="default", id="default", spec=config)
    policy = client.management.get(f"{place.path}/rbac_policy")["policy"]
    roles = {name: policy[name] for name in ROLES if policy.get(name)}
    yield Live(kind="RBACPolicy", name="default", id="default", spec=roles)
