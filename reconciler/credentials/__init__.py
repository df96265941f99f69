"""The credential store of an environment keeps what Stytch shows only once (docs/credentials.md).

In: sealed secrets. Out: sealed secrets. No secret is logged, printed or compared here.
"""
