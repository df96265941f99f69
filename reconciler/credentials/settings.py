"""What ``environments.NAME.credentials`` of ``reconciler.yaml`` may say."""

from posixpath import normpath
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.schema.traits import Name

ID_SUFFIX: Final = "_ID"
CommandLine = Annotated[list[str], Meta(min_length=1)]
WRITTEN_BY_PEOPLE: Final = ("reconciler.yaml", "manifests", "rules")
OURS: Final = "STYTCH_"  # how the names of our own credentials begin
VariableName = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)", description="the name of a variable")]


class CredentialSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where an environment's credentials are kept: a dotenv file, or whatever a command puts them into.

    ``dotenv`` is another word for ``file``. ``ephemeral`` says whether the file goes with the machine that it is on,
    ``ids`` names the file that remembers which ids belong to which names. ``read`` is a command that prints a
    credential, ``environment`` names the variables that commands get.
    """

    file: Name | UnsetType = UNSET
    dotenv: Name | UnsetType = UNSET
    ephemeral: bool | UnsetType = UNSET
    command: CommandLine | UnsetType = UNSET
    read: CommandLine | UnsetType = UNSET
    ids: Name | UnsetType = UNSET
    environment: list[VariableName] | UnsetType = UNSET

    @property
    def path(self) -> str:
        """Return the dotenv file as people wrote it, "" where a command keeps credentials."""
        return self.file or self.dotenv or ""


def contradiction(settings: CredentialSettings) -> str:
    """Return what is of the right type and still cannot be meant; "" where nothing is."""
    if sum(each is not UNSET for each in (settings.file, settings.dotenv, settings.command)) != 1:
        return "credentials are kept either in a dotenv file or with a command"
    if settings.command is UNSET and (settings.read is not UNSET or settings.environment is not UNSET):
        return "read and environment belong to a command; a dotenv file needs neither"
    if settings.command is not UNSET and settings.ephemeral is not UNSET:
        return "ephemeral applies only to a file; a command keeps credentials elsewhere"
    for name in settings.environment or ():
        if name.upper().startswith(OURS):
            return f"{name} is a credential of the reconciler itself, which no command gets"
    for file in (settings.path or UNSET, settings.ids):
        if file is not UNSET and "\0" in file:
            return f"{file!r} cannot be the name of a file"
        if file is not UNSET and normpath(file).partition("/")[0] in WRITTEN_BY_PEOPLE:
            return f"{file} is for files that people write; the credential store must not be there"
    return ""
