"""Laws of rules: compiled they say what the plainest evaluation says, and no order of anything matters."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model import fold_problems, problem
from reconciler.rules.evaluate import evaluate
from reconciler.rules.explain import explain
from reconciler.rules.rule import Rules
from tests.naive_rules import World, naive
from tests.rules_world import member, organization, rules, table

SLUGS = ["acme", "globex", "initech"]
LOCALS = ["ann", "bob", "ann.lee"]
DOMAINS = ["acme.example", "eu.acme.example", "globex.example", "shared.example", "elsewhere.example"]
ADDRESSES = [f"{local}@{domain}" for local in LOCALS for domain in DOMAINS]
TENANTS = (
    {"who": "user-1", "email": "Ann@acme.example", "tenant": "acme", "role": "editor", "active": "yes"},
    {"who": "user-1", "email": "bob@globex.example", "tenant": "globex", "role": None, "active": "no"},
    {"who": "user-2", "email": None, "tenant": "nowhere", "role": "editor", "active": "yes"},
    {"who": "gold", "email": "ann.lee@shared.example", "tenant": "umbrella", "role": "viewer", "active": None},
    {"who": "user-1", "email": "ann@acme.example", "tenant": "initech", "role": "viewer", "active": "yes"},
)
WORLD = {
    "organizations": [
        organization("acme", 1, trusted_metadata={"email_domains": ["acme.example", "shared.example"]}),
        organization("globex", 2, trusted_metadata={"email_domains": ["globex.example", "shared.example"]}),
        organization(
            "initech", 3, trusted_metadata={"email_domains": ["eu.acme.example"]}, organization_name="Initech"
        ),
        organization("defunct", 4, ensure="absent"),
    ],
    "members": [
        member("acme", "ann@acme.example", roles=["admin"], name="Ann"),
        member("globex", "bob@globex.example", ensure="absent"),
        member("initech", "ann.lee@eu.acme.example"),
    ],
    "elsewhere": ["umbrella"],
    "tables": [table("tenants", *TENANTS)],
}

some = st.sampled_from
plan = st.one_of(some(["gold", "silver", "", 3, 3.0, True, None]), st.just(["gold"]), st.just({"tier": "gold"}))
address = st.builds(
    lambda text, verified, upper: {"email": text.upper() if upper else text, "verified": verified},
    some(ADDRESSES),
    some([True, True, False, None]),
    st.booleans(),
)
odd_address = some(
    [None, {}, {"email": None}, {"email": "no address", "verified": True}, {"email": 3}, "ann@acme.example"]
)
users = st.fixed_dictionaries(
    {"user_id": some(["user-1", "user-2", "user-3"]), "emails": st.lists(address | address | odd_address, max_size=3)},
    optional={
        "external_id": some(["ext-1", "ext-2", None, 7]),
        "trusted_metadata": some([None, "odd"])
        | st.fixed_dictionaries(
            {},
            optional={
                "plan": plan,
                "seats": some([1, 5, "5", None]),
                "active": some([True, False, None, "yes"]),
                "tenants": st.lists(some(["acme", "globex", "umbrella", "nowhere", "defunct", None, 3]), max_size=3)
                | some(["acme", None]),
            },
        ),
    },
)


def one_or_many(values: list[str]) -> st.SearchStrategy[Any]:
    return some(values) | st.lists(some(values), min_size=1, max_size=3)


match = st.fixed_dictionaries(
    {},
    optional={
        "email": one_or_many(ADDRESSES),
        "email_domain": one_or_many(DOMAINS),
        "email_regex": one_or_many([r"ann.*", r".*@acme\.example", r"[a-z]+@.*\.example", r"Bob@.*"]),
        "user_id": one_or_many(["user-1", "user-2"]),
        "external_id": one_or_many(["ext-1", "ext-2"]),
        "metadata": st.dictionaries(
            some(["trusted_metadata.plan", "trusted_metadata.seats", "trusted_metadata.plan.tier"]),
            some(["gold", 3, True, None, ["gold", "silver"], [3, None], "5"]),
            min_size=1,
            max_size=2,
        ),
        "verified": st.just("any"),
    },
)
lookup = st.builds(
    lambda subdomains, shared, verified: {
        "email_domain": {
            "organization": "trusted_metadata.email_domains",
            **({"subdomains": True} if subdomains else {}),
            **({"shared": "all"} if shared else {}),
        },
        **({"verified": "any"} if verified else {}),
    },
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
TERMS = [
    'user.trusted_metadata.plan == "gold"',
    'user.trusted_metadata.plan in ["gold", "silver"]',
    "user.trusted_metadata.seats > 2",
    "user.trusted_metadata.active",
    "not user.trusted_metadata.active",
    'user.external_id == "ext-1"',
    "user.trusted_metadata.plan != null",
    'user.trusted_metadata.plan.tier == "gold"',
    'user.emails[0].email == "ann@acme.example"',
    "len(user.emails) > 1",
    'contains(user.user_id, "1")',
    'starts_with(user.trusted_metadata.plan, "g")',
    'ends_with(user.external_id, "-1")',
    'lower(user.trusted_metadata.plan) == "gold"',
    '"acme" in user.trusted_metadata.tenants',
    'user.trusted_metadata.plan != "gold"',
    "user.trusted_metadata.seats == user.trusted_metadata.plan",
]
conditions = st.recursive(
    some(TERMS),
    lambda inner: st.builds(
        lambda terms, word: "(" + f" {word} ".join(terms) + ")",
        st.lists(inner, min_size=2, max_size=3),
        some(["and", "or"]),
    ),
    max_leaves=4,
)
assigns = st.fixed_dictionaries(
    {"organization": some(SLUGS)},
    optional={"roles": st.lists(some(["editor", "viewer"]), max_size=2, unique=True), "name": some(["A", "B"])},
)


@st.composite
def rule_bodies(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """One rule, of any sort."""
    body: dict[str, Any] = {"name": f"rule-{number}", "assign": [draw(assigns)]}
    sort = draw(some(["match", "match", "lookup", "when", "each", "table", "table and each"]))
    if sort == "lookup":
        body["match"] = draw(lookup)
        body["assign"][0]["organization"] = draw(some(["${{ organization.name }}", "acme"]))
    elif draw(st.booleans()) or sort == "match":
        body["match"] = draw(match)
    if sort == "when" or draw(st.booleans()):
        body["when"] = draw(conditions)
    if "each" in sort:
        body["each"] = "user.trusted_metadata.tenants"
        body["assign"][0]["organization"] = draw(some(["${{ item }}", "acme", "globex"]))
    if "table" in sort:
        join = draw(some([{"who": "user.user_id"}, {"who": "user.trusted_metadata.plan"}, {"email": "user.emails"}]))
        body["table"] = {"name": "tenants", "join": {**join, **draw(some([{}, {}, {"who": "user.user_id"}]))}}
        body["assign"][0]["organization"] = draw(some(["${{ row.tenant }}", "acme"]))
        if draw(st.booleans()):
            body["assign"][0]["roles"] = ["${{ row.role }}"]
        if draw(st.booleans()):
            body["when"] = draw(some(['row.active == "yes"', 'row.active == "yes" and user.trusted_metadata.active']))
    if draw(st.booleans()):
        body["fallback"] = draw(some(["organization", "user"]))
    return body


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One or two documents of rules, perhaps with exceptions."""
    specs = []
    for document in range(draw(st.integers(1, 2))):
        spec: dict[str, Any] = {"rules": [draw(rule_bodies(10 * document + n)) for n in range(draw(st.integers(1, 4)))]}
        if draw(st.booleans()):
            exception = {key: value for key, value in draw(match).items() if key != "verified"}
            spec["except"] = [exception] if exception else []
        specs.append(spec)
    return specs


