"""The results: what was measured, by part, row and column, and the page that shows it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

BEFORE, NOW = "before", "now"
Figures = dict[str, float]
Rows = dict[str, dict[str, Figures]]  # by name, then by column
Results = dict[str, Rows]  # by part

RAW = "## Raw"
HEAD = """\
# Results

Measured {where}, by `make bench`.
Each command is a process of its own, and so is the emulator beside it. Cells with an arrow show the version before,
measured in the same way, and this one.

- *CPU* is what the process and the kernel used for it, *memory* its peak, both from `wait4`. The emulator counts
  requests and 429s.
- *× floor* compares the CPU with the least that any plan must do, measured beside each row: decode the bytes of each
  user with msgspec, and look one key up in a dictionary. *× loop* compares it with a fixed loop in Python, measured
  beside each row too. Both can be compared between machines.
- *A write* is the CPU of `apply` without that of `plan` over the same, for each write. *The SDK's own* is what a create
  through Stytch's SDK, with its own session, costs at the same rate; *beside the SDK* is the difference.
- *Time left* is how far the progress was from the truth: at the first line after a minute, and at worst from then on
  until the last minute.

`make bench PARTS="plan rules"` measures these parts and leaves the rows of others alone, `make bench QUICK=1` measures
small sizes in a few minutes and writes nothing, and `make bench BEFORE=../last-release` measures another checkout, for
what stands before the arrows. All of it takes about an hour, 6 GB of disk and a machine that does nothing else. The
parts are {parts}.

"""
TERRAFORM = """
## Beside Terraform

{urls} redirect URLs and {secrets} secrets, by Stytch's own provider and by the reconciler, through a proxy that delays
each answer. Terraform makes ten requests at a time, as fast as they are answered; the reconciler keeps to `rates`,
unless it is *without pacing*. `make bench PARTS=terraform` builds the provider from the folder
that `STYTCH_TERRAFORM_PROVIDER` names, where go and terraform are installed; otherwise it shows only the requests that
Terraform was seen to make.

"""


def read_results(path: Path) -> Results:
    """Return what a page says that was measured before; nothing where there is no page."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    raw = text.partition(RAW)[2].partition("```json\n")[2].rpartition("```")[0]
    found: Results = json.loads(raw) if raw else {}
    return found


def replaced(results: Results, part: str, column: str, rows: Mapping[str, Figures]) -> Results:
    """Return results with the rows of one part and column in the place of those that were there."""
    others = {name: {each: row[each] for each in row if each != column} for name, row in results.get(part, {}).items()}
    merged = {name: {**others.get(name, {}), column: figures} for name, figures in rows.items()}
    return {**results, part: {**merged, **{name: row for name, row in others.items() if row and name not in rows}}}


def as_markdown(results: Results, where: str) -> str:
    """Return the page."""
    from benchmarks.parts import PARTS
    from benchmarks.terraform import SECRETS, URLS

    ordered = {part: results[part] for part in PARTS if part in results}
    whole = HEAD.format(where=where, parts=", ".join(f"`{part}`" for part in PARTS))
    whole += table({part: rows for part, rows in ordered.items() if part != "terraform"})
    if "terraform" in ordered:
        whole += TERRAFORM.format(urls=URLS, secrets=SECRETS) + table({"terraform": ordered["terraform"]})
    return f"{whole}\n{RAW}\n\n```json\n{json.dumps(ordered, indent=1)}\n```\n"


def table(results: Results) -> str:
    """Return the rows of parts as a table of Markdown, without the columns of which nothing is known."""
    rows = [(name, row) for part in results.values() for name, row in part.items()]
    cells = {title: [cell(row, show) for _, row in rows] for title, show in COLUMNS.items()}
    cells["besides"] = [besides(row) for _, row in rows]
    titles = [title for title, values in cells.items() if any(values)]
    lines = [f"| | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
    for number, (name, _) in enumerate(rows):
        lines.append(f"| {name} | {' | '.join(cells[title][number] for title in titles)} |")
    return "\n".join(lines) + "\n"


def cell(row: Mapping[str, Figures], show: Callable[[Figures], str]) -> str:
    """Return what a column says of a row: before, and now."""
    shown = {column: show(figures) for column, figures in row.items()}
    before, now = shown.get(BEFORE, ""), shown.get(NOW, "")
    if before == now:
        return now
    return f"{before} → {now}" if before and now else now or f"{before} →"


def besides(row: Mapping[str, Figures]) -> str:
    """Return what is known of few rows only."""
    said = [(label, cell(row, _of(name, unit))) for name, (label, unit) in BESIDES.items()]
    return ", ".join(f"{label} {shown}" for label, shown in said if shown)


def _amount(number: float, unit: str = "") -> str:
    """Return a number as precise as it is of use."""
    digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2 if abs(number) >= 0.1 else 3
    return f"{number:,.{digits}f}{unit}"


def _of(name: str, unit: str = "") -> Callable[[Figures], str]:
    return lambda figures: _amount(figures[name], unit) if name in figures else ""


def _beside_floor(figures: Figures) -> str:
    """Return the CPU beside the floor for the same users."""
    users = figures.get("users")
    return _amount(figures["cpu"] / (figures["floor"] * users)) if users and "cpu" in figures else ""


def _beside_loop(figures: Figures) -> str:
    return _amount(figures["cpu"] / figures["loop"]) if "loop" in figures else ""


BESIDES: Mapping[str, tuple[str, str]] = {
    "users_per_second": ("users a second:", ""),
    "bytes_per_row": ("a row:", " B"),
    "rate_percent": ("of the rate:", " %"),
    "ms_a_write": ("a write:", " ms of CPU"),
    "beside_sdk_ms": ("beside the SDK:", " ms"),
    "sdk_ms": ("the SDK's own:", " ms"),
    "time_left_wrong_percent": ("time left after a minute wrong by", " %"),
    "time_left_most_wrong_percent": ("at worst by", " %"),
    "ms_at_first": ("an apply, in the first tenth:", " ms of CPU"),
    "ms_in_the_end": ("in the last:", " ms"),
    "grown_mb": ("from the first tenth on, memory grows by", " MB"),
    "grown_descriptors": ("open files by", ""),
    "journals": ("journals that are left:", ""),
}
COLUMNS: Mapping[str, Callable[[Figures], str]] = {
    "CPU, s": _of("cpu"),
    "× floor": _beside_floor,
    "× loop": _beside_loop,
    "memory, MB": _of("mb"),
    "wall, s": _of("wall"),
    "requests": lambda figures: f"{figures['requests']:,}" if figures.get("requests") is not None else "",
    "429s": lambda figures: f"{figures['throttled']:,}" if "throttled" in figures else "",
}
