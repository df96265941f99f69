"""What ``doctor`` found, line by line."""

from typing import TYPE_CHECKING

from reconciler.report.escaping import printable

if TYPE_CHECKING:
    from reconciler.doctor import Finding

_WIDEST = 14  # "configuration:"


def finding_lines(finding: "Finding") -> list[str]:
    """Write ``ok    target: …`` or ``wrong target: …`` and what to do about it."""
    subject = f"{finding.subject}:".ljust(_WIDEST)
    lines = [printable(f"{'ok   ' if finding.ok else 'wrong'} {subject} {finding.text}")]
    if finding.hint:
        lines.append(printable(f"  → {finding.hint}"))
    return lines
