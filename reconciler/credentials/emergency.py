"""Emergency files for values that the store refused: one per value, readable by its owner only."""

import json
import re
import secrets
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from reconciler.credentials.refusal import NotUnderstood
from reconciler.files import existing_folder, own_folder, read_whole, write_whole
from reconciler.model.secret import Sealed

STAMP: Final = r"\d{20}-[0-9a-f]{8}"


class Rescued(Struct, frozen=True):
    """A value in an emergency file."""

    path: Path
    name: str
    id: str
    value: Sealed


def rescue(root: Path, environment: str, name: str, id: str, value: Sealed, why: str) -> Path:
    """Write a value into a file of its own, which is on the disk when this returns, and give its path."""
    stamp = f"{time.time_ns():020}-{secrets.token_hex(4)}"
    path = own_folder(root) / f"{_begins(environment)}{stamp}.json"
    body = {"environment": environment, "name": name, "id": id, "value": value.reveal(), "why": why}
    write_whole(path, json.dumps(body, indent=2).encode() + b"\n")  # in ASCII, which takes whatever a text is
    return path


def rescued(root: Path, environment: str) -> tuple[Rescued, ...]:
    """Return what is in the emergency files of an environment, the newest last."""
    try:
        paths = sorted(existing_folder(root).iterdir())
    except FileNotFoundError:
        return ()
    ours = re.compile(re.escape(_begins(environment)) + STAMP + r"\.json")
    found = (_read(path) for path in paths if ours.fullmatch(path.name))
    return tuple(one for one in found if one is not None)


def _begins(environment: str) -> str:
    return f"emergency-{quote(environment, safe='')}-"


def _read(path: Path) -> Rescued | None:
    text = read_whole(path)
    if text is None:  # settled by another process, a moment ago
        return None
    try:
        body = msgspec.convert(json.loads(text), dict[str, str])
        return Rescued(path, body["name"], body["id"], Sealed(body["value"]))
    except (ValueError, KeyError, msgspec.ValidationError):
        problem = f"{path} is not a valid emergency file"
    raise NotUnderstood(problem)  # out here, so that the text hangs on no error
