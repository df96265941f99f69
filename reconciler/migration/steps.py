"""The manual steps: what no API can move. Some are needed for settings in use, some for what no API shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from reconciler.export.manifests import Manifest
from reconciler.model import Json

Settings = Mapping[str, Sequence[Manifest]]  # by environment


class Step(Struct, frozen=True, kw_only=True):
    """One manual step. ``check`` shows whether the step is done; None where its status cannot be checked."""

    name: str
    what: str
    where: str
    check: Mapping[str, Json] | None = None
    environments: tuple[str, ...] = ()


def manual_steps(settings: Settings, project: str) -> tuple[Step, ...]:
    """Return the steps of a project with these settings, in the recommended order."""
    dashboard = f"Stytch's dashboard, project {project}"
    return tuple(step for make in STEPS if (step := make(settings, dashboard)))


def _fraud_prevention(settings: Settings, _dashboard: str) -> Step | None:
    where = _environments(settings, _uses_fraud_prevention)
    if not where:
        return None
    return Step(
        name="fraud-prevention",
        what="Ask Stytch to enable fraud prevention (Device Fingerprinting). Without it Stytch refuses fraud rules and "
        "protected authentication.",
        where="Stytch's support",
        check={"kind": "DFPRule"},
        environments=_unless_all(where, settings),
    )


def _email_domain(settings: Settings, dashboard: str) -> Step | None:
    sending = [each for _, each in _every(settings, "EmailTemplate") if _sender_domain(each)]
    if not sending:
        return None
    custom = [each for each in sending if each.spec.get("custom_html_customization")]
    domains = {_sender_domain(each) for each in sending}
    path = {"kind": "EmailTemplate", "path": "sender_information.from_domain"}
    # A prebuilt template exists without the domain too, so it does not show that the domain is verified.
    check = {**path, "name": custom[0].name, "equals": domains.pop()} if custom and len(domains) == 1 else None
    return Step(
        name="email-domain",
        what="Verify the domain that mail is sent from. Without it Stytch refuses custom HTML and drops the sender.",
        where=f"{dashboard}, Email templates",
        check=check,
    )


def _custom_domain(settings: Settings, dashboard: str) -> Step:
    cookies = {name: mode for name, each in _every(settings, "SDKConfig") if (mode := _http_only(each)) != "DISABLED"}
    links = _environments(settings, lambda each: bool(each.spec.get("use_custom_domain_in_magic_link_emails")))
    using = tuple(name for name in settings if name in cookies or name in links)
    needing = " and ".join([*(["HttpOnly cookies"] if cookies else []), *(["links in mail"] if links else [])])
    modes = set(cookies.values())
    path = {"kind": "SDKConfig", "name": "default", "path": "cookies.http_only"}
    return Step(
        name="custom-domain",
        what=f"Move the custom domain{f', which {needing} need' if using else ', if there is one'}. A domain can "
        "belong to one project at a time, so choose the moment.",
        where=f"{dashboard}, Custom domains; and the domain's DNS",
        check={**path, "equals": modes.pop()} if len(modes) == 1 and using == tuple(cookies) else None,
        environments=_unless_all(using, settings) if using else (),
    )


def _oauth_providers(_settings: Settings, dashboard: str) -> Step:
    return Step(
        name="oauth-providers",
        what="Enter the credentials of each OAuth provider, and tell each provider the new callback URL. B2B has "
        "Google, Microsoft, GitHub, Slack and HubSpot. Users of any other provider need another way to sign in.",
        where=f"{dashboard}, OAuth; and each provider's console",
    )


def _webhooks(_settings: Settings, dashboard: str) -> Step:
    return Step(
        name="webhooks",
        what="Create each webhook again and give its signing secret to the service that receives it. B2B events are "
        "about members and organizations, not about users.",
        where=f"{dashboard}, Webhooks",
    )


def _connected_apps(settings: Settings, _dashboard: str) -> Step | None:
    where = _environments(settings, lambda each: each.kind == "ConnectedApp")
    if not where:
        return None
    return Step(
        name="connected-apps",
        what="Send the owners of the Connected Apps the new client_id, and the new secret if the app has one.",
        where="the owners of the apps; the secrets are in the credential store",
        environments=_unless_all(where, settings),
    )


def _applications(_settings: Settings, dashboard: str) -> Step:
    return Step(
        name="applications",
        what="Move your own applications to the B2B SDK, with the new project id, secret and public token.",
        where=f"your applications; ids and public tokens are in {dashboard}, API keys",
    )


STEPS: Final[Sequence[Callable[[Settings, str], Step | None]]] = (
    _fraud_prevention,
    _email_domain,
    _custom_domain,
    _oauth_providers,
    _webhooks,
    _connected_apps,
    _applications,
)


def _every(settings: Settings, kind: str) -> Iterator[tuple[str, Manifest]]:
    yield from ((name, each) for name, every in settings.items() for each in every if each.kind == kind)


def _environments(settings: Settings, holds: Callable[[Manifest], bool]) -> tuple[str, ...]:
    return tuple(name for name, every in settings.items() if any(holds(each) for each in every))


def _unless_all(names: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    return names if len(names) < len(settings) else ()


def _uses_fraud_prevention(setting: Manifest) -> bool:
    protected = setting.spec.get("dfppa", {}).get("enabled", "DISABLED")
    return setting.kind in ("DFPRule", "VerdictReasonOverride") or protected != "DISABLED"


def _http_only(setting: Manifest) -> str:
    return str(setting.spec.get("cookies", {}).get("http_only", "DISABLED"))


def _sender_domain(setting: Manifest) -> str:
    return str((setting.spec.get("sender_information") or {}).get("from_domain") or "")
