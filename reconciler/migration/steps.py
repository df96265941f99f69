"""The manual steps: what no API can move. Some are needed for settings in use, some for what no API shows."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from reconciler.migration.values import Everywhere
from reconciler.model import Json, Spec


class Step(Struct, frozen=True, kw_only=True):
    """One manual step. ``check`` shows whether the step is done; None where its status cannot be checked."""

    name: str
    what: str
    where: str
    check: Mapping[str, Json] | None = None
    environments: tuple[str, ...] = ()


class Settings(Struct, frozen=True):
    """The settings that the manifests declare, and every environment."""

    resources: Everywhere
    environments: Sequence[str]

    def of(self, kind: str) -> Iterator[tuple[str, str, Spec]]:
        """Yield the environment, name and spec of every resource of a kind."""
        for (other, name), specs in self.resources.items():
            if other == kind:
                yield from ((environment, name, spec) for environment, spec in specs.items())

    def only(self, used_in: Collection[str]) -> tuple[str, ...]:
        """Return these environments, in their order; () where they are all of them."""
        named = tuple(each for each in self.environments if each in used_in)
        return named if len(named) < len(self.environments) else ()


def manual_steps(settings: Settings, project: str) -> tuple[Step, ...]:
    """Return the steps of a project with these settings, in the recommended order."""
    dashboard = f"Stytch's dashboard, project {project}"
    steps = (
        _fraud_prevention(settings),
        _email_domain(settings, dashboard),
        _custom_domain(settings, dashboard),
        Step(
            name="oauth-providers",
            what="Enter the credentials of each OAuth provider, and tell each provider the new callback URL. B2B has "
            "Google, Microsoft, GitHub, Slack and HubSpot. Users of any other provider need another way to sign in.",
            where=f"{dashboard}, OAuth; and each provider's console",
        ),
        Step(
            name="webhooks",
            what="Create each webhook again and give its signing secret to the service that receives it. B2B events "
            "are about members and organizations, not about users.",
            where=f"{dashboard}, Webhooks",
        ),
        _connected_apps(settings),
        Step(
            name="applications",
            what="Move your own applications to the B2B SDK, with the new project id, secret and public token.",
            where=f"your applications; ids and public tokens are in {dashboard}, API keys",
        ),
    )
    return tuple(step for step in steps if step)


def _fraud_prevention(settings: Settings) -> Step | None:
    where = {environment for kind in ("DFPRule", "VerdictReasonOverride") for environment, _, _ in settings.of(kind)}
    for environment, _, spec in settings.of("SDKConfig"):
        if spec.get("dfppa", {}).get("enabled", "DISABLED") != "DISABLED":
            where.add(environment)
    if not where:
        return None
    return Step(
        name="fraud-prevention",
        what="Ask Stytch to enable fraud prevention (Device Fingerprinting). Without it Stytch refuses fraud rules and "
        "protected authentication.",
        where="Stytch's support",
        check={"kind": "DFPRule"},
        environments=settings.only(where),
    )


def _email_domain(settings: Settings, dashboard: str) -> Step | None:
    sending = [(name, spec) for _, name, spec in settings.of("EmailTemplate") if _sender_domain(spec)]
    if not sending:
        return None
    custom = [name for name, spec in sending if spec.get("custom_html_customization")]
    domains = {_sender_domain(spec) for _, spec in sending}
    path = {"kind": "EmailTemplate", "path": "sender_information.from_domain"}
    # A prebuilt template exists without the domain too, so it does not show that the domain is verified.
    check = {**path, "name": custom[0], "equals": domains.pop()} if custom and len(domains) == 1 else None
    return Step(
        name="email-domain",
        what="Verify the domain that mail is sent from. Without it Stytch refuses custom HTML and drops the sender.",
        where=f"{dashboard}, Email templates",
        check=check,
    )


def _custom_domain(settings: Settings, dashboard: str) -> Step:
    cookies = {
        each: mode
        for each, _, spec in settings.of("SDKConfig")
        if (mode := str(spec.get("cookies", {}).get("http_only", "DISABLED"))) != "DISABLED"
    }
    links = {each for each, _, spec in settings.of("Environment") if spec.get("use_custom_domain_in_magic_link_emails")}
    using = {*cookies, *links}
    needing = " and ".join([*(["HttpOnly cookies"] if cookies else []), *(["links in mail"] if links else [])])
    modes = set(cookies.values())
    path = {"kind": "SDKConfig", "name": "default", "path": "cookies.http_only"}
    return Step(
        name="custom-domain",
        what=f"Move the custom domain{f', which {needing} need' if using else ', if there is one'}. A domain can "
        "belong to one project at a time, so choose the moment.",
        where=f"{dashboard}, Custom domains; and the domain's DNS",
        check={**path, "equals": modes.pop()} if len(modes) == 1 and using == cookies.keys() else None,
        environments=settings.only(using),
    )


def _connected_apps(settings: Settings) -> Step | None:
    where = {environment for environment, _, _ in settings.of("ConnectedApp")}
    if not where:
        return None
    return Step(
        name="connected-apps",
        what="Send the owners of the Connected Apps the new client_id, and the new secret if the app has one.",
        where="the owners of the apps; the secrets are in the credential store",
        environments=settings.only(where),
    )


def _sender_domain(spec: Spec) -> str:
    return str((spec.get("sender_information") or {}).get("from_domain") or "")
