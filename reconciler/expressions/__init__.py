"""The expression language of ``when``, ``each``, ``join`` and ``${{ … }}``; pure (docs/expressions.md).

In: texts, compiled once, when their file is read; a mistake in one raises ``ExpressionError``. Out: values over a
scope; evaluation raises only ``Mistyped``. Nothing here knows users, rules or kinds.
"""
