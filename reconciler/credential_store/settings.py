"""What ``environments.NAME.credentials`` of ``reconciler.yaml`` may say."""

from pathlib import PurePosixPath
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.traits import Name

ID_SUFFIX: Final = "_ID"
CommandLine = Annotated[list[str], Meta(min_length=1)]
WRITTEN_BY_PEOPLE: Final = ("reconciler.yaml", "manifests", "rules")


class CredentialSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where an environment's credentials are kept: a dotenv file, or whatever a command puts them into.

    ``read`` is a command that prints a credential, ``ids`` the file that remembers which ids belong to which names;
    a dotenv file needs neither.
    """

    dotenv: Name | UnsetType = UNSET
    command: CommandLine | UnsetType = UNSET
    read: CommandLine | UnsetType = UNSET
    ids: Name | UnsetType = UNSET


def contradiction(settings: CredentialSettings) -> str:
    """Say what is of the right type and still cannot be meant; "" where nothing is."""
    if (settings.dotenv is UNSET) == (settings.command is UNSET):
        return "credentials are kept either in a dotenv file or by a command"
    if settings.dotenv is not UNSET and (settings.read is not UNSET or settings.ids is not UNSET):
        return "read and ids go with a command; a dotenv file needs neither"
    for file in (settings.dotenv, settings.ids):
        if file is not UNSET and PurePosixPath(file).parts[:1] in {(name,) for name in WRITTEN_BY_PEOPLE}:
            return f"{file} is what people write; nothing else may write there"
    return ""
