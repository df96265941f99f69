"""``reconciler doctor``: which project the credentials reach, and what can be read there."""

import os
from typing import TYPE_CHECKING

from reconciler.commands.options import Asked, command
from reconciler.model import FORMAT_VERSION
from reconciler.report.escaping import printable
from reconciler.report.formats import FORMATS, show, show_lines
from reconciler.report.view import Line, Listing, Report, styled

if TYPE_CHECKING:
    from reconciler.commands.diagnosis import Finding

_WIDEST = 14  # "configuration:"


@command()
def doctor(asked: Asked) -> int:
    """Print every finding as soon as it is found; return 1 if anything is not as it should be."""
    from reconciler.clients.credentials import Credentials
    from reconciler.commands.diagnosis import examine

    findings = []
    as_found = FORMATS[asked.format].for_people
    for finding in examine(asked.config(), Credentials.from_environment(os.environ)):
        findings.append(finding)
        if as_found:
            show_lines(_lines(finding))
    is_well = all(finding.ok for finding in findings)
    summary = "Everything is in order" if is_well else "Something is not in order"
    listing = Listing(tuple(line for finding in findings for line in _lines(finding)), summary)
    if not as_found:
        show(Report(lambda: {"format_version": FORMAT_VERSION, "findings": findings}, lambda: [listing]), asked.format)
    return 0 if is_well else 1


def _lines(finding: "Finding") -> list[Line]:
    """Return ``ok    target: …`` or ``wrong target: …`` and what to do about it."""
    word = "ok" if finding.ok else "wrong"
    subject = f"{finding.subject}:".ljust(_WIDEST)
    lines = [styled(printable(f"{word:<5} {subject} {finding.text}"), "ok" if finding.ok else "wrong", 0, len(word))]
    if finding.hint:
        lines.append(styled(printable(f"  → {finding.hint}"), "hint", 2))
    return lines
