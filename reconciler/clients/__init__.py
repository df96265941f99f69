"""HTTP to Stytch: paced, retried where that is safe, every error classified, every search complete.

In: credentials and requests. Out: decoded answers, or a ``Fault``. Nothing is decided here. Start with ``connect``.
"""
