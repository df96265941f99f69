"""Rules evaluated in the plainest way: every rule on every user, straight from the documents, no index, no short cut.

It shares nothing with ``reconciler.rules`` but the expression language. What it leaves out is said in
``tests/rules/test_laws.py``, which never makes such rules.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.expressions.compile import compiled_node
from reconciler.expressions.expression import compile_expression
from reconciler.expressions.nodes import And, Or
from reconciler.expressions.template import compile_template
from reconciler.expressions.text import a_label
from reconciler.expressions.values import UNKNOWN, Mistyped
from reconciler.model import Resource

ROOTS = frozenset({"user", "item", "row", "organization"})
ROUNDS = (None, "organization", "user")


class World:
    """What is declared: organizations, Members, tables (name → rows) and the slugs that are declared elsewhere."""

    def __init__(
        self,
        organizations: Sequence[Resource],
        members: Sequence[Resource],
        tables: Mapping[str, Sequence[dict[str, Any]]],
        elsewhere: frozenset[str],
    ) -> None:
        self.organizations = {one.name: one for one in organizations}
        self.members = members
        self.tables = tables
        self.elsewhere = elsewhere


def naive(  # noqa: C901, PLR0912 # plain: one loop that does what the documents say, in their order
    specs: Sequence[dict[str, Any]], world: World, user: dict[str, Any]
) -> dict[str, Any]:
    """Give memberships (by slug), what is left open (slugs and None), and whether anything spoke of the user."""
    rules = [
        (rule, spec) for name in ROUNDS for spec in specs for rule in spec["rules"] if rule.get("fallback") == name
    ]
    gifts: dict[str, list[dict[str, Any]]] = {}
    any_address = any(rule.get("match", {}).get("verified") == "any" for rule, _ in rules)
    undecided: set[str | None] = {None} if unreadable(user, any_address=any_address) else set()
    matched = spoken = False
    for turn in ROUNDS:
        before, open_before = set(gifts), set(undecided)
        if turn and None in open_before:
            break
        if turn == "user" and any(not vetoed(world, user, str(slug)) for slug in before | open_before):
            break
        for rule, spec in rules:
            if rule.get("fallback") != turn:
                continue
            outcome = list(outcomes(rule, world, user))
            if not outcome:
                continue
            try:
                if any(match_cases(one, world, user, any_address=True) for one in spec.get("except", ())):
                    matched = True
                    continue
            except Mistyped:
                outcome = [("open", literal_slugs(rule))]
            for kind, value in outcome:
                if kind == "open":
                    spoken = True
                    undecided |= {slug for slug in value if slug not in before | open_before or not turn}
                elif kind == "shared":
                    undecided |= {slug for slug in value if slug not in before | open_before or not turn}
                else:
                    matched = True
                    slug = value["organization"]
                    if slug is not None and not (turn and slug in before | open_before):
                        gifts.setdefault(slug, []).append(value)
    memberships = {}
    for slug, given in gifts.items():
        if vetoed(world, user, slug):
            continue
        made = merged(world, user, slug, given)
        if made is None:
            undecided.add(slug)
        else:
            memberships[slug] = made
    by_hand = any(member.name == text for member in world.members for text, _ in addresses(user))
    return {
        "memberships": memberships,
        "undecided": undecided,
        "matched": matched or spoken or by_hand,
    }


def addresses(user: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """The user's addresses as addresses compare, each once, and whether they are verified."""
    found: dict[str, bool] = {}
    emails = user.get("emails")
    for entry in emails if isinstance(emails, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("email"), str) and domain_of(entry["email"]):
            text = f"{entry['email'].strip().rpartition('@')[0].lower()}@{domain_of(entry['email'])}"
            found[text] = found.get(text, False) or entry.get("verified") is True
    return list(found.items())


def unreadable(user: Mapping[str, Any], *, any_address: bool) -> bool:
    """Whether something that counts is listed as an address of the user and is none."""
    emails = user.get("emails")
    entries = [one if isinstance(one, dict) else {} for one in emails] if isinstance(emails, list) else []
    return any(
        not (isinstance(one.get("email"), str) and domain_of(one["email"]))
        for one in entries
        if any_address or one.get("verified") is True
    )


def domain_of(address: str) -> str | None:
    """The domain of what looks like an address."""
    parts = re.fullmatch(r"[^\s@]+@([^@]+)", address.strip())
    return a_label(parts[1]) if parts else None


