"""``kind: Approval`` and ``kind: AcceptedDrift`` → what people agreed to, with every mistake in it."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Final

import msgspec
from msgspec import Struct

from reconciler.documents.document import Document
from reconciler.kinds import KINDS
from reconciler.load.policies import canonical_address
from reconciler.model import Json, Position, Problem, problem
from reconciler.schema.traits import fields_of
from reconciler.suggest import suggest_allowed

ANY: Final = "any"
_LENGTH: Final = len("2027-01-31")  # no week, and no time
_PERCENT: Final = "_percent"  # in the names of guards whose number is one
_WHOLE: Final = 100
_DIGITS: Final = 12


class Approval(Struct, frozen=True, kw_only=True):
    """A higher limit of one guard, once, until the end of a day (UTC), for the changes of one digest, or ``any``."""

    name: str
    guard: str
    up_to: float
    until: date
    digest: str
    at: Position

    @property
    def id(self) -> str:
        """Return what tells it apart from every other approval, also from what stood under its name before."""
        from hashlib import sha256

        said = (self.name, self.guard, float(self.up_to), self.until.isoformat(), self.digest)
        return f"{self.name}:{sha256(msgspec.json.encode(said)).hexdigest()[:_DIGITS]}"


class Acceptance(Struct, frozen=True, kw_only=True):
    """Fields of a resource that may differ from what is declared, until the end of a day (UTC)."""

    name: str
    address: str
    fields: tuple[str, ...]
    reason: str
    until: date
    at: Position

    def covers(self, path: tuple[str, ...]) -> bool:
        """Return whether a field, or what it lies in, is one of those."""
        name = ".".join(path)
        return any(name == field or name.startswith(f"{field}.") for field in self.fields)


def approval_of(document: Document, problems: list[Problem]) -> Approval | None:
    """Return the approval of a valid document; None, and why in ``problems``, where it approves nothing."""
    spec = document.body["spec"]
    until = _day(document, problems)
    found = list(_beyond(document))
    problems += found
    if until is None or found:
        return None
    at = document.position
    return Approval(
        name=document.name, guard=spec["guard"], up_to=spec["up_to"], until=until, digest=spec["digest"], at=at
    )


def acceptance_of(document: Document, problems: list[Problem]) -> Acceptance | None:
    """Return what a valid document accepts; None, and why in ``problems``, where it accepts nothing."""
    spec = document.body["spec"]
    found: list[Problem] = []
    until = _day(document, found)
    address = canonical_address(spec["address"], document.at("spec", "address"), found)
    kind = KINDS.get(address.partition("/")[0])
    for index, field in enumerate(spec["fields"]) if kind else ():
        name = field.partition(".")[0]
        if kind and name not in fields_of(kind.spec):
            hint = suggest_allowed(name, fields_of(kind.spec))
            at = document.at("spec", "fields", str(index))
            found.append(problem("unknown-path", f"{kind.name} has no field {name}", hint, at))
        elif kind and name != field and name not in kind.merged and name not in kind.keyed:
            at = document.at("spec", "fields", str(index))
            found.append(problem("unknown-path", f"{name} is compared as a whole", f"write {name}", at))
    problems += found
    if until is None or found:
        return None
    return Acceptance(
        name=document.name,
        address=address,
        fields=tuple(spec["fields"]),
        reason=spec["reason"],
        until=until,
        at=document.position,
    )


def is_over(until: date, now: datetime) -> bool:
    """Return whether a day has ended."""
    return now.date() > until


def elsewhere(document: Document, environments: tuple[str, ...]) -> Iterator[Problem]:
    """Yield an error where a document is for an environment that there is not."""
    name = document.body["spec"]["environment"]
    if name not in environments:
        message = f"reconciler.yaml has no environment {name}"
        at = document.at("spec", "environment")
        yield problem("unknown-environment", message, suggest_allowed(name, environments), at)


def _day(document: Document, problems: list[Problem]) -> date | None:
    text = document.body["spec"]["until"]
    try:
        if len(text) == _LENGTH:
            return date.fromisoformat(text)
    except ValueError:
        pass
    message, hint = f"{text} is no day", 'write year, month and day: "2027-01-31"'
    problems.append(problem("wrong-value", message, hint, document.at("spec", "until")))
    return None


def _beyond(document: Document) -> Iterator[Problem]:
    """Yield why a number can be none of its guard's."""
    spec: Mapping[str, Json] = document.body["spec"]
    guard, up_to, at = spec["guard"], spec["up_to"], document.at("spec", "up_to")
    if _PERCENT in guard and up_to > _WHOLE:
        yield problem("wrong-value", f"{guard} is a percentage, which cannot be above 100", "write 100 at most", at)
    if _PERCENT not in guard and up_to != int(up_to):
        yield problem("wrong-value", f"{guard} is a number of things, and so a whole one", "write a whole number", at)
