"""A local Stytch: the vendor's HTTP API over a SQLite store, for tests, the demo and benchmarks.

It imports nothing from the rest of ``reconciler``: if both shared a mistake, tests against it would prove nothing.
Tests compare its answers with the vendor's OpenAPI description and with the vendor's own SDKs. ``docs/emulator.md``
describes it. Its packages stand on one another: ``seed``, ``server``, ``management``, ``data`` and, at the bottom,
``core``. Numbers in brackets in docstrings are sections of ``docs/stytch.md``.
"""
