"""The law of an export for any state of Stytch that hypothesis generates."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.emulator.seed import bulk
from reconciler.emulator.seed.running import Options, make
from reconciler.export.gather import ExportRequest
from tests.export.law import begin, upheld
from tests.stages import OWNER, Fields

ODD = (
    *("${{ vars.a }}", "${{", "a\n${{ x }}\n", "{{ slug }}", "{a}", "a: b", "x" * 300),
    *("no", "1e3", "2024-01-01", "~", "", " a "),
)
TEXTS = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = TEXTS.filter(lambda text: text.strip() != "" and len(text) <= 128)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
METADATA = st.dictionaries(TEXTS.filter(lambda key: key != "reconciler"), VALUES, max_size=3)
OWNERS = st.sampled_from((None, OWNER, "another"))
SLUGS = st.sampled_from(("acme", "Acme", "globex", "con", "a.b", "acme_1"))
ADDRESSES = st.sampled_from(("ann@acme.example", "Ben@acme.example", "cyd+x@acme.example", "x@${{.example"))


def fields(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Fields]:
    return st.fixed_dictionaries({}, optional=strategies)


MEMBERS = st.fixed_dictionaries(
    {"owner": OWNERS, "user": st.sampled_from((None, "u1"))},
    optional={
        "name": TEXTS,
        "trusted_metadata": METADATA,
        "untrusted_metadata": METADATA,
        "external_id": st.sampled_from(("a|b", "1")),
        "roles": st.just(["stytch_admin"]),
        "status": st.sampled_from(("active", "pending", "deleted")),
        "is_breakglass": st.booleans(),
        "mfa_enrolled": st.booleans(),
    },
)
ORGANIZATIONS = st.fixed_dictionaries(
    {"organization_name": NAMES, "owner": OWNERS, "members": st.dictionaries(ADDRESSES, MEMBERS, max_size=2)},
    optional={
        "trusted_metadata": METADATA,
        "organization_logo_url": TEXTS,
        "organization_external_id": st.sampled_from(("1", "a|b")),
        "email_allowed_domains": st.sampled_from(([], ["acme.example"], ["gmail.com"], ["b.example", "B.example"])),
        "email_invites": st.sampled_from(("ALL_ALLOWED", "RESTRICTED", "NOT_ALLOWED")),
        "sso_jit_provisioning": st.sampled_from(("ALL_ALLOWED", "RESTRICTED", "NOT_ALLOWED")),
        "auth_methods": st.sampled_from(("ALL_ALLOWED", "RESTRICTED")),
        "allowed_auth_methods": st.lists(st.sampled_from(("sso", "password")), max_size=2),
        "allowed_oauth_tenants": st.sampled_from(({}, {"slack": ["T1"]}, {"slack": []})),
        "allowed_third_party_connected_apps": st.sampled_from(([], ["connected-app-test-1"])),
    },
)
# Requests that Stytch may refuse.
CALLS = st.lists(
    st.tuples(st.just("PUT {environment}/jwt_templates/M2M"), fields(template_content=TEXTS, custom_audience=TEXTS))
    | st.tuples(
        st.just("POST /v1/m2m/clients"),
        st.fixed_dictionaries(
            {"scopes": st.lists(st.sampled_from(("read", "${{ write }}", "")), max_size=2)},
            optional={"client_id": NAMES, "client_name": TEXTS, "trusted_metadata": METADATA},
        ),
    )
    | st.tuples(
        st.just("POST /v1/connected_apps/clients"),
        st.fixed_dictionaries(
            {
                "client_type": st.sampled_from(("first_party", "third_party_public")),
                "client_name": st.sampled_from(("App", "app", "APP?", "${{ app }}")),
            },
            optional={"access_token_template_content": TEXTS, "id_token_template_content": TEXTS},
        ),
    )
    | st.tuples(
        st.just("POST {project}/email_templates"),
        st.fixed_dictionaries(
            {
                "template_id": st.sampled_from(("a", "A", "a.b", "aux")),
                "name": NAMES,
                "sender_information": st.just({"from_local_part": "a", "from_domain": "acme.example"}),
                "custom_html_customization": st.fixed_dictionaries(
                    {"template_type": st.just("LOGIN"), "subject": NAMES},
                    optional={"html_content": TEXTS.map("{{{{magic_link_url}}}}{}".format), "plaintext_content": TEXTS},
                ),
            }
        ),
    )
    | st.tuples(
        st.just("POST {environment}/redirect_urls"),
        st.fixed_dictionaries(
            {
                "url": st.sampled_from(
                    ("https://a.example/", "https://a.example/?a=${{b}}", "https://a.example/?a={}")
                ),
                "valid_types": st.just([{"type": "LOGIN", "is_default": False}]),
            }
        ),
    ),
    max_size=4,
)


@settings(max_examples=40)
@given(
    organizations=st.dictionaries(SLUGS, ORGANIZATIONS, max_size=3),
    calls=CALLS,
    wanted=st.builds(ExportRequest, members=st.booleans(), table=st.booleans()),
)
def test_any_state(organizations: dict[str, Fields], calls: list[tuple[str, Fields]], wanted: ExportRequest) -> None:
    app = make(Options())
    with tempfile.TemporaryDirectory() as folder:
        try:
            stage = begin(app, Path(folder) / "calls", {})
            for slug, told in organizations.items():
                place(app, slug, dict(told))
            for request, body in calls:
                stage.ask(request, body)
            upheld(app, Path(folder), wanted)
        finally:
            app.close()


def place(app: Any, slug: str, told: Fields) -> None:
    """Store an organization and its members in Stytch directly, without the checks of its API."""
    members, owner = told.pop("members"), told.pop("owner")
    if "organization_external_id" in told:
        told["organization_external_id"] += slug  # all different
    id_ = bulk.place_organization(app, {"organization_slug": slug})["organization_id"]
    mark = {"reconciler": {"v": 1, "owner": owner, "organization": id_}} if owner else {}
    metadata = {**told.get("trusted_metadata", {}), **mark}
    whole = {**told, "organization_slug": slug, "organization_id": id_, "trusted_metadata": metadata}
    bulk.place_organization(app, whole)
    for address, drawn in members.items():
        member = {key: value for key, value in drawn.items() if key not in ("owner", "user")}
        member |= {"external_id": f"{member['external_id']}{address[0]}"} if "external_id" in member else {}
        ours = {**mark.get("reconciler", {}), "owner": drawn["owner"], "organization": id_}
        ours |= {"user": drawn["user"]} if drawn["user"] else {}
        metadata = {**member.get("trusted_metadata", {}), **({"reconciler": ours} if drawn["owner"] else {})}
        bulk.place_member(
            app, {**member, "organization_id": id_, "email_address": address, "trusted_metadata": metadata}
        )
