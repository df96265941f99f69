"""An emulator whose switches are set."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.emulator.core.behaviour import Behaviour
from reconciler.emulator.server.app import App
from tests.emulator.conftest import Api


@contextmanager
def behaving(**switches: Any) -> Iterator[Api]:
    """An emulator with these switches, until the block ends."""
    app = App(behaviour=Behaviour(**switches))
    try:
        yield Api(app)
    finally:
        app.close()
