"""Checks between comparing and deciding: what can be read, kept and created."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from reconciler.credentials.store import LASTING, CredentialStore, waiting_warnings
from reconciler.errors import InvalidInput, Refused, Unreadable
from reconciler.kinds import KINDS
from reconciler.kinds._context import kept_as
from reconciler.load.consistency import uncreatable
from reconciler.load.repository import Declared
from reconciler.model import MEMBER, Change, Create, Delete, Problem, Target, problem
from reconciler.plan.situation import Diffs, Situation
from reconciler.read.run import Run
from reconciler.schema.secret_names import gives_credential

MUCH = 90.0  # seconds by which the clock of this machine may differ from Stytch's without a word


def check_store(store: CredentialStore, changes: Sequence[Change]) -> None:
    """Refuse to have credentials made that the store would not keep, or no longer than this machine lasts."""
    for warning in fleeting(changes, store):
        raise Refused(f"{warning.message}: nothing was written", hint=warning.hint)
    if any(gives_credential(change) for change in changes):
        store.check()


def fleeting(changes: Iterable[Change], store: CredentialStore) -> tuple[Problem, ...]:
    """Warn that `apply` would refuse to have credentials made, if so."""
    why = store.fleeting()
    addresses = tuple(change.address for change in changes if _is_made(change, store)) if why else ()
    if not addresses:
        return ()
    found = f"{why}; {addresses[0]} would get a credential that would be lost with the runner"
    return (problem("store-not-lasting", found, LASTING, severity="warning", addresses=addresses),)


def _is_made(change: Change, store: CredentialStore) -> bool:
    """Return whether a credential comes into being with a change, and is nowhere yet."""
    credential = KINDS[change.kind].credential
    if credential is None or change.withheld_by or isinstance(change, Delete):
        return False
    name = kept_as(change, credential.field)
    return bool(name) and not (credential.chosen and store.value(name))


def is_unread(run: Run, declared: Declared, target: Target, diffs: Diffs) -> bool:
    """Return whether the environment's data are still to be read; raise where they are there and nobody can.

    They may be taken for empty only where the environment, or a secret that opens it, is still to be made by this run.
    """
    if not target.is_there:
        return bool(target.project)
    if run.client.has_data or all(KINDS[kind].api == "management" for kind in declared.kinds(run.config)):
        return False
    is_written = declared.writes("Secret", run.config)
    if is_written and any(not isinstance(change, Delete) for change in diffs["Secret"].changes):
        return True
    message = f"no secret for {target.project_id} is known, so its data cannot be read"
    hint = "set STYTCH_PROJECT_ID and STYTCH_SECRET, or declare a Secret, which `apply` creates"
    held = diffs["Secret"].problems if is_written else ()
    raise Unreadable([problem("unreadable", message, hint), *held])


def warnings_of(run: Run, situation: Situation, diffs: Diffs, *, unread: bool) -> Iterator[Problem]:
    """Yield the warnings about a run as a whole: what was not read, a wrong clock, credentials that would be lost."""
    target, written = situation.live.target, [kind for kind in diffs if situation.declared.writes(kind, run.config)]
    if unread and target.is_there:
        yield problem(
            "unread",
            f"no secret for {target.project_id} is known, so its data could not "
            "be read: this plan assumes that it is empty",
            "apply creates the declared Secret, reads the data, and then writes only what this plan contains",
            run.config.at("target"),
            severity="warning",
        )
    if abs(run.client.clock.behind) > MUCH:
        yield problem(
            "wrong-clock",
            f"the clock of this machine is {abs(run.client.clock.behind):.0f} s "
            f"{'behind' if run.client.clock.behind > 0 else 'ahead of'} Stytch's",
            "set it; what expires at a time does so by Stytch's clock, but journals have the time of this machine",
            severity="warning",
        )
    yield from fleeting(chain.from_iterable(diffs[kind].changes for kind in written), run.store)
    if keeps_credentials(diffs):
        yield from waiting_warnings(run.store)


def keeps_credentials(kinds: Iterable[str]) -> bool:
    """Return whether resources of these kinds have credentials, which the store keeps."""
    return any(KINDS[name].credential for name in kinds)


def check_creates(diffs: Diffs, declared: Declared) -> None:
    """Raise if a field that Stytch requires for a create is missing."""
    resources = {resource.address: resource for resource in declared.resources if resource.kind != MEMBER}
    problems = []
    for change in chain.from_iterable(diff.changes for kind, diff in diffs.items() if kind != MEMBER):
        if isinstance(change, Create) and change.address in resources:
            given = {field.path[0] for field in change.fields}
            if missing := sorted(KINDS[change.kind].required - given):
                problems.append(uncreatable(resources[change.address], missing, "error"))
    if problems:
        raise InvalidInput(problems)
