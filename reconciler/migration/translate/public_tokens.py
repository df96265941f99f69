"""Public tokens: new ones, which Stytch makes; where there were several, somebody told applications apart by them."""

from collections.abc import Sequence
from typing import Final

from reconciler.migration.values import Reason, Remark, Translated
from reconciler.model import Live

SEVERAL: Final = Reason(
    "there were several public tokens, and this repository declares none",
    "declare a PublicToken for each application that needs one of its own",
)


def translate(lives: Sequence[Live]) -> Translated:
    """Declare none, and name those that there were if there was more than one."""
    if len(lives) < 2:  # noqa: PLR2004 # several
        return Translated()
    return Translated(changes=tuple(Remark(live.kind, live.name, "value", SEVERAL) for live in lives))
