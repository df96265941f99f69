"""Documents → what is declared for one environment."""

import json
import os
from pathlib import Path

import pytest

from reconciler.errors import InvalidInput
from reconciler.load.references import roles_named
from reconciler.load.repository import Declared, load_documents
from reconciler.model import Lifecycle, Position
from tests.repositories import ORGANIZATION, config_of, declared

HEAD = "apiVersion: reconciler/v1\n"
SET = """\
apiVersion: reconciler/v1
kind: OrganizationSet
metadata: {name: tenants}
spec:
  table: tenants
  template:
    metadata: {name: "${{ row.slug }}"}
    spec:
      organization_name: ${{ row.name }}
      organization_logo_url: ${{ row.logo }}
      trusted_metadata:
        tier: ${{ vars.tier }}
        note: ${{ row.note }}
        email_domains: ${{ split(row.domains, ";") }}
        old: null
  overrides:
    globex:
      spec: {mfa_policy: REQUIRED_FOR_ALL, trusted_metadata: {tier: silver}}
      lifecycle: {protect: true}
"""
TENANTS = "slug,name,logo,note,domains\nacme,Acme,,x,acme.example; acme.test\nglobex,Globex,l,${{ vars.tier }},\n"


def test_a_manifest_becomes_a_resource_in_normal_form(tmp_path: Path) -> None:
    found = declared(
        tmp_path,
        {
            "manifests/a.yaml": f"""{HEAD}kind: Organization
metadata: {{name: acme, renamed_from: acme-inc}}
spec:
  organization_name: Acme
  email_allowed_domains: [B.example, a.example]
  trusted_metadata: {{tier: gold, old: null, b.c: 1}}
initial: {{mfa_policy: OPTIONAL}}
lifecycle: {{ignore: [spec.mfa_policy, spec.trusted_metadata.a, spec.trusted_metadata.b.c], protect: true}}
---
{HEAD}kind: Member
metadata: {{namespace: acme, name: Ann@Acme.example}}
spec: {{roles: [b, a]}}
restore: true
"""
        },
    )
    (organization,) = found.organizations
    assert organization.address == "Organization/acme"
    assert organization.spec == {
        "organization_name": "Acme",
        "email_allowed_domains": ["a.example", "b.example"],
        "trusted_metadata": {"tier": "gold", "old": None, "b.c": 1},
    }
    assert organization.initial == {"mfa_policy": "OPTIONAL"}
    assert organization.renamed_from == "acme-inc"
    assert organization.lifecycle == Lifecycle(
        ignore=(("spec", "mfa_policy"), ("spec", "trusted_metadata", "a"), ("spec", "trusted_metadata", "b.c")),
        protect=True,
    )
    assert organization.position == Position("manifests/a.yaml", 1, 1)
    assert organization.at("spec", "organization_name") == Position("manifests/a.yaml", 5, 22)
    (member,) = found.members
    assert (member.address, member.spec, member.restore) == (
        "Member/acme/ann@acme.example",
        {"roles": ["a", "b"]},
        True,
    )
    assert found.resources == (organization, member)


def test_absent_and_external_need_no_spec(tmp_path: Path) -> None:
    text = f"{HEAD}kind: Organization\nmetadata: {{name: NAME}}\nensure: ENSURE\n"
    found = declared(
        tmp_path,
        {
            "manifests/a.yaml": text.replace("NAME", "gone").replace("ENSURE", "absent"),
            "manifests/b.yaml": text.replace("NAME", "theirs").replace("ENSURE", "external"),
        },
    )
    assert [(one.name, one.ensure) for one in found.organizations] == [("gone", "absent"), ("theirs", "external")]


def in_environment(name: str, environments: str) -> str:
    return ORGANIZATION.replace("{name: acme}", f"{{name: {name}, environments: [{environments}]}}")


def test_what_is_declared_for_other_environments_is_elsewhere(tmp_path: Path) -> None:
    member = f"{HEAD}kind: Member\nmetadata: {{namespace: SLUG, name: ann@acme.example}}\n"
    rules = f"{HEAD}kind: MappingRules\nmetadata: {{name: a, environments: [live]}}\nspec: {{rules: [RULE]}}\n"
    files = {
        "manifests/a.yaml": "---\n".join(
            [
                in_environment("both", "test, live"),
                in_environment("one", "live"),
                member.replace("SLUG", "both"),
                member.replace("SLUG", "one"),
            ]
        ),
        "rules/a.yaml": rules.replace("RULE", "{name: r, assign: [{organization: one}]}"),
    }
    here = declared(tmp_path, files)
    assert ([one.name for one in here.organizations], here.elsewhere) == (["both"], frozenset({"one"}))
    assert [one.address for one in here.members] == ["Member/both/ann@acme.example"]
    assert [one.address for one in here.resources] == ["Organization/both", "Member/both/ann@acme.example"]
    assert here.rules == ()
    there = load_documents(config_of(tmp_path, "live"))
    assert [one.name for one in there.organizations] == ["both", "one"]
    assert (len(there.members), [rules.name for rules in there.rules], there.elsewhere) == (2, ["a"], frozenset())


