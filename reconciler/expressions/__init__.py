"""The expression language of ``when``, ``each``, ``join`` and ``${{ … }}``; pure.

``docs/expressions.md`` is the reference.

``compile_expression`` → ``Expression``, ``compile_template`` → ``Template``, ``compile_tree`` → ``Tree``. A text is
compiled once, when its file is read; a mistake in it raises ``ExpressionError``. Evaluation raises only ``Mistyped``.
``explain`` and ``equalities`` analyse a condition.
"""

from reconciler.expressions.explain import Scalar, Term, equalities, explain
from reconciler.expressions.expression import Expression, compile_expression
from reconciler.expressions.nodes import Path, spell
from reconciler.expressions.template import Template, compile_template
from reconciler.expressions.text import (
    a_label,
    address_domain,
    domain_label,
    fold,
    is_blank,
    joined_text,
    mailbox,
    mailbox_or_text,
    parsed_address,
    slugify,
    trimmed,
)
from reconciler.expressions.tree import InvalidTree, Tree, compile_tree
from reconciler.expressions.values import UNKNOWN, ExpressionError, Mistyped, NullInText, Unknown

__all__ = [
    "UNKNOWN",
    "Expression",
    "ExpressionError",
    "InvalidTree",
    "Mistyped",
    "NullInText",
    "Path",
    "Scalar",
    "Template",
    "Term",
    "Tree",
    "Unknown",
    "a_label",
    "address_domain",
    "compile_expression",
    "compile_template",
    "compile_tree",
    "domain_label",
    "equalities",
    "explain",
    "fold",
    "is_blank",
    "joined_text",
    "mailbox",
    "mailbox_or_text",
    "parsed_address",
    "slugify",
    "spell",
    "trimmed",
]
