"""MappingRules: which user belongs to which organization; pure. ``docs/rules.md`` is the reference.

``compile_rules`` → ``Rules``, once, with every mistake in them; ``assign`` → ``Assigned``, for each user;
``fold_problems`` makes a few problems of many users'; ``explain`` says what every rule decides for one user.
"""

from reconciler.rules.assign import Assigned, assign
from reconciler.rules.compile import RuleSources, compile_rules
from reconciler.rules.conditions import Condition
from reconciler.rules.explain import Explanation, Gift, MembershipExplanation, RuleExplanation, explain, is_user
from reconciler.rules.problems import OF_DOMAINS, UserProblem, fold_problems
from reconciler.rules.ruleset import Rules
from reconciler.rules.unmatched import why_unmatched

__all__ = [
    "OF_DOMAINS",
    "Assigned",
    "Condition",
    "Explanation",
    "Gift",
    "MembershipExplanation",
    "RuleExplanation",
    "RuleSources",
    "Rules",
    "UserProblem",
    "assign",
    "compile_rules",
    "explain",
    "fold_problems",
    "is_user",
    "why_unmatched",
]