def test_the_same_thing_may_be_declared_once_for_each_environment(tmp_path: Path) -> None:
    first, second = in_environment("acme", "test"), in_environment("acme", "live")
    found = declared(tmp_path, {"manifests/a.yaml": first + "---\n" + second})
    assert [one.position.line for one in found.organizations] == [1]
    assert found.elsewhere == frozenset()


def test_an_organization_may_be_absent_in_one_environment_and_have_members_in_another(tmp_path: Path) -> None:
    absent = in_environment("acme", "live").partition("spec:")[0] + "ensure: absent\n"
    member = f"{HEAD}kind: Member\nmetadata: {{namespace: acme, name: a@acme.example, environments: [test]}}\n"
    files = {"manifests/a.yaml": "---\n".join([in_environment("acme", "test"), absent, member])}
    assert len(declared(tmp_path, files).members) == 1
    assert load_documents(config_of(tmp_path, "live")).members == ()


def test_mistakes_of_other_environments_are_found_too(tmp_path: Path) -> None:
    text = in_environment("acme", "live").replace("organization_name", "organization_nam")
    with pytest.raises(InvalidInput, match="unknown key organization_nam"):
        declared(tmp_path, {"manifests/a.yaml": text})


def test_a_set_makes_an_organization_of_each_row(tmp_path: Path) -> None:
    found = declared(tmp_path, {"manifests/tenants.yaml": SET, "tenants.csv": TENANTS})
    acme, globex = found.organizations
    assert acme.name == "acme"
    assert acme.spec == {  # a rendered null is not managed, a literal one clears
        "organization_name": "Acme",
        "trusted_metadata": {
            "tier": "gold",
            "note": "x",
            "email_domains": ["acme.example", "acme.test"],
            "old": None,
        },
    }
    assert acme.position == acme.at("spec", "trusted_metadata", "email_domains", "0") == Position("tenants.csv", 2)
    assert acme.positions["spec", "template"] == Position("manifests/tenants.yaml", 6, 3)
    assert globex.spec == {
        "organization_name": "Globex",
        "organization_logo_url": "l",
        "mfa_policy": "REQUIRED_FOR_ALL",
        "trusted_metadata": {"tier": "silver", "note": "${{ vars.tier }}", "email_domains": [], "old": None},
    }
    assert globex.lifecycle.protect
    assert globex.at("spec", "mfa_policy") == Position("manifests/tenants.yaml", 18, 26)
    assert globex.at("spec", "organization_name") == Position("tenants.csv", 3)


def test_a_set_and_what_it_makes_have_their_environments(tmp_path: Path) -> None:
    of_row = SET.replace('{name: "${{ row.slug }}"}', '{name: "${{ row.slug }}", environments: ["${{ row.note }}"]}')
    table = TENANTS.replace(",x,", ",test,").replace("${{ vars.tier }}", "live")
    found = declared(tmp_path, {"manifests/tenants.yaml": of_row, "tenants.csv": table})
    assert ([one.name for one in found.organizations], found.elsewhere) == (["acme"], frozenset({"globex"}))


def test_members_may_name_what_a_set_makes(tmp_path: Path) -> None:
    member = f"{HEAD}kind: Member\nmetadata: {{namespace: globex, name: ann@acme.example}}\n"
    files = {"manifests/a.yaml": member, "manifests/tenants.yaml": SET, "tenants.csv": TENANTS}
    assert [one.address for one in declared(tmp_path, files).members] == ["Member/globex/ann@acme.example"]


RULES = """\
apiVersion: reconciler/v1
kind: MappingRules
metadata: {name: employees}
spec:
  rules:
    - name: by-email-domain
      match: {email_domain: {organization: trusted_metadata.domains}}
      assign: [{organization: "${{ organization.name }}", roles: [editor, "${{ row.role }}"], initial: {roles: [new]}}]
"""


def test_the_roles_that_are_named_with_their_places(tmp_path: Path) -> None:
    found = declared(
        tmp_path,
        {
            "manifests/a.yaml": f"""{HEAD}kind: Organization
metadata: {{name: acme}}
spec:
  organization_name: Acme
  rbac_email_implicit_role_assignments: [{{domain: acme.example, role_id: editor}}]
---
{HEAD}kind: Member
metadata: {{namespace: acme, name: ann@acme.example}}
spec: {{roles: [stytch_admin]}}
""",
            "rules/a.yaml": RULES,
        },
    )
    assert {role: [str(at) for at in places] for role, places in roles_named(found.resources, found.rules).items()} == {
        "editor": ["manifests/a.yaml:6:74", "rules/a.yaml:8:67"],
        "stytch_admin": ["manifests/a.yaml:11:16"],
        "new": ["rules/a.yaml:8:113"],
    }


