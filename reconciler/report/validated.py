"""What ``validate`` has read, in one line."""

from collections import Counter

from reconciler.load.repository import Declared
from reconciler.report.values import counted


def summary(declared: Declared) -> str:
    """Write ``573 Organizations, 2 Members, 1 MappingRules``."""
    others = (resource for every in declared.things.values() for resource in every)
    kinds = Counter(resource.kind for resource in (*declared.organizations, *declared.members, *others))
    steps = [counted(len(declared.manual_steps), "ManualStep")] if declared.manual_steps else []
    counts = [_counted(number, kind) for kind, number in kinds.items()]
    return ", ".join([*counts, *steps, f"{len(declared.rules)} MappingRules"])


def _counted(number: int, kind: str) -> str:
    return counted(number, kind, f"{kind[:-1]}ies" if kind.endswith("cy") else "")
