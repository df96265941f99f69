"""``kind: RuleTest``: what is wrong with a test as it is written, and in what the rules differ from what it expects.

The users of a test may be people, so what is said of a test holds no address as it stands.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import structs

from reconciler.documents.document import Document
from reconciler.errors import InvalidInput
from reconciler.expressions.text import trimmed
from reconciler.model import Json, Path, Problem, Resource, Table, problem
from reconciler.rules.compile import RuleSources, compile_rules
from reconciler.suggest import suggest_allowed, suggest_existing

FOLDER: Final = "rules/tests"


def masked(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the same problems, with every address masked."""
    for one in problems:
        from reconciler.clients.redact import mask

        yield structs.replace(one, message=mask(one.message), hint=mask(one.hint))


def mistakes_in(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with a test, whatever the environment: its place, and what contradicts itself in it."""
    if not document.position.file.startswith(f"{FOLDER}/"):
        message = f"a RuleTest counts only in {FOLDER}/"
        yield problem("wrong-place", message, f"move it to {FOLDER}/", document.at("kind"))
    spec = document.body["spec"]
    users = [trimmed(user["user_id"]) for user in spec["users"]]
    expected = [trimmed(one["user"]) for one in spec["expect"]]
    yield from _listed_twice(document, "users", "user_id", users)
    yield from _listed_twice(document, "expect", "user", expected)
    for index, user in enumerate(users):
        at = document.at("spec", "users", str(index), "user_id")
        if not user:
            yield problem("wrong-value", "this user_id is blank", "write an id", at)
        elif user not in expected:
            hint = "add it under expect; `memberships: []` if the user should belong to no organization"
            yield problem("no-effect", f"nothing is expected of the user {user}", hint, at)
    for index, user in enumerate(expected):
        if user not in users:
            at = document.at("spec", "expect", str(index), "user")
            yield problem(
                "unknown-user", f"this test has no user {user}", suggest_existing(user, {*filter(None, users)}), at
            )
        yield from _contradictions(document, index)


def _listed_twice(document: Document, part: str, key: str, names: Sequence[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        first = names.index(name)
        if first < index:
            places = (document.at("spec", part, str(number), key) for number in (index, first))
            yield problem("duplicate", f"the user {name} is listed twice", "remove one of the two", *places)


def _contradictions(document: Document, index: int) -> Iterator[Problem]:
    """Yield what no decision of the rules could be, in one expectation."""
    expected, path = document.body["spec"]["expect"][index], ("spec", "expect", str(index))
    slugs = [entry["organization"] for entry in expected["memberships"]]
    for number, slug in enumerate(slugs):
        if slug in slugs[:number]:
            places = (document.at(*path, "memberships", str(one)) for one in (number, slugs.index(slug)))
            yield problem("duplicate", f"{slug} is listed twice", "one membership has all roles", *places)
    held = _held(expected)
    for number, slug in enumerate(held):
        at = document.at(*path, "held", str(number))
        if slug in slugs:
            message, other = f"{slug} is expected both as a membership and as held", str(slugs.index(slug))
            hint = "remove one of the two: what is held is given to nobody new"
            yield problem("contradiction", message, hint, at, document.at(*path, "memberships", other))
        elif slug in held[:number]:
            yield problem("duplicate", f"{slug} is listed twice", "remove one of the two", at)
    if expected.get("rules") and not slugs:
        message, hint = "rules are expected to give memberships, but none is expected", "remove rules, or add them"
        yield problem("contradiction", message, hint, document.key_at(*path, "rules"))


def _held(expected: Mapping[str, Any]) -> Sequence[str]:
    """Return the slugs that are expected to be held; none where all of them are."""
    held = expected.get("held", [])
    return held if isinstance(held, list) else ()


def names_of_nothing(tests: Iterable[Document], sources: RuleSources) -> Iterator[Problem]:
    """Yield each organization, rule, table and column that a test names and that an environment does not have."""
    bodies = [rule for document in sources.documents for rule in document.body["spec"]["rules"]]
    rules = {rule["name"] for rule in bodies}
    joined = {rule["table"]["name"] for rule in bodies if rule.get("table")}
    organizations = {one.name: one for one in sources.organizations}
    for document in tests:
        yield from _of_tables(document, sources.tables, joined)
        for index, expected in enumerate(document.body["spec"]["expect"]):
            path = ("spec", "expect", str(index))
            named: list[tuple[Path, str]] = [
                ((*path, "memberships", str(number), "organization"), entry["organization"])
                for number, entry in enumerate(expected["memberships"])
            ]
            named += (((*path, "held", str(number)), slug) for number, slug in enumerate(_held(expected)))
            for where, slug in named:
                if wrong := _why_nobody_joins(slug, organizations, sources.elsewhere):
                    yield problem("unknown-organization", *wrong, document.at(*where))
            for number, name in enumerate(expected.get("rules", ())):
                if name not in rules:
                    at, hint = document.at(*path, "rules", str(number)), suggest_existing(name, rules)
                    yield problem("unknown-rule", f"there is no rule {name}", hint, at)


def _why_nobody_joins(
    slug: str, organizations: Mapping[str, Resource], elsewhere: frozenset[str]
) -> tuple[str, str] | None:
    """Return why no rule can give an organization, and what to do; None if one can."""
    if slug in organizations:
        if organizations[slug].ensure == "absent":
            return f"the organization {slug} is declared absent, so nobody can belong to it", "remove it"
        return None
    if slug in elsewhere:
        hint = "name the environments of this test in metadata.environments"
        return f"the organization {slug} is declared only for other environments", hint
    hint = suggest_existing(slug, organizations) or "write the slug of an organization that is declared"
    return f"there is no organization {slug}", hint


def _of_tables(document: Document, tables: Mapping[str, Table | None], joined: set[str]) -> Iterator[Problem]:
    for name, rows in document.body["spec"].get("tables", {}).items():
        at = document.key_at("spec", "tables", name)
        real = tables.get(name)
        if name not in tables:
            hint = suggest_existing(name, tables) or "name it under `tables` in reconciler.yaml"
            yield problem("unknown-table", f"there is no table {name}", hint, at)
        elif name not in joined:
            message = f"no rule joins the table {name}, so these rows have no effect"
            yield problem("no-effect", message, "remove them", at)
        for index, row in enumerate(rows if real else ()):
            for column in row.keys() - (real.columns if real else frozenset()):
                place = document.key_at("spec", "tables", name, str(index), column)
                hint = suggest_allowed(column, real.columns if real else ())
                yield problem("unknown-column", f"the table {name} has no column {column}", hint, place)


def failures(tests: Iterable[Document], sources: RuleSources) -> Iterator[Problem]:
    """Yield everything in which the rules differ from what tests expect.

    The rules are compiled for the tests alone, as rules remember whom they matched.
    """
    from reconciler.rules.expectations import differences

    plain = None
    for document in tests:
        try:
            if "tables" in document.body["spec"]:
                rules = compile_rules(
                    structs.replace(sources, tables={**sources.tables, **_tables_in(document, sources)})
                )
            else:
                rules = plain = plain or compile_rules(sources)
        except InvalidInput as error:  # of rows that cannot be joined
            yield from error.problems
            continue
        yield from differences(rules, document, _users_in(document))


def _users_in(document: Document) -> Mapping[str, dict[str, Json]]:
    """Return the users of a test by their ids, as a source would give them."""
    from reconciler.sources.users import UserStream

    found = UserStream([[{**user} for user in document.body["spec"]["users"]]])
    return {str(user["user_id"]): user for user in found if isinstance(user, dict)}


def _tables_in(document: Document, sources: RuleSources) -> dict[str, Table | None]:
    """Return the tables of a test: with the columns of the real ones, and the places of their rows."""
    found: dict[str, Table | None] = {}
    for name, rows in document.body["spec"]["tables"].items():
        places = [document.at("spec", "tables", name, str(index)) for index in range(len(rows))]
        real: Any = sources.tables[name]
        lines, offsets = [one.line for one in places], [one.column for one in places]
        found[name] = Table(name, document.position.file, rows, lines, real.columns, offsets)
    return found