def test_whether_a_thing_must_be_made_is_known_only_once_what_is_live_is_read(tmp_path: Path) -> None:
    text = """\
apiVersion: reconciler/v1
kind: Environment
metadata: {name: test}
spec: {user_lock_threshold: 5}
"""
    found = declared(tmp_path, {"manifests/a.yaml": text})
    assert found.problems == ()
    assert [(one.severity, one.message) for one in found.doubts] == [("warning", "name, type is required to create it")]


def test_all_problems_of_all_files_in_one_run_in_the_order_of_the_files(tmp_path: Path) -> None:
    files = {
        "manifests/c.yaml": ORGANIZATION.replace("organization_name", "nam"),
        "manifests/a.yaml": "a: b: c\n",
        "rules/a.yaml": RULES.replace("match", "mach"),
        "manifests/b.yaml": ORGANIZATION.replace("Acme", "1"),
    }
    with pytest.raises(InvalidInput) as raised:
        declared(tmp_path, files)
    assert [str(problem.at[0]) for problem in raised.value.problems] == [
        "manifests/a.yaml:1:5",
        "manifests/b.yaml:4:27",
        "manifests/c.yaml:4:8",
        "rules/a.yaml:7:7",
    ]
    assert raised.value.exit_code == 1


@pytest.mark.mapping
@pytest.mark.parametrize("form", ["manifests", "set"])
def test_the_real_mapping(tmp_path: Path, form: str) -> None:
    companies = (Path(os.environ["STYTCH_RECONCILER_DATA"]) / "companies.jsonl").read_text(encoding="utf-8")
    if form == "set":
        template = """
    metadata: {name: "${{ row.slug }}"}
    spec: {organization_name: "${{ row.name }}", trusted_metadata: {email_domains: "${{ row.domains }}"}}
"""
        text = f"{HEAD}kind: OrganizationSet\nmetadata: {{name: t}}\nspec:\n  table: tenants\n  template:{template}"
        files = {"manifests/a.yaml": text, "companies.jsonl": companies}
    else:
        documents = [
            json.dumps(
                {
                    "apiVersion": "reconciler/v1",
                    "kind": "Organization",
                    "metadata": {"name": row["slug"]},
                    "spec": {
                        "organization_name": row["name"],
                        "trusted_metadata": {"email_domains": row["domains"]},
                    },
                }
            )
            for row in map(json.loads, companies.splitlines())
        ]
        files = {"manifests/a.yaml": "\n---\n".join(documents)}
    files["reconciler.yaml"] = (
        f"{HEAD}kind: Configuration\nenvironments: {{test: {{tables: {{tenants: companies.jsonl}}}}}}\n"
    )
    found: Declared = declared(tmp_path, files)
    assert len(found.organizations) == 573
    lists = {one.name: one.spec["trusted_metadata"]["email_domains"] for one in found.organizations}
    assert sum(not domains for domains in lists.values()) == 1
    assert lists["independent"] == []


def test_what_kinds_leaves_out_is_a_warning(tmp_path: Path) -> None:
    rule = "{name: a, when: 'true', assign: [{organization: acme}]}"
    rules = f"{HEAD}kind: MappingRules\nmetadata: {{name: r}}\nspec: {{rules: [{rule}]}}\n"
    files = {"manifests/a.yaml": ORGANIZATION, "rules/r.yaml": rules}
    for kinds, told in (
        ("[Organization]", ["kinds leaves out what documents declare: MappingRules"]),
        ("[]", ["kinds leaves out what documents declare: MappingRules, Organization"]),
        ("[Member]", []),
        (
            "[Member, Secret]\n    authority: {Organization: observe}",
            ["authority names Organization, which kinds leaves out"],
        ),
    ):
        configuration = f"{HEAD}kind: Configuration\nenvironments:\n  test:\n    kinds: {kinds}\n"
        found = declared(tmp_path, {"reconciler.yaml": configuration, **files})
        assert [problem.message for problem in found.problems] == told


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("{{ row.name }}", "write ${{ row.name }}"),
        ("Acme {{row.name}}", "write ${{ row.name }}"),
        ("${ row.name }", "write ${{ row.name }}"),
        ("${{ row.name }}", ""),
        ("${{ row.name }} {{ x }}", ""),
        ("${{ {'a': 'x'}['a'] }}", ""),
        ("$row.name", ""),
    ],
)
def test_what_is_almost_an_expression_is_a_warning(name: str, hint: str, tmp_path: Path) -> None:
    files = {"manifests/s.yaml": SET.replace("${{ row.name }}", f'"{name}"'), "tenants.csv": TENANTS}
    found = [one.hint for one in declared(tmp_path, files).problems if one.code == "expression-not-computed"]
    assert found == ([hint] if hint else [])
