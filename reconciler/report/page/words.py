"""What the page says of people and values: a plan of what will be, drift of what is, outcomes of what was done."""

from typing import Final

from msgspec import Struct, structs

Counted = tuple[str, str]  # what one is called, and what several are called


class Words(Struct, frozen=True, kw_only=True):
    """What is said of one sort of report; ``comes`` and ``goes`` name where people are who have no access."""

    page: str
    rows: str
    access: str
    gains: Counted
    loses: Counted
    moves: Counted
    other_roles: Counted
    nobody: str
    comes: str
    goes: str
    columns: tuple[str, str]
    values: tuple[str, str] = ("before", "after")


PLAN: Final = Words(
    page="Plan",
    rows="Changes",
    access="Who gains and who loses access",
    gains=("person gains access", "people gain access"),
    loses=("person loses access", "people lose access"),
    moves=("person moves", "people move"),
    other_roles=("member gets other roles", "members get other roles"),
    nobody="Nobody gains or loses access",
    comes="no access",
    goes="no access",
    columns=("gain access", "lose access"),
)
DRIFT: Final = structs.replace(
    PLAN,
    page="Drift",
    rows="Differences",
    access="Who has access otherwise than declared",
    gains=("person has access that is not declared", "people have access that is not declared"),
    loses=("person lacks access that is declared", "people lack access that is declared"),
    moves=("person is elsewhere", "people are elsewhere"),
    other_roles=("member has other roles", "members have other roles"),
    nobody="Everybody has the access that is declared",
    comes="not declared",
    goes="missing",
    columns=("not declared", "missing"),
    values=("declared", "live"),
)
OUTCOMES: Final = structs.replace(
    PLAN,
    page="Applied",
    access="Who gained and who lost access",
    gains=("person gained access", "people gained access"),
    loses=("person lost access", "people lost access"),
    moves=("person moved", "people moved"),
    other_roles=("member got other roles", "members got other roles"),
    nobody="Nobody gained or lost access",
    columns=("gained access", "lost access"),
)
