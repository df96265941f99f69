"""Resources that Stytch creates in every new environment and that the Consumer project does not have: to be deleted."""

from collections.abc import Iterator
from typing import Final

from reconciler.migration.differences import Shared
from reconciler.migration.values import Consumer

REDIRECT_URL: Final = "http://localhost:3000/authenticate"  # of test environments (docs/stytch.md, "Redirect URLs")


def absences(consumer: Consumer) -> Iterator[Shared]:
    """Yield a manifest with ``ensure: absent`` for each of them."""
    where = tuple(
        source.name
        for source in consumer.environments
        if source.type == "TEST" and all(live.name != REDIRECT_URL for live in source.things["RedirectURL"])
    )
    if where:
        environments = where if len(where) < len(consumer.environments) else ()
        yield Shared(kind="RedirectURL", name=REDIRECT_URL, spec={}, environments=environments, ensure="absent")
