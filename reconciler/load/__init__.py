"""What people wrote becomes ``Declared``, with everything that is wrong, at once.

In: documents, tables and the configuration. Out: resources and rules. Stytch is not asked here.
"""
