"""``reconciler validate``: read everything that people wrote, and say all that is wrong with it."""

from typing import TYPE_CHECKING

from reconciler.commands.options import Asked, command
from reconciler.report.formats import show

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.load.repository import Declared
    from reconciler.model import Problem


@command()
def validate(asked: Asked) -> int:
    """Print every problem of what people wrote; return 0, as an error ends the command before."""
    from reconciler.load.repository import load
    from reconciler.model import fold_problems
    from reconciler.report.problems import problems_report

    declared, rules = load(asked.config(), tested=True)
    denied = _denied(declared) if declared.safeguards.policies else ()
    found = (*declared.problems, *declared.doubts, *denied, *rules.warnings, *fold_problems(rules.problems))
    show(problems_report(found, title=_what_was_read(declared)), asked.format)
    return 0


def _what_was_read(declared: "Declared") -> str:
    """Return ``573 Organizations, 2 Members, 1 MappingRules``."""
    from reconciler.model import MEMBER, ORGANIZATION
    from reconciler.report.values import counted

    by_kind = declared.by_kind
    kinds = {kind: len(by_kind[kind]) for kind in (ORGANIZATION, MEMBER, *by_kind) if kind in by_kind}
    steps = [counted(len(declared.manual_steps), "ManualStep")] if declared.manual_steps else []
    tests = [counted(len(declared.rule_tests), "RuleTest")] if declared.rule_tests else []
    counts = [counted(number, kind, f"{kind[:-1]}ies" if kind.endswith("cy") else "") for kind, number in kinds.items()]
    return ", ".join([*counts, *steps, f"{len(declared.rules)} MappingRules", *tests])


def _denied(declared: "Declared") -> "Iterable[Problem]":
    """Return what policies would deny of what is declared; imported only where there are policies."""
    from reconciler.plan.policies import would_deny

    return would_deny(declared)
