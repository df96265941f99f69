"""Checks between reading and deciding: the right project, roles that exist, users that a rule matches."""

from collections.abc import Container, Iterable, Mapping, Sequence
from difflib import get_close_matches

from reconciler.clients.b2b import Client
from reconciler.config.read import OTHER_TYPE, Config
from reconciler.credentials.store import LASTING, Store
from reconciler.desired.members import Desired
from reconciler.diff.compare import ThingDiff
from reconciler.errors import InvalidInput, Refused, Unreadable
from reconciler.expressions import mailbox_or_text, trimmed
from reconciler.kinds import KINDS
from reconciler.kinds._writing import kept_as
from reconciler.load.consistency import uncreatable
from reconciler.load.examine import Declared
from reconciler.load.references import POLICY, declared_roles, roles_named
from reconciler.load.uniqueness import other_projects
from reconciler.model import IMPLICIT_ROLE, Change, Create, Delete, Live, Problem, Target, problem, type_of
from reconciler.read import live as read
from reconciler.rules import Rules

Things = Mapping[str, ThingDiff]
SHOWN = 5  # users that are named


def check_target(config: Config, target: Target, *, to_write: bool = False) -> None:
    """Refuse credentials of another project than the file names, and writes to a live one it does not call live.

    A live one is written to only where it is known to be the one that the file names.
    """
    named, project_id = config.target, target.project_id
    if not target.is_there:
        if named.project_id:
            raise Refused(
                f"environment {config.environment} is {named.project_id}, which {named.project} does not have",
                hint="fix target: it names an environment that does not exist, and a project_id from an earlier one",
            )
        return
    if named.project_id and named.project_id != project_id:
        raise Refused(
            f"the credentials are those of {project_id}, but environment {config.environment} is {named.project_id}",
            hint="set STYTCH_PROJECT_ID and STYTCH_SECRET to those of that project, or fix target.project_id",
        )
    if target.is_live and named.type != "live" and to_write:
        raise Refused(
            f"{project_id} is a live project, but environment {config.environment} "
            "is not declared live: nothing was written",
            hint=f"if this is intended, set `type: live` under environments.{config.environment}.target",
        )
    if named.type == "live" and to_write and not named.project_id and not target.project:
        raise Refused(
            f"{named.project}/{named.environment} is live. Without a workspace key it is unknown whether its id "
            f"is {project_id}: nothing was written",
            hint=f"add project_id: {project_id} to environments.{config.environment}.target, if this is the project",
        )
    if not target.is_live and named.type == "live":
        raise Refused(
            f"environment {config.environment} has `type: live`, but {project_id} is not a live project",
            hint="use the live project's credentials, or another environment",
        )


def check_consumer(config: Config, consumer: str, target: Target | None = None) -> None:
    """Refuse users of another Consumer project than the file names, or of one of the other type than the target.

    ``consumer`` is the id of the one that the credentials open, "" if there are none; another check reports that.
    """
    source = config.users
    if source is None or source.file is not None or not consumer:
        return
    if source.project_id and source.project_id != consumer:
        raise Refused(
            f"the users are those of {consumer}, but environment {config.environment} names {source.project_id}",
            hint="set STYTCH_CONSUMER_PROJECT_ID and STYTCH_CONSUMER_SECRET to those of that project, or fix "
            f"environments.{config.environment}.users.consumer.project_id",
        )
    sort = config.target.type if target is None or not target.is_there else "live" if target.is_live else "test"
    if type_of(consumer) != sort and not source.any_type:
        raise Refused(
            f"the users are those of {consumer}, a {type_of(consumer)} project, and the target is of type {sort}: "
            "test users must not become live members, and live users must not become test members",
            hint=OTHER_TYPE,
        )


def check_lasting(changes: Iterable[Change], store: Store) -> None:
    """Refuse to have credentials made that the store would keep no longer than this machine lasts."""
    for warning in fleeting(changes, store):
        raise Refused(f"{warning.message}: nothing was written", hint=warning.hint)


