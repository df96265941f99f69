"""An emulator whose switches are set."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.emulator.app import App
from reconciler.emulator.behaviour import Behaviour
from tests.emulator.conftest import Api


@contextmanager
def behaving(**switches: Any) -> Iterator[Api]:
    """An emulator with these switches, until the block ends."""
    app = App(behaviour=Behaviour(**switches))
    try:
        yield Api(app)
    finally:
        app.close()
