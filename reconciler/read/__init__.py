"""Stytch becomes live state, read completely or not at all.

In: a client. Out: live resources and members. Nothing is written or decided here.
"""
