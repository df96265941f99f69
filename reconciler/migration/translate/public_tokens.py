"""Public tokens: Stytch creates new ones. Several tokens mean that each application may have had its own."""

from collections.abc import Sequence
from typing import Final

from reconciler.migration.values import Reason, Remark, Translated
from reconciler.model import Live

SEVERAL: Final = Reason(
    "the project has several public tokens, and this repository declares none of them",
    "declare a PublicToken for each application that needs its own",
)


def translate(lives: Sequence[Live]) -> Translated:
    """Return no settings, and a remark for each token where the project has more than one."""
    if len(lives) < 2:  # noqa: PLR2004 # several
        return Translated()
    return Translated(changes=tuple(Remark(live.kind, live.name, "value", SEVERAL) for live in lives))
