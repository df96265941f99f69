"""Desired against live, as changes: pure functions that know nothing of files, HTTP or output.

``fields`` compares two specs; ``organizations`` and ``members`` match live resources with declared ones.
"""