def view(user: dict[str, Any], *, any_address: bool) -> dict[str, Any]:
    """The user without what is not verified, every address as addresses compare."""
    emails = user.get("emails")
    for number, entry in enumerate(emails if isinstance(emails, list) else ()):
        if isinstance(entry, dict) and isinstance(entry.get("email"), str) and domain_of(entry["email"]):
            spelled = {**entry, "email": addresses({"emails": [entry]})[0][0]}
            user = {**user, "emails": [*user["emails"][:number], spelled, *user["emails"][number + 1 :]]}
    if any_address:
        return user
    return {
        key: [one for one in value if isinstance(one, dict) and one.get("verified") is True]
        if key in ("emails", "phone_numbers") and isinstance(value, list)
        else value
        for key, value in user.items()
    }


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def match_cases(  # noqa: C901, PLR0912 # plain: one key after the other
    match: Mapping[str, Any], world: World, user: dict[str, Any], *, any_address: bool
) -> list[Any]:
    """Pairs of organizations (None without a lookup) and the addresses that match; none if the user does not."""
    if "user_id" in match and user["user_id"] not in as_list(match["user_id"]):
        return []
    if "external_id" in match and user.get("external_id") not in as_list(match["external_id"]):
        return []
    lookup = match.get("email_domain")
    cases: list[Any] = [((None,), [])]
    if {"email", "email_domain", "email_regex"} & set(match):
        cases = []
        for text, verified in addresses(user):
            if not (verified or any_address):
                continue
            if "email" in match and text not in [one.lower() for one in as_list(match["email"])]:
                continue
            patterns = as_list(match.get("email_regex", ".*"))
            if not any(re.fullmatch(pattern, text, re.IGNORECASE) for pattern in patterns):
                continue
            if isinstance(lookup, dict):
                owners = owners_of(lookup, world, str(domain_of(text)))
                if owners:
                    cases.append((owners, [text]))
            elif lookup is None or domain_of(text) in [a_label(one) for one in as_list(lookup)]:
                cases.append(((None,), [text]))
    together: dict[Any, list[str]] = {}
    for owners, texts in cases:
        together.setdefault(owners, []).extend(texts)
    odd = None
    for path, wanted in match.get("metadata", {}).items():
        try:
            value = compile_expression(f"user.{path}", ROOTS).evaluate({"user": user})
        except Mistyped as problem:
            odd = problem
            continue
        if not any((value is True) == (one is True) and value == one for one in as_list(wanted)):
            return []
    if odd and together:
        raise odd
    return list(together.items())


def owners_of(lookup: Mapping[str, Any], world: World, domain: str) -> tuple[str, ...]:
    """The organizations that list the longest domain that this is or lies under."""
    labels = domain.split(".")
    for start in range(len(labels) if lookup.get("subdomains") else 1):
        wanted = ".".join(labels[start:])
        owners = [
            slug
            for slug, one in sorted(world.organizations.items())
            if one.ensure != "absent" and wanted in one.spec.get("trusted_metadata", {}).get("email_domains", ())
        ]
        if owners:
            return tuple(owners)
    return ()


def joined_rows(rule: Mapping[str, Any], world: World, user: dict[str, Any], *, any_address: bool) -> list[Any]:
    """Pairs of rows and the addresses by which they join."""
    if "table" not in rule:
        return [(None, [])]
    known = [text for text, verified in addresses(user) if verified or any_address]
    values: dict[str, list[str]] = {}
    for column, path in rule["table"]["join"].items():
        if path == "user.emails":
            values[column] = known
            continue
        value = compile_expression(path, ROOTS).evaluate({"user": view(user, any_address=any_address)})
        values[column] = []
        for one in as_list(value):
            if isinstance(one, list | dict):
                raise Mistyped("no text")
            if one is not None:
                values[column].append(one if isinstance(one, str) else json.dumps(one))
    found = []
    for row in world.tables[rule["table"]["name"]]:
        cells = {
            column: str(row[column]).lower() if path == "user.emails" and row[column] else row[column]
            for column, path in rule["table"]["join"].items()
        }
        if all(cells[column] is not None and cells[column] in texts for column, texts in values.items()):
            found.append((row, [str(cell).lower() for cell in cells.values() if str(cell).lower() in known]))
    return found


