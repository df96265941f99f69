"""Our sign on members and organizations: reading it back, and knowing whose it is.

A mark proves that we made or adopted a thing only where it was written: its ``organization`` must be the id of the
organization it is found in, so that metadata copied to another place says nothing.
"""

from collections.abc import Mapping
from enum import Enum

import msgspec

from reconciler.model import MARK_KEY, Json, Mark


class Whose(Enum):
    """Whose mark a live thing carries."""

    NOBODY = "nobody"  # none, or one that was copied from elsewhere or cannot be read as a mark
    OURS = "ours"
    ANOTHER = "another"  # another owner's, or a version of the mark that we do not know


def read_mark(metadata: Mapping[str, Json] | None, organization_id: str, owner: str) -> tuple[Whose, Mark | None]:
    """Tell whose mark ``metadata`` (a live thing's ``trusted_metadata``) holds, and the mark itself when it is ours."""
    raw = metadata.get(MARK_KEY) if metadata else None
    if not isinstance(raw, dict) or raw.get("organization") != organization_id:
        return Whose.NOBODY, None
    if raw.get("v") != 1:
        return Whose.ANOTHER, None
    try:
        mark = msgspec.convert(raw, Mark)
    except msgspec.ValidationError:
        return Whose.NOBODY, None
    return (Whose.OURS, mark) if mark.owner == owner else (Whose.ANOTHER, None)
