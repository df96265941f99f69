"""Manifests, rules and tables → resources and compiled rules: everything that people wrote, checked offline."""

from collections.abc import Mapping

from reconciler.config.read import FILE, Config
from reconciler.errors import InvalidInput
from reconciler.load.examine import Declared, examine, refusal
from reconciler.model import Position, Table, problem
from reconciler.rules.compile import RuleSources, compile_rules
from reconciler.rules.rule import Rules
from reconciler.sources.tables import read_tables


def validate(config: Config) -> tuple[Declared, Rules]:
    """Read everything that people wrote and compile the rules; offline. Raises ``InvalidInput`` with every problem."""
    examined = examine(config)
    tables, unreadable = read_tables(config.tables)
    errors = [*examined.errors, *unreadable]
    try:
        rules = compile_rules(_sources_of_rules(config, examined.declared, tables))
    except InvalidInput as error:
        errors.extend(one for one in error.problems if one.code not in examined.uncertain)
    if errors:
        raise refusal(errors)
    _check_named(config, examined.declared)  # what is marked is known once all of it could be read
    return examined.declared, rules


def _sources_of_rules(config: Config, declared: Declared, tables: Mapping[str, Table | None]) -> RuleSources:
    return RuleSources(
        documents=declared.rules,
        organizations=declared.organizations,
        members=declared.members,
        elsewhere=declared.elsewhere,
        organizations_elsewhere=declared.organizations_elsewhere,
        tables=tables,
        environment=config.environment,
        variables=config.vars,
        external_id=config.members.external_id,
        external_id_at=config.at("members", "external_id"),
    )


def _check_named(config: Config, declared: Declared) -> None:
    """Refuse a configuration without a name where organizations or members are to be marked with it."""
    kinds = declared.kinds(config)
    organizations = "Organization" in kinds and any(one.ensure != "external" for one in declared.organizations)
    members = "Member" in kinds and (declared.members or declared.rules)
    if config.owner.name or not (organizations or members):
        return
    message = f"{FILE} has no name, but the mark of organizations and members contains this name"
    hint = "write `name: acme-identity` at the top, a different name in each repository; if an earlier version created "
    hint += "marks without a name, also write `formerly: reconciler` to take those resources over"
    at = (Position(FILE, 1),)
    raise InvalidInput([problem("owner", message, hint, *at)])
