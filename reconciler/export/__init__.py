"""Live → the manifests that a person would have written; planning with them changes nothing.

::

    Stytch ── live, members ─→ choice ── defaults, secrets, organizations ─→ Manifest ── sound ─→ layout ─→ folder
                                                                                │
                                                    what cannot be declared  ←──┘
"""