def outcomes(  # noqa: C901 # plain: one condition after the other
    rule: Mapping[str, Any], world: World, user: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """What a rule makes of a user: ("gift", …), ("shared", slugs) or ("open", slugs or None)."""
    any_address = rule.get("match", {}).get("verified") == "any"
    scope = {"user": view(user, any_address=any_address)}
    when = compile_expression(rule["when"], ROOTS) if "when" in rule else None
    split = when is not None and any(path[0] != "user" for path in when.paths)
    odd = False
    try:
        found = match_cases(rule.get("match", {}), world, user, any_address=any_address)
        if not found:
            return
    except Mistyped:
        odd = True
    try:
        rows = joined_rows(rule, world, user, any_address=any_address)
        if not rows:
            return
    except Mistyped:
        odd = True
    if when and not split:
        try:
            if not when.matches(scope):
                return
        except Mistyped:
            if hopeless(when.node, scope):
                return
            odd = True
    if odd:
        yield "open", literal_slugs(rule)
        return
    for owners, texts in found:
        lookup = rule.get("match", {}).get("email_domain")
        if len(owners) > 1 and lookup.get("shared") != "all":
            yield "shared", owners
            continue
        for slug, (row, row_texts) in itertools.product(owners, rows):
            organization = {**world.organizations[slug].spec, "name": slug} if slug else None
            inner = {**scope, "organization": organization, "row": row}
            yield from gifts_of(rule, world, inner, when if split else None, (texts, row_texts), user)


def gifts_of(
    rule: Mapping[str, Any],
    world: World,
    scope: dict[str, Any],
    when: Any,
    texts: tuple[list[str], list[str]],
    user: dict[str, Any],
) -> Iterator[tuple[str, Any]]:
    try:
        items = compile_expression(rule["each"], ROOTS).items(scope) if "each" in rule else [None]
    except Mistyped:
        yield "open", literal_slugs(rule)
        return
    for item in items:
        inner = {**scope, "item": item}
        try:
            if when and not when.matches(inner):
                continue
        except Mistyped:
            yield "open", literal_slugs(rule)
            continue
        for entry in rule["assign"]:
            yield gift(rule, entry, world, inner, texts, user)


def gift(
    rule: Mapping[str, Any],
    entry: Mapping[str, Any],
    world: World,
    scope: dict[str, Any],
    texts: tuple[list[str], list[str]],
    user: dict[str, Any],
) -> tuple[str, Any]:
    try:
        slug = compile_template(entry["organization"], ROOTS).render(scope)
        roles = [compile_template(role, ROOTS).render(scope) for role in entry.get("roles", ())]
        name = compile_template(entry["name"], ROOTS).render(scope) if "name" in entry else None
    except Mistyped:
        slug = compile_template(entry["organization"], ROOTS).render(scope)
        return "open", {slug if slug in world.organizations else None}
    if slug in world.elsewhere:
        return "gift", {"organization": None}
    if not isinstance(slug, str) or slug not in world.organizations:
        return "open", {None}
    if world.organizations[slug].ensure == "absent" or not all(isinstance(role, str) for role in roles):
        return "open", {slug}
    verified = dict(addresses(user))
    return "gift", {
        "organization": slug,
        "rule": rule["name"],
        "texts": [*texts[0], *texts[1]],
        "any": rule.get("match", {}).get("verified") == "any",
        "unverified": any(some and not any(verified[text] for text in some) for some in texts),
        "roles": roles,
        "fields": {} if name is None else {"name": name},
    }


def hopeless(node: Any, scope: dict[str, Any]) -> bool:
    """Whether no value of what has the wrong type could make a condition true."""
    if isinstance(node, And):
        return any(hopeless(term, scope) for term in node.terms)
    if isinstance(node, Or):
        return all(hopeless(term, scope) for term in node.terms)
    try:
        return compiled_node(node)(scope) in (False, None, UNKNOWN)
    except Mistyped:
        return False


def literal_slugs(rule: Mapping[str, Any]) -> set[str | None]:
    """What is open where a condition cannot be told."""
    slugs = {entry["organization"] for entry in rule["assign"]}
    return {None} if any("${{" in slug for slug in slugs) else slugs


def here(world: World, user: dict[str, Any], slug: str) -> list[tuple[Resource, int, bool]]:
    """The Members by hand of an organization that stand on an address of the user, verified ones first."""
    found = [
        (member, number, verified)
        for text, verified in addresses(user)
        for number, member in enumerate(world.members)
        if member.namespace == slug and member.name == text
    ]
    return sorted(found, key=lambda one: not one[2])


def vetoed(world: World, user: dict[str, Any], slug: str) -> bool:
    return any(member.ensure == "absent" for member, _, _ in here(world, user, slug))


def merged(world: World, user: dict[str, Any], slug: str, given: list[dict[str, Any]]) -> dict[str, Any] | None:
    """One membership, or None if it is held."""
    by_hand = here(world, user, slug)[:1]
    anything = any(one["any"] for one in given)
    if by_hand and not by_hand[0][2] and not anything:
        return None
    own = by_hand[0][0].name if by_hand else None
    fields = {key: value for one in given for key, value in one["fields"].items()}
    stated = dict(by_hand[0][0].spec) if by_hand else {}
    if any(
        one["fields"].get(key, value) != value for one in given for key, value in fields.items() if key not in stated
    ):
        return None
    matched = {text for one in given for text in one["texts"]}
    known = [(text, verified) for text, verified in addresses(user) if verified or anything]
    ordered = sorted(known, key=lambda one: (own is not None and one[0] != own, one[0] not in matched, not one[1]))
    if not ordered:
        return None
    return {
        "addresses": tuple(text for text, _ in ordered),
        "verified": tuple(verified for _, verified in ordered),
        "roles": tuple(sorted({role for one in given for role in one["roles"]} | set(stated.pop("roles", ())))),
        "rules": {one["rule"] for one in given},
        "fields": {**fields, **stated},
        "declared": by_hand[0][1] if by_hand else -1,
        "unverified": any(one["unverified"] for one in given) or not ordered[0][1],
    }
