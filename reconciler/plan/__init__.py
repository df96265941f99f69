"""Differences become a plan: what is held, what is withheld, in which order.

In: differences between desired and live. Out: a ``Plan``, which is a value. Nothing is written here.
"""
