"""The kinds of things in Stytch that are kept as declared: one file each, all of them in ``KINDS``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from reconciler.kinds import member, organization
from reconciler.schema import Kind

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in (organization.KIND, member.KIND)})
