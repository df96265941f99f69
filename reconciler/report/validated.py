"""What ``validate`` has read, in one line."""

from collections import Counter

from reconciler.load import Declared
from reconciler.report.values import counted


def summary(declared: Declared) -> str:
    """Write ``573 Organizations, 2 Members, 1 MappingRules``."""
    kinds = Counter(resource.kind for resource in (*declared.organizations, *declared.members))
    counts = [counted(number, kind) for kind, number in kinds.items()]
    return ", ".join([*counts, f"{len(declared.rules)} MappingRules"])
