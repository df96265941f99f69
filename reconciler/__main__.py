"""``python -m reconciler``, and what starts the program: from here on a signal never ends in a traceback."""

import os
import signal

from reconciler.commands.signals import HANDLED, SIGNALS


def main() -> None:
    """Run the command line."""
    try:
        for number in HANDLED:
            signal.signal(number, SIGNALS.arrived)
        from reconciler.commands import cli

        cli.main()
    except KeyboardInterrupt:
        os._exit(SIGNALS.interrupted())


if __name__ == "__main__":
    main()
