"""MappingRules: which user belongs to which organization; pure. ``docs/rules.md`` is the reference.

In: documents and users. Out: compiled ``Rules``, and for each user a ``Decision`` or its explanation. Nothing live is
looked at, and nothing is read or written.
"""
