"""``python -m reconciler``."""

from reconciler.commands.cli import main

main()
