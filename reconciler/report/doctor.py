"""What ``doctor`` found, line by line."""

from msgspec import Struct

from reconciler.report.escaping import printable


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at: whether it is as it should be, what was found, what to do if it is not."""

    ok: bool
    subject: str
    text: str
    hint: str = ""


_WIDEST = 14  # "configuration:"


def finding_lines(finding: "Finding") -> list[str]:
    """Write ``ok    target: …`` or ``wrong target: …`` and what to do about it."""
    subject = f"{finding.subject}:".ljust(_WIDEST)
    lines = [printable(f"{'ok   ' if finding.ok else 'wrong'} {subject} {finding.text}")]
    if finding.hint:
        lines.append(printable(f"  → {finding.hint}"))
    return lines
