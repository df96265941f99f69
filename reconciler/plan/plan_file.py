"""A plan file → the plan that it holds, its changes read a few at a time, so that a million of them fit."""

import re
from collections.abc import Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from secrets import token_hex
from typing import Final

import msgspec
from msgspec import structs

from reconciler.errors import ODD, InvalidInput, place_of
from reconciler.model import FORMAT_VERSION, Changes, Plan, public
from reconciler.plan.access_diff import access_of
from reconciler.plan.planned import digest

BLOCK: Final = 1 << 20  # bytes
# Lines of a file as we write it. Text within has no line ends of its own, so that nothing else can look like them.
_OPENS: Final = re.compile(rb'\n "(changes|observed|written_from_live)": \[(?=\n  \{)')
_ENDS_ITEM: Final = b"\n  },"
_CLOSES: Final = b"\n ]"
_LONGEST: Final = 40  # bytes that open a list


def read_plan(path: Path) -> Plan:
    """Read a plan file; raises ``InvalidInput`` where it is not one, is of another version, or was altered."""
    try:
        with path.open("rb") as file:
            plan = in_blocks(iter(partial(file.read, BLOCK), b""))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} is not a plan: {error}", hint="create one with `reconciler plan -o FILE`"
        ) from error
    if plan.format_version.split(".")[0] != FORMAT_VERSION.split(".", maxsplit=1)[0]:
        raise InvalidInput(
            f"{path} has format {plan.format_version}, this version reads {FORMAT_VERSION}",
            hint="plan again with this version and have it reviewed",
        )
    if plan.digest != digest(plan.project_id, plan.changes).whole:
        raise InvalidInput(f"{path} was changed after it was created: its digest does not match", hint="plan again")
    try:
        return plan if plan.access else structs.replace(plan, access=access_of(plan.changes))
    except ODD as error:
        message = f"{path} holds values that no plan of ours has ({place_of(error)})"
        raise InvalidInput(message, hint="plan again") from error


def in_blocks(blocks: Iterable[bytes]) -> Plan:
    """Return the plan whose JSON comes in blocks; raises ``msgspec.DecodeError``.

    Long lists of changes are taken out of the text as they come, if it is laid out as we write it, and a mark that
    nobody could foresee is left in their place, which shows that they were where they seemed to be.
    """
    mark = token_hex()
    text, left = bytearray(), b""
    found: dict[str, list[Changes]] = {}
    name = ""
    for block in blocks:
        left += block
        while True:
            if not name and (opened := _OPENS.search(left)):
                name = opened[1].decode()
                found[name] = []
                text += left[: opened.end()] + f'"{mark}"'.encode()
                left = left[opened.end() :]
            elif not name:
                text += left[:-_LONGEST]
                left = left[-_LONGEST:]
                break
            closed = left.find(_CLOSES)
            end = closed if closed >= 0 else left.rfind(_ENDS_ITEM) + len(_ENDS_ITEM) - 1
            if end < len(_ENDS_ITEM):
                break
            found[name].append(public.read_changes(b"[" + left[:end] + b"]"))
            left = left[end:] if closed >= 0 else left[end + 1 :]
            if closed < 0:
                break
            name = ""
    text += left
    marked = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    for key in found:
        if msgspec.json.decode(marked.get(key, b"null")) != [mark]:
            raise msgspec.DecodeError(f"{key} stands where no plan has it")
    lists = {key: Changes(chain.from_iterable(part.chunks for part in parts)) for key, parts in found.items()}
    return public.read_plan(text.replace(f'"{mark}"'.encode(), b""), **lists)
