"""Live state → the manifests that a person would have written. A plan with these manifests is empty.

::

    Stytch ── live ─→ gather ── spec, secrets, organizations ─→ Manifest ── checks ─→ files
                                                                              │
                                                  what cannot be declared  ←──┘
"""
