"""Documents → what is declared for one environment."""

import json
import os
from pathlib import Path

import pytest

from reconciler.errors import InvalidInput
from reconciler.load.references import roles_named
from reconciler.load.repository import Declared, load_documents
from reconciler.model import Lifecycle, Position
from tests.repositories import ORGANIZATION, config_of, declared, write

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


def logo(file: str) -> str:
    return ORGANIZATION.replace("Acme}", f"Acme, organization_logo_url: {{file: {file}}}}}")


def test_a_long_text_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    found = declared(tmp_path, {"manifests/a.yaml": logo("logos/acme.txt"), "logos/acme.txt": "data:x\ny\n"})
    assert found.organizations[0].spec["organization_logo_url"] == "data:x\ny"


@pytest.mark.parametrize("written", ["a\r\nb\r\n", "a\rb\r", "a\nb\n", "\ufeffa\r\nb"])
def test_the_text_of_a_file_does_not_depend_on_the_system_that_wrote_it(written: str, tmp_path: Path) -> None:
    write(tmp_path, {"manifests/a.yaml": logo("logo.txt")})
    (tmp_path / "logo.txt").write_bytes(written.encode())
    assert load_documents(config_of(tmp_path)).organizations[0].spec["organization_logo_url"] == "a\nb"


def test_an_expression_in_the_text_of_a_file_is_a_warning(tmp_path: Path) -> None:
    found = declared(tmp_path, {"manifests/a.yaml": logo("logo.txt"), "logo.txt": "a\nb ${{ vars.tier }} {{ c }}\n"})
    assert found.organizations[0].spec["organization_logo_url"] == "a\nb ${{ vars.tier }} {{ c }}"
    assert [(one.code, one.severity, [str(at) for at in one.at]) for one in found.problems] == [
        ("expression-not-computed", "warning", ["logo.txt:2:3", "manifests/a.yaml:4:63"])
    ]


CLOSED = {
    ".git/config": "[remote]",
    "sub/.git/HEAD": "ref",
    ".GIT/config": "[remote]",
    ".reconciler/credentials-test.env": "A=b",
    ".reconciler/journal-test-1.jsonl": "{}",
    ".env": "A=b",
    "prod.env": "A=b",
    "deploy/.env.local": "A=b",
    "deploy/prod.env.local": "A=b",
    "keys/store.txt": "A=b",
    "people.jsonl": "{}",
    "plan.json": '{"format_version": "1.0", "environment": "test", "digest": "sha256:0", "changes": []}',
    "plan.txt": '{\n "digest": "sha256:0",\n "format_version": "1.0", "changes": []\n}\n',
    "journal.txt": '{"at": "2026-01-01", "event": "intent", "address": "Member/acme/a"}\n{"at": 1}\n',
    "emergency.txt": '{"environment": "test", "name": "A", "id": "", "value": "x", "why": ""}',
    "exported.sh": "# emulator\nexport STYTCH_SECRET=secret-test-1\n",
    "one-line-end.txt": "emulator\rSTYTCH_WORKSPACE_KEY_SECRET = 'Q_3uRbq2J90RhIJ'\r",
    "marked.txt": "\ufeffSTYTCH_SECRET=secret-test-1\n",
    "page.html": f"<p>secret-live-{'x' * 40}=</p>",
    "saml.pem": "-----BEGIN RSA PRIVATE KEY-----\nMII\n",
    "link.txt": "",
}


@pytest.mark.parametrize("file", CLOSED)
def test_a_secret_is_never_read_as_a_text(file: str, tmp_path: Path) -> None:
    configuration = """\
apiVersion: reconciler/v1
kind: Configuration
environments:
  test: {credentials: {dotenv: keys/store.txt}}
  live: {users: {file: people.jsonl}}
"""
    write(tmp_path, {"reconciler.yaml": configuration, "manifests/a.yaml": logo(f'"{file}"'), **CLOSED})
    (tmp_path / "link.txt").unlink()
    (tmp_path / "link.txt").symlink_to(".git/config")
    with pytest.raises(InvalidInput) as raised:
        load_documents(config_of(tmp_path))
    (problem,) = raised.value.problems
    assert (problem.code, str(problem.at[0])) == ("not-a-text", "manifests/a.yaml:4:63")
    assert problem.message.startswith(f"{file} is not read as a text: ")
    assert all(line not in problem.message for line in CLOSED[file].splitlines() if line)


def test_a_text_may_be_about_the_environment_and_plans(tmp_path: Path) -> None:
    texts = {
        "env.html": "<p>STYTCH_SECRET</p>",
        "set-up.html": "<pre>\nexport STYTCH_SECRET=...\nSTYTCH_SECRET=your-secret\n</pre>",
    }
    texts |= {"a.js": 'STYTCH_PUBLIC_TOKEN = "public-token-test-1"', "secret.html": "<p>secret-live-…</p>"}
    texts |= {"a.json": '{"at": 1}', "b.json": '{"digest": "x"}\n'}
    manifests = {f"manifests/{n}.yaml": logo(file).replace("acme", f"acme-{n}") for n, file in enumerate(texts)}
    found = declared(tmp_path, {**manifests, **texts})
    assert [one.spec["organization_logo_url"] for one in found.organizations] == [
        text.removesuffix("\n") for text in texts.values()
    ]


def test_the_file_of_a_text_lies_in_the_repository(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "repository"
    outside = ["../secret.txt", str(tmp_path / "secret.txt"), "link.txt", "nowhere.txt", "manifests"]
    write(root, {f"manifests/{number}.yaml": logo(file) for number, file in enumerate(outside)})
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InvalidInput) as raised:
        load_documents(config_of(root))
    told = {str(one.at[0]): one.message for one in raised.value.problems if one.code != "duplicate"}
    assert told == {
        "manifests/0.yaml:4:63": "../secret.txt leads out of the repository",
        "manifests/1.yaml:4:63": f"{tmp_path}/secret.txt leads out of the repository",
        "manifests/2.yaml:4:63": "link.txt leads out of the repository",
        "manifests/3.yaml:4:63": "there is no file nowhere.txt",
        "manifests:1:1": "manifests is not a plain file",
    }


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
