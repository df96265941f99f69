"""One visit to every operation on the settings of an environment."""

from tests.emulator.conftest import Api

KEY = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----"


def below(api: Api, vertical: str) -> str:
    """Return the path of the test environment that the emulator begins with."""
    environment = api.app.workspace.environment("B2B" if vertical == "B2B" else "CONSUMER")
    return f"/pwa/v3/projects/{environment.project_slug}/environments/{environment.slug}"


def tour(api: Api) -> None:
    """Visit every operation; each must succeed."""
    b2b, consumer = below(api, "B2B"), below(api, "CONSUMER")
    api.ok("GET", f"{b2b}/jwt_templates/M2M")
    api.ok(
        "PUT", f"{b2b}/jwt_templates/SESSION", {"template_content": '{"a": {{ member.name }}}', "custom_audience": ""}
    )
    for channel, environment in (("sms", b2b), ("whatsapp", consumer)):
        api.ok("GET", f"{environment}/allowed_country_codes/{channel}")
        api.ok("POST", f"{environment}/allowed_country_codes/{channel}", {"country_codes": ["CA"]})
    policy = api.ok("GET", f"{b2b}/rbac_policy")["policy"]
    api.ok("PUT", f"{b2b}/rbac_policy", policy)
    strength = api.ok("GET", f"{b2b}/password_strength_config")["password_strength_config"]
    luds = {"validation_policy": "LUDS", "luds_min_password_length": 8, "luds_min_password_complexity": 3}
    api.ok("PUT", f"{b2b}/password_strength_config", strength | luds)
    for environment, name in ((b2b, "b2b"), (consumer, "consumer")):
        config = api.ok("GET", f"{environment}/sdk/{name}")["config"]
        api.ok("PUT", f"{environment}/sdk/{name}", {"config": config})
    _trusted_token_profiles(api, f"{b2b}/trusted_token_profiles")
    _event_log_streaming(api, f"{b2b}/event_log_streaming")


def _trusted_token_profiles(api: Api, root: str) -> None:
    body = {
        "name": "Partner",
        "audience": "us",
        "issuer": "them",
        "public_key_type": "PEM",
        "pem_files": [KEY],
        "can_jit_provision": True,
        "attribute_mapping": {"email": "sub"},
    }
    profile = f"{root}/{api.ok('POST', root, body)['profile']['profile_id']}"
    api.ok("GET", root)
    api.ok("GET", profile)
    api.ok("PATCH", profile, {"name": "Partner 2"})
    key = api.ok("POST", f"{profile}/keys", {"public_key": KEY})["pem_file"]["pem_file_id"]
    api.ok("GET", f"{profile}/keys/{key}")
    api.ok("DELETE", f"{profile}/keys/{key}")
    api.ok("DELETE", profile)


def _event_log_streaming(api: Api, root: str) -> None:
    config = {"destination_config": {"datadog": {"api_key": "0" * 32, "site": "EU"}}}
    api.ok("POST", root, {"destination_type": "DATADOG", **config})
    api.ok("GET", f"{root}/DATADOG")
    api.ok("PUT", f"{root}/DATADOG", config)
    api.ok("POST", f"{root}/DATADOG/enable", {})
    api.ok("POST", f"{root}/DATADOG/disable")
    api.ok("DELETE", f"{root}/DATADOG")
