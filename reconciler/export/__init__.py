"""Live state → the manifests that a person would have written. A plan with these manifests is empty.

::

    Stytch ── live, members ─→ choice ── defaults, secrets, organizations ─→ Manifest ── sound ─→ layout ─→ folder
                                                                                │
                                                    what cannot be declared  ←──┘
"""