def fleeting(changes: Iterable[Change], store: Store) -> tuple[Problem, ...]:
    """Warn that `apply` would refuse to have credentials made, if so."""
    why = store.fleeting()
    addresses = tuple(change.address for change in changes if _is_made(change, store)) if why else ()
    if not addresses:
        return ()
    found = f"{why}; {addresses[0]} would get a credential that would be lost with the runner"
    return (problem("store-not-lasting", found, LASTING, severity="warning", addresses=addresses),)


def _is_made(change: Change, store: Store) -> bool:
    """Return whether a credential comes into being with a change, and is nowhere yet."""
    credential = KINDS[change.kind].credential
    if credential is None or change.withheld_by or isinstance(change, Delete):
        return False
    name = kept_as(change, credential.field)
    return bool(name) and not (credential.chosen and store.value(name))


def check_environment(config: Config, declared: Declared, target: Target) -> None:
    """Refuse another project than the run is about, and a live environment that would be made as a test one, or v.v."""
    if problems := list(other_projects(declared.resources, target.project)):
        raise InvalidInput(problems)
    if target.is_there or not target.project:
        return
    environments = declared.things.get("Environment", ())
    lies_in_it = any(KINDS[kind].scope in ("environment", "organization") for kind in declared.kinds(config))
    for kind, name, is_missing in (
        ("Project", target.project, not target.project_is_there),
        ("Environment", target.environment, lies_in_it or environments),
    ):
        if is_missing and name not in {resource.name for resource in declared.things.get(kind, ())}:
            raise Refused(
                f"environment {config.environment} is {target.project}/{target.environment}, "
                "which does not exist, and no "
                f"manifest declares {kind}/{name}",
                hint=f"fix environments.{config.environment}.target, or declare the {kind}",
            )
    for resource in environments:
        sort = resource.spec.get("type") or resource.initial.get("type")
        if resource.name == target.environment and sort and sort.lower() != config.target.type:
            raise Refused(
                f"environment {config.environment} is of type {config.target.type}, but {resource.address} is {sort}",
                hint=f"fix environments.{config.environment}.target.type, or the manifest at {resource.position}",
            )


def check_readable(config: Config, declared: Declared, target: Target, things: Things, *, has_data: bool) -> bool:
    """Return whether the environment's data are still to be read; raise where they are there and nobody can.

    They may be taken for empty only where the environment, or a secret that opens it, is still to be made by this run.
    """
    if not target.is_there:
        return bool(target.project)
    if has_data or all(KINDS[kind].api == "management" for kind in declared.kinds(config)):
        return False
    is_written = "Secret" in declared.kinds(config) and config.authority_of("Secret") != "observe"
    if is_written and any(not isinstance(change, Delete) for change in things["Secret"].changes):
        return True
    message = f"no secret for {target.project_id} is known, so its data cannot be read"
    hint = "set STYTCH_PROJECT_ID and STYTCH_SECRET, or declare a Secret, which `apply` creates"
    held = things["Secret"].problems if is_written else ()
    raise Unreadable([problem("unreadable", message, hint), *held])


def unread_warning(target: Target, config: Config) -> tuple[Problem, ...]:
    """Return a warning if the data of an existing environment could not be read, because no secret is known."""
    if not target.is_there:
        return ()
    return (
        problem(
            "unread",
            f"no secret for {target.project_id} is known, so its data could not "
            "be read: this plan assumes that it is empty",
            "apply creates the declared Secret, reads the data, and then writes only what this plan contains",
            config.at("target"),
            severity="warning",
        ),
    )


def check_roles(
    config: Config, declared: Declared, rules: Rules, live: Sequence[Live], client: Client
) -> Mapping[str, frozenset[str]] | None:
    """Return the roles by organization ("" for all of them); raise if a file names a role that does not exist.

    The policy is the declared one if this run is to write it; else it is read, if anything names a role at all.
    """
    named = roles_named(declared.resources, declared.rules)
    if not named and not rules.gives_roles:
        return None
    if not client.has_data:
        return None  # there is a plan to come, once it can be read
    everywhere = _roles_to_be(config, declared) or read.policy_roles(client)
    custom = {
        item.name: frozenset(role["role_id"] for role in item.spec.get("custom_roles") or () if role.get("role_id"))
        for item in live
    }
    known = everywhere.union(*custom.values()) - {IMPLICIT_ROLE}
    problems = []
    for role, positions in sorted(named.items()):
        if role not in known:
            close = get_close_matches(role, sorted(known), 1)
            meant = f"did you mean {close[0]}?" if close else f"the policy has {', '.join(sorted(known))}"
            problems.append(
                problem("unknown-role", f"there is no role {role!r} in this project's RBAC policy", meant, *positions)
            )
    if problems:
        raise InvalidInput(problems)
    return {"": everywhere, **custom}


