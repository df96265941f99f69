"""The vendor's management SDK, over https, drives every operation on projects, environments and what is in them."""

import pytest
from stytch import B2BClient
from stytch.core.response_base import StytchError as DataError
from stytch_management import Client
from stytch_management.errors import StytchError
from stytch_management.models import emailtemplates as templates
from stytch_management.models import redirecturls

from reconciler.emulator.management import credentials, redirect_urls
from reconciler.emulator.management.routes import MANAGEMENT
from reconciler.emulator.seed.running import Running

# The SDK uses deprecated parts of pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

HERE = ("acme", "staging")


@pytest.fixture
def acme(management: Client) -> Client:
    """The SDK, and a project with a live and a test environment."""
    management.projects.create(name="Acme", vertical="B2B", project_slug="acme")
    management.environments.create("acme", name="Production", type="LIVE", environment_slug="production")
    management.environments.create("acme", name="Staging", type="TEST", environment_slug="staging")
    return management


def driven(https: Running) -> set[str]:
    """Return the operations that were called, without those of the fixture."""
    return set(https.app.statistics.requests)


def named(prefixes: tuple[str, ...]) -> set[str]:
    return {name for _, _, name, _ in MANAGEMENT if name.startswith(prefixes)}


def test_projects_and_environments(https: Running, acme: Client) -> None:
    projects, environments = acme.projects, acme.environments
    assert projects.update("acme", name="Acme Corp").project.name == "Acme Corp"
    assert projects.get("acme").project == projects.get_all().projects[-1]
    made = environments.get(*HERE).environment
    assert (made.user_lock_threshold, made.idp_authorization_url) == (10, "")
    updated = environments.update(*HERE, user_lock_threshold=5, use_custom_domain_in_magic_link_emails=True).environment
    assert updated == made.model_copy(update={"user_lock_threshold": 5, "use_custom_domain_in_magic_link_emails": True})
    assert environments.get_all("acme").environments[1] == updated
    assert environments.get_metrics(*HERE).metrics.member_count == 0
    environments.delete(*HERE)
    with pytest.raises(StytchError) as missing:
        environments.get(*HERE)
    assert (missing.value.status_code, missing.value.error_type) == (404, "project_not_found")
    projects.delete("acme")
    assert [each.project_slug for each in projects.get_all().projects] == ["consumer", "b2b"]
    assert driven(https) == named(("projects_", "environments_"))


def test_secrets_and_public_tokens(https: Running, acme: Client) -> None:
    made = acme.secrets.create(*HERE).secret
    project_id = acme.environments.get(*HERE).environment.project_id
    client = B2BClient(project_id, made.secret, custom_base_url=https.url)
    client.organizations.create(organization_name="One", organization_slug="one")
    found = acme.secrets.get(*HERE, secret_id=made.secret_id).secret
    assert (found.last_four, found.created_at) == (made.secret[-4:], made.created_at)
    assert found.used_at is not None
    assert acme.secrets.get_all(*HERE).secrets == [found]
    acme.secrets.delete(*HERE, secret_id=made.secret_id)
    with pytest.raises(DataError):
        client.organizations.get("one")
    token = acme.public_tokens.create(*HERE).public_token
    assert acme.public_tokens.get(*HERE, public_token=token.public_token).public_token == token
    assert acme.public_tokens.get_all(*HERE).public_tokens[1] == token
    acme.public_tokens.delete(*HERE, public_token=token.public_token)
    assert {name for _, _, name, _ in credentials.ROUTES} <= driven(https)


def test_redirect_urls(https: Running, acme: Client) -> None:
    calls, url = acme.redirect_urls, "https://acme.com/login?expires_at={}"
    login = redirecturls.URLType(type=redirecturls.RedirectURLType.LOGIN, is_default=False)
    signup = {"type": "SIGNUP", "is_default": False}
    made = calls.create(*HERE, url=url, valid_types=[login], do_not_promote_defaults=True).redirect_url
    assert made.valid_types == [login]
    assert calls.get(*HERE, url=url).redirect_url == made
    updated = calls.update(*HERE, url=url, valid_types=[login, signup], do_not_promote_defaults=True).redirect_url
    assert len(updated.valid_types) == 2
    local, there = calls.get_all(*HERE).redirect_urls
    assert (local.url, there) == ("http://localhost:3000/authenticate", updated)
    calls.delete(*HERE, url=local.url, do_not_promote_defaults=True)
    assert calls.get_all(*HERE).redirect_urls == [updated]
    assert {name for _, _, name, _ in redirect_urls.ROUTES} <= driven(https)


def test_email_templates(https: Running, acme: Client) -> None:
    calls = acme.email_templates
    looks = templates.PrebuiltCustomization(button_border_radius=3, font_family=templates.FontFamily.ARIAL)
    sender = templates.SenderInformation(from_local_part="noreply")  # The other fields are sent as null.
    html = {"template_type": "LOGIN", "html_content": "{{magic_link_url}}", "subject": "Sign in"}
    prebuilt = calls.create(
        "acme", template_id="looks", name="Looks", sender_information=sender, prebuilt_customization=looks
    ).email_template
    assert (prebuilt.prebuilt_customization, prebuilt.custom_html_customization) == (looks, None)
    own = calls.create("acme", template_id="own", sender_information=sender, custom_html_customization=html)
    assert calls.get_all("acme").email_templates == [prebuilt, own.email_template]
    assert calls.get("acme", "looks").email_template == prebuilt
    assert calls.update("acme", "looks", prebuilt_customization=looks).email_template.name is None
    calls.set_default("acme", template_id="own", email_template_type="LOGIN")
    assert calls.get_default("acme", email_template_type="LOGIN").template_id == "own"
    with pytest.raises(StytchError) as refused:
        calls.delete("acme", "own")
    assert refused.value.error_type == "cannot_delete_default_email_template"
    calls.unset_default("acme", email_template_type="LOGIN")
    calls.delete("acme", "own")
    assert named(("email_templates_", "default_email_templates_")) <= driven(https)


def test_the_key_must_be_right(https: Running) -> None:
    stranger = Client(https.environment["STYTCH_WORKSPACE_KEY_ID"], "guessed", base_url=https.url)
    with pytest.raises(StytchError) as refused:
        stranger.projects.get_all()
    assert (refused.value.status_code, refused.value.error_type) == (401, "unauthorized_credentials")
