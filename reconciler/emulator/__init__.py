"""A local Stytch: the vendor's HTTP API over a SQLite store, for tests, the demo and benchmarks.

It imports nothing from the rest of ``reconciler``: if both shared a mistake, tests against it would prove nothing.
What it answers is held to the vendor's OpenAPI description and to the vendor's own SDKs. ``docs/emulator.md`` describes
it; numbers in brackets in its docstrings are sections of ``docs/stytch.md``.
"""
