"""Desired against live, of any kind: both sides and a policy come in, a ``Diff`` goes out; no file or request here.

``compare`` takes every kind through the same steps; ``identity`` says which live resource is the declared one, and
``ownership`` whose it is.
"""
