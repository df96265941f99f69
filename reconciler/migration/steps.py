"""What no API can move and a person must: what is known to be in use, and what nobody can tell from outside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from reconciler.migration.values import Setting
from reconciler.model import Json

Settings = Mapping[str, Sequence[Setting]]  # by environment


class Step(Struct, frozen=True, kw_only=True):
    """One such step; ``check`` is what betrays that it was done, if anything does."""

    name: str
    what: str
    where: str
    check: Mapping[str, Json] | None = None
    environments: tuple[str, ...] = ()


def manual_steps(settings: Settings, project: str) -> tuple[Step, ...]:
    """Give the steps of a project with these settings, in the order in which they are best done."""
    dashboard = f"Stytch's dashboard, project {project}"
    return tuple(step for make in STEPS if (step := make(settings, dashboard)))


def _fraud_prevention(settings: Settings, _dashboard: str) -> Step | None:
    where = _environments(settings, _uses_fraud_prevention)
    if not where:
        return None
    return Step(
        name="fraud-prevention",
        what="Have Stytch enable fraud prevention (Device Fingerprinting); without it fraud rules and protected "
        "authentication are refused.",
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
    # A template of Stytch's own is there without the domain, and so betrays nothing.
    check = {**path, "name": custom[0].name, "equals": domains.pop()} if custom and len(domains) == 1 else None
    return Step(
        name="email-domain",
        what="See that the domain that mail is sent from is verified; without it Stytch refuses HTML of your own, and "
        "drops the sender.",
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
        what=f"Move the domain of your own{f', which {needing} need' if using else ', if there is one'}. It leads to "
        "one project at a time, so choose when.",
        where=f"{dashboard}, Custom domains; and the domain's DNS",
        check={**path, "equals": modes.pop()} if len(modes) == 1 and using == tuple(cookies) else None,
        environments=_unless_all(using, settings) if using else (),
    )


def _oauth_providers(_settings: Settings, dashboard: str) -> Step:
    return Step(
        name="oauth-providers",
        what="Enter the credentials of each OAuth provider, and tell each provider the new callback URL. B2B has "
        "Google, Microsoft, GitHub, Slack and HubSpot; whoever signs in with another needs another way.",
        where=f"{dashboard}, OAuth; and each provider's console",
    )


def _webhooks(_settings: Settings, dashboard: str) -> Step:
    return Step(
        name="webhooks",
        what="Make each webhook anew and give its signing secret to whoever receives it. The events are those of "
        "members and organizations, not of users.",
        where=f"{dashboard}, Webhooks",
    )


def _connected_apps(settings: Settings, _dashboard: str) -> Step | None:
    where = _environments(settings, lambda each: each.kind == "ConnectedApp")
    if not where:
        return None
    return Step(
        name="connected-apps",
        what="Give the people who run the Connected Apps their new client_id, and their new secret if they have one.",
        where="the people who run them; the secrets are in the credential store",
        environments=_unless_all(where, settings),
    )


def _applications(_settings: Settings, dashboard: str) -> Step:
    return Step(
        name="applications",
        what="Move your own applications to the B2B SDK, with the new project id, secret and public token.",
        where=f"the applications; ids and public tokens are in {dashboard}, API keys",
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


def _every(settings: Settings, kind: str) -> Iterator[tuple[str, Setting]]:
    yield from ((name, each) for name, every in settings.items() for each in every if each.kind == kind)


def _environments(settings: Settings, holds: Callable[[Setting], bool]) -> tuple[str, ...]:
    return tuple(name for name, every in settings.items() if any(holds(each) for each in every))


def _unless_all(names: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    return names if len(names) < len(settings) else ()


def _uses_fraud_prevention(setting: Setting) -> bool:
    protected = setting.spec.get("dfppa", {}).get("enabled", "DISABLED")
    return setting.kind in ("DFPRule", "VerdictReasonOverride") or protected != "DISABLED"


def _http_only(setting: Setting) -> str:
    return str(setting.spec.get("cookies", {}).get("http_only", "DISABLED"))


def _sender_domain(setting: Setting) -> str:
    return str((setting.spec.get("sender_information") or {}).get("from_domain") or "")