def _roles_to_be(config: Config, declared: Declared) -> frozenset[str] | None:
    """Return the roles that there will be, where this run writes the RBAC policy."""
    if POLICY not in declared.kinds(config) or config.authority_of(POLICY) == "observe":
        return None
    return next((declared_roles(policy) for policy in declared.things.get(POLICY, ())), None)


def check_only(only: Sequence[str], declared: Declared, live: Sequence[Live]) -> tuple[str, ...]:
    """Return ``--only`` as addresses are compared; raises if it names a kind or organization that does not exist."""
    slugs = {resource.name for resource in declared.organizations} | {item.name for item in live}
    names = [
        *KINDS,
        *(f"organization={slug}" for slug in sorted(slugs)),
        *(f"Organization/{slug}" for slug in sorted(slugs)),
        *(resource.address for every in declared.things.values() for resource in every),
    ]
    wanted = list(map(_spelled, only))
    problems = [
        problem(
            "usage",
            f"--only {one} matches no declared or live resource",
            _meant(one, names)
            or f"give a kind ({', '.join(KINDS)}), organization=SLUG, or an address as shown in plans",
        )
        for one in wanted
        if not (one in names or _may_be_member(one, slugs))
    ]
    if problems:
        raise InvalidInput(problems)
    return tuple(wanted)


def _may_be_member(one: str, slugs: Container[str]) -> bool:
    """Return whether this may be the address of a member: an e-mail address in an organization that is there."""
    kind, slug, name = (*one.split("/", 2), "", "")[:3]
    return kind == "Member" and slug in slugs and "@" in name and "*" not in name


def _spelled(one: str) -> str:
    """Return what ``--only`` names as plans show it: the address of a Member as addresses compare."""
    kind, *key = trimmed(one).split("/", 2)
    if kind.lower() != "member":
        return trimmed(one)
    return "/".join(("Member", *key[:1], *map(mailbox_or_text, key[1:])))


def _meant(found: str, names: Sequence[str]) -> str:
    close = get_close_matches(found, names, 1)
    return f"did you mean {close[0]}?" if close else ""


def check_creates(changes: Sequence[Change], declared: Declared) -> None:
    """Raise if a field that Stytch requires for a create is missing."""
    resources = {resource.address: resource for resource in declared.resources}
    problems = []
    for change in changes:
        if isinstance(change, Create) and change.address in resources:
            given = {field.path[0] for field in change.fields}
            if missing := sorted(KINDS[change.kind].required - given):
                problems.append(uncreatable(resources[change.address], missing, "error"))
    if problems:
        raise InvalidInput(problems)


def check_leavers(changes: Sequence[Change], desired: Desired, client: Client) -> None:
    """Ask for each user whose member would be deleted because the search for users did not give that user.

    For a search that did not say how many users there are. Raises ``Unreadable`` where it missed any.
    """
    leavers = (change for change in changes if isinstance(change, Delete) and not (change.causes or change.withheld_by))
    users = {change.mark.user for change in leavers if change.mark} - {None}
    if missed := read.missed_users(client, sorted(str(user) for user in users if not desired.users.exists(str(user)))):
        message = f"the search for users returned no total, and missed {len(missed)} existing users"
        raise Unreadable(f"{message}: {', '.join(missed[:SHOWN])}", hint="run again in a minute")


def check_unmatched(config: Config, desired: Desired) -> None:
    """Raise where the configuration wants every user to belong somewhere and some do not."""
    if config.unmatched == "error" and desired.unmatched:
        raise InvalidInput(
            f"{len(desired.unmatched)} users match no rule; environment {config.environment} has `unmatched: error`",
            hint="`reconciler why USER` shows what each user lacks: " + ", ".join(desired.unmatched[:5]),
        )