def compiled(specs: list[dict[str, Any]]) -> Rules:
    return rules(*(json.dumps(spec) for spec in specs), **WORLD)  # type: ignore[arg-type] # the world's parts by name


@settings(max_examples=400)
@given(documents(), st.lists(users, min_size=1, max_size=4))
def test_compiled_rules_say_what_the_plainest_evaluation_says(specs: list[dict[str, Any]], people: list[Any]) -> None:
    compiled_rules = compiled(specs)
    world = World(
        WORLD["organizations"],  # type: ignore[arg-type] # as above
        WORLD["members"],  # type: ignore[arg-type] # as above
        {"tenants": TENANTS},
        frozenset({"umbrella"}),
    )
    for user in people:
        assigned = evaluate(compiled_rules, user)
        found = {
            one.organization: {
                "addresses": one.addresses,
                "verified": one.verified,
                "roles": one.roles,
                "rules": {compiled_rules.causes[number].rule for number in one.rules},
                "fields": one.fields,
                "declared": one.declared,
                "unverified": one.unverified,
            }
            for one in assigned.memberships
        }
        expected = naive(specs, world, user)
        reads_addresses = any("user.emails" in rule.get("when", "") for spec in specs for rule in spec["rules"])
        if reads_addresses:  # what a condition on addresses rests on, only the compiled rules tell
            for each in (*found.values(), *expected["memberships"].values()):
                del each["unverified"]
        assert found == expected["memberships"]
        assert set(assigned.undecided) == expected["undecided"]
        assert assigned.matched == expected["matched"]
        assert bool(assigned.undecided) <= bool(assigned.problems)


@given(documents(), users)
def test_explaining_never_fails_and_agrees(specs: list[dict[str, Any]], user: dict[str, Any]) -> None:
    compiled_rules = compiled(specs)
    assigned, explanation = evaluate(compiled_rules, user), explain(compiled_rules, user)
    assert {one.organization for one in explanation.memberships} == {one.organization for one in assigned.memberships}
    assert explanation.matched == assigned.matched
    given_by = {
        (gift.organization, one.cause) for one in explanation.rules for gift in one.gifts if gift.became == "given"
    }
    assert given_by == {
        (one.organization, compiled_rules.causes[number]) for one in assigned.memberships for number in one.rules
    }
    for one in explanation.rules:
        if one.verdict == "matched":
            assert not one.lacked


@given(documents(), users)
def test_the_order_of_documents_and_organizations_does_not_matter(
    specs: list[dict[str, Any]], user: dict[str, Any]
) -> None:
    texts = [json.dumps(spec) for spec in specs]
    backwards = rules(*texts, backwards=True, **WORLD)  # type: ignore[arg-type] # as above
    assert evaluate(compiled(specs), user) == evaluate(backwards, user)
    assert compiled(specs).causes == backwards.causes


def test_one_problem_comes_out_for_each_cause_whatever_the_order() -> None:
    problems = [problem("c", m, users=(u,)) for m in ("one", "two") for u in ("user-2", "user-1", "user-2")]
    folded = fold_problems(iter(problems))
    assert folded == fold_problems(reversed(problems))
    assert [(one.message, one.users) for one in folded] == [
        ("one", ("user-1", "user-2")),
        ("two", ("user-1", "user-2")),
    ]
