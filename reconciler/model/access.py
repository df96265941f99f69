"""What changes do to people and to power: who gains and loses access where, who moves, and what permits more."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from reconciler.model.problems import Json, Path, Position
from reconciler.model.resources import ADMIN_ROLE

# What grows, as programs and as people read it: one, and many.
KINDS_OF_POWER: Final[Mapping[str, tuple[str, str]]] = {
    "admin": (f"new admin ({ADMIN_ROLE})", f"new admins ({ADMIN_ROLE})"),
    "admin_for_many": (f"assignment gives {ADMIN_ROLE} to many", f"assignments give {ADMIN_ROLE} to many"),
    "role_for_many": ("assignment gives a role to many", "assignments give a role to many"),
    "wider_role": ("role permits more", "roles permit more"),
    "wider_scope": ("scope permits more", "scopes permit more"),
    "breakglass": ("new breakglass member", "new breakglass members"),
    "impersonation": ("permission to sign in as somebody else", "permissions to sign in as somebody else"),
    "sso_off": ("SSO connection or setting is off", "SSO connections or settings are off"),
    "mfa": ("weaker second factor (MFA)", "weaker second factors (MFA)"),
    "sign_in": ("wider choice of ways to sign in", "wider choices of ways to sign in"),
    "join": ("wider way to join", "wider ways to join"),
    "domains": ("wider list of address domains", "wider lists of address domains"),
    "voucher": ("change of who vouches for people", "changes of who vouches for people"),
    "address": ("member gets another address", "members get another address"),
    "credential": ("new credential", "new credentials"),
    "client": ("client or app may do more", "clients or apps may do more"),
    "redirect": ("wider list of places that sign-ins lead to", "wider lists of places that sign-ins lead to"),
    "session": ("longer session", "longer sessions"),
    "tokens": ("change of what tokens say", "changes of what tokens say"),
    "protection": ("weaker protection", "weaker protections"),
    "records": ("event log ends, or goes elsewhere", "event logs end, or go elsewhere"),
}

# What the documents permit that guard changes, in the same way.
LOOSENED: Final[Mapping[str, tuple[str, str]]] = {
    "guard": ("guard lets more through", "guards let more through"),
    "authority": ("setting permits more", "settings permit more"),
    "policy": ("policy is gone, or says something else", "policies are gone, or say something else"),
    "suppression": ("address is kept from a policy", "addresses are kept from policies"),
    "approval": ("guard is approved to let more through, once", "guards are approved to let more through, once"),
    "accepted_drift": ("field may differ for a while", "fields may differ for a while"),
}


class Grown(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that permits more than before: a resource by its address, or what a document says, and the values."""

    address: str
    path: Path = ()
    before: Json | UnsetType = UNSET
    after: Json | UnsetType = UNSET
    at: Position | None = None


class Growth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Power that grows in one way: ``what`` it is to programs, ``says`` to people, how often, and the first of them."""

    what: str
    says: str
    number: int
    first: tuple[Grown, ...] = ()


class Person(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A member that comes or goes, with its roles, and the organizations that the person leaves or joins instead."""

    name: str
    roles: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()


class OtherRoles(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A member that stays, and whose roles change."""

    name: str
    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()


class AccessIn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One organization: how many become members and cease to be, how many stay with other roles, and the first of them.

    ``roles_gained`` and ``roles_lost`` count the members by role, those who come and go among them. Of an organization
    that is ``deleted`` all its members count, and nobody is named.
    """

    organization: str
    gains: int = 0
    loses: int = 0
    other_roles: int = 0
    deleted: bool = False
    roles_gained: Mapping[str, int] = {}
    roles_lost: Mapping[str, int] = {}
    gaining: tuple[Person, ...] = ()
    losing: tuple[Person, ...] = ()
    changing: tuple[OtherRoles, ...] = ()


class Move(Struct, frozen=True, kw_only=True):
    """How many people leave one organization and join another one."""

    origin: str
    destination: str
    people: int


class Withheld(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would come of the changes that are withheld: people, each once, members with other roles, power."""

    gains: int = 0
    loses: int = 0
    other_roles: int = 0
    growth: int = 0


class Access(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who gains and who loses access, and what permits more, in numbers, with the first of each by name.

    ``gains`` and ``loses`` count people, each once however many organizations; who does both in different ones is of
    ``moving``. ``other_roles`` counts memberships, ``deleted_with_them`` the members of deleted organizations;
    ``gains_in``, ``loses_in`` and ``in_organizations`` count organizations, ``all_moves`` moves. Listed are those
    ``organizations`` where most is lost, then those where most is gained, and the largest ``moves``.

    ``growth`` is what the changes permit, ``loosened`` what the documents that guard them permit. What is withheld
    counts nowhere but in ``withheld``.
    """

    gains: int = 0
    gains_in: int = 0
    loses: int = 0
    loses_in: int = 0
    moving: int = 0
    other_roles: int = 0
    deleted_organizations: int = 0
    deleted_with_them: int = 0
    in_organizations: int = 0
    organizations: tuple[AccessIn, ...] = ()
    all_moves: int = 0
    moves: tuple[Move, ...] = ()
    growth: tuple[Growth, ...] = ()
    loosened: tuple[Growth, ...] = ()
    withheld: Withheld = Withheld()
