"""Documents by which changes are judged, of one environment: policies, approvals, drift that is accepted."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from reconciler.config.read import Config
from reconciler.diff.fields import paths_of
from reconciler.documents.document import Document
from reconciler.expressions.redaction import Redaction
from reconciler.kinds import KINDS
from reconciler.load.consents import Acceptance, Approval, acceptance_of, approval_of, elsewhere
from reconciler.load.policies import Policy, policy_of
from reconciler.model import MEMBER, Problem, Resource, problem
from reconciler.suggest import did_you_mean

# The folder of a kind, so that a repository can say who must review what changes it.
FOLDERS: Final[Mapping[str, str]] = {"Policy": "rules/policies", "Approval": "rules/approvals"}


class Safeguards(Struct, frozen=True, kw_only=True):
    """What judges changes, besides the settings of ``reconciler.yaml``."""

    policies: tuple[Policy, ...] = ()
    approvals: tuple[Approval, ...] = ()
    accepted: tuple[Acceptance, ...] = ()

    def without_people(self, redaction: Redaction) -> "Safeguards":
        """Return the same for changes in which people are hashed."""
        accepted = (structs.replace(one, address=redaction.text(one.address)) for one in self.accepted)
        policies = (policy.without_people(redaction) for policy in self.policies)
        return structs.replace(self, policies=tuple(policies), accepted=tuple(accepted))


def safeguards_of(documents: Iterable[Document], config: Config, problems: list[Problem]) -> Safeguards:
    """Return what judges the changes of an environment; add every mistake in it to ``problems``."""
    policies: list[Policy | None] = []
    approvals: list[Approval | None] = []
    accepted: list[Acceptance | None] = []
    for document in sorted(documents, key=lambda one: one.name):
        if document.kind == "Policy":
            if config.environment in document.environments:
                policies.append(policy_of(document, config.constants, problems))
            continue
        problems.extend(elsewhere(document, config.environments))
        if document.body["spec"]["environment"] != config.environment:
            continue
        if document.kind == "Approval":
            approvals.append(approval_of(document, problems))
        else:
            accepted.append(acceptance_of(document, problems))
    found = tuple(filter(None, accepted))
    problems.extend(_accepted_twice(found))
    return Safeguards(policies=tuple(filter(None, policies)), approvals=tuple(filter(None, approvals)), accepted=found)


def about_nothing(accepted: Iterable[Acceptance], resources: Iterable[Resource]) -> Iterator[Problem]:
    """Yield a warning where drift is accepted of what nobody declares; members are made by rules, too."""
    declared = {resource.address: resource for resource in resources}
    for one in accepted:
        if one.address.startswith(f"{MEMBER}/"):
            continue
        if (resource := declared.get(one.address)) is None:
            message = f"{one.address} is not declared, so nothing of it is compared"
            hint = did_you_mean(one.address, declared) or "correct the address, or remove the document"
            yield problem("matches-nobody", message, hint, one.at, severity="warning")
            continue
        names = [".".join(path) for path in paths_of(resource.spec, KINDS[resource.kind].merged)]
        keyed = KINDS[resource.kind].keyed
        for field in one.fields:
            place = field.partition(".")[0] if field.partition(".")[0] in keyed else field
            if not any(name == place or name.startswith(f"{place}.") for name in names):
                message = f"{one.address} does not declare {field}, so nothing of it is compared"
                hint = did_you_mean(field, names) or f"name what is declared: {', '.join(names)}"
                yield problem("matches-nobody", message, hint, one.at, severity="warning")


def _accepted_twice(accepted: Iterable[Acceptance]) -> Iterator[Problem]:
    """Yield an error where two documents accept one field: one of their days would not count."""
    seen: dict[tuple[str, str], Acceptance] = {}
    for one in accepted:
        for field in one.fields:
            if (one.address, field) in seen:
                message = f"drift of {field} is accepted twice"
                places = one.at, seen[one.address, field].at
                yield problem("duplicate", message, "remove one of the two", *places, addresses=(one.address,))
            seen[one.address, field] = one


def misplaced(document: Document, root: Path) -> Iterator[Problem]:
    """Yield an error where a document is not in the folder of its kind, or gets there by a link from elsewhere."""
    folder = FOLDERS.get(document.kind, "")
    file = document.position.file
    is_there = file.startswith(f"{folder}/") and (root / file).resolve().is_relative_to((root / folder).resolve())
    if folder and not is_there:
        message = f"a document of kind {document.kind} counts only in {folder}/, which can have reviewers of its own"
        yield problem("wrong-place", message, f"move it to {folder}/", document.at("kind"))
