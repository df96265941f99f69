"""Desired against live, of any kind: both sides and a policy come in, a ``Diff`` goes out; no file or request here.

``compare`` is the engine; ``identity`` says which live resource is the declared one, ``ownership`` whose it is.
"""
