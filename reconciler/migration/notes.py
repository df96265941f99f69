"""``MIGRATION.md``: what the manifests cannot express. Laid out by ``templates/migration.md.j2``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from reconciler.migration.declare import LeftOuts, Needed
from reconciler.migration.steps import Step
from reconciler.migration.values import Consumer, Reason, Remark, Translated
from reconciler.report.escaping import printable
from reconciler.report.markdown import fill
from reconciler.suggest import joined

TICKS: Final = re.compile("`+")


def notes(
    consumer: Consumer,
    b2b: str,
    translated: Mapping[str, Translated],
    left_out: LeftOuts,
    steps: Sequence[Step],
    secrets: Sequence[Needed],
) -> str:
    """Return the text: what is lost, what works differently, what a person must do, and the next steps."""
    names = [source.name for source in consumer.environments]
    return fill(
        "migration.md.j2",
        project=code(consumer.slug),
        b2b=code(b2b),
        environments=joined(f"{source.name}: {code(source.slug)}" for source in consumer.environments),
        unread=[
            f"{code(each.environment)}: {joined(each.kinds)}. {each.why}. To read them: {each.how}."
            for each in consumer.unread
        ],
        losses=list(_remarks({name: each.losses for name, each in translated.items()})),
        left_out=list(_left_out(left_out)),
        changes=list(_remarks({name: each.changes for name, each in translated.items()})),
        steps=[
            {"name": step.name, "what": step.what, "where": step.where, "environments": _only(step.environments, names)}
            for step in steps
        ],
        secrets=[f"`{each.name}`{_only(each.environments, names)}: {code(each.of)}. {each.what}." for each in secrets],
        first=names[0],
        others=joined(names[1:]),
        validate=joined(f"`reconciler -e {name} validate`" for name in names),
    )


def code(text: str) -> str:
    """Return a text from Stytch as a Markdown code span, whatever it contains."""
    plain = printable(" ".join(text.split()))
    fence = "`" * (1 + max((len(row) for row in TICKS.findall(plain)), default=0))
    blank = " " if len(fence) > 1 else ""
    return f"{fence}{blank}{plain}{blank}{fence}"


def _remarks(by_environment: Mapping[str, Sequence[Remark]]) -> Iterator[str]:
    """Yield one entry for each reason, with its resources, and their environments where these are not all."""
    found: dict[Reason, dict[str, list[str]]] = {}
    for environment, remarks in by_environment.items():
        for remark in remarks:
            found.setdefault(remark.reason, {}).setdefault(remark.at, []).append(environment)
    for reason, about in found.items():
        lines = [f"{code(at)}{_only(where, list(by_environment))}" for at, where in about.items()]
        text = f"{reason.why}. What to do: {reason.instead}."
        if len(lines) == 1:
            yield f"{lines[0]}: {text}"
        else:
            yield "\n  - ".join([f"{text[0].upper()}{text[1:]}", *lines])


def _left_out(by_environment: LeftOuts) -> Iterator[str]:
    """Yield each resource or field that no manifest declares, with the reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for environment, every in by_environment.items():
        for each in every:
            at = f"{each.address}: {each.field}" if each.field else each.address
            found.setdefault((at, each.reason), []).append(environment)
    for (at, reason), environments in found.items():
        yield f"{code(at)}{_only(environments, list(by_environment))}: {' '.join(reason.split())}."


def _only(environments: Sequence[str], every: Sequence[str]) -> str:
    return f" ({joined(environments)})" if environments and len(environments) < len(every) else ""
