"""Documents by which changes are judged, of one environment: policies, what stands where, and which count."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from reconciler.config.read import Config
from reconciler.documents.document import Document
from reconciler.expressions.redaction import Redaction
from reconciler.load.policies import Policy, policy_of
from reconciler.model import Problem, problem

# The folder of each kind, so that a repository can say who must review what changes it.
FOLDERS: Final[Mapping[str, str]] = {"Policy": "rules/policies"}


class Safeguards(Struct, frozen=True, kw_only=True):
    """What judges changes, besides the settings of ``reconciler.yaml``."""

    policies: tuple[Policy, ...] = ()

    def without_people(self, redaction: Redaction) -> "Safeguards":
        """Return the same for changes in which people are hashed."""
        return Safeguards(policies=tuple(policy.without_people(redaction) for policy in self.policies))


def safeguards_of(documents: Iterable[Document], config: Config, problems: list[Problem]) -> Safeguards:
    """Return what judges the changes of an environment; add every mistake in it to ``problems``."""
    here = [one for one in documents if config.environment in one.environments]
    policies = (policy_of(one, config.constants, problems) for one in here if one.kind == "Policy")
    return Safeguards(policies=tuple(sorted(filter(None, policies), key=lambda policy: policy.name)))


def misplaced(document: Document, root: Path) -> Iterator[Problem]:
    """Yield an error where a document is not in the folder of its kind, or gets there by a link from elsewhere."""
    folder = FOLDERS.get(document.kind, "")
    file = document.position.file
    is_there = file.startswith(f"{folder}/") and (root / file).resolve().is_relative_to((root / folder).resolve())
    if folder and not is_there:
        message = f"a {document.kind} counts only in {folder}/, which can have reviewers of its own"
        yield problem("wrong-place", message, f"move it to {folder}/", document.at("kind"))
