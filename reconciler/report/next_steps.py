"""The next step for withheld changes: one hint for every guard."""

from reconciler.model import GuardResult

_BY_NAME = "allow it in a Member manifest: ensure: absent, or lifecycle: {allow_loss: true}"
_NOT_SETTINGS = {
    "moved": "Stytch, the users or the files changed since the plan was made: "
    "plan again and have the new plan reviewed",
    "dependency": "is applied as soon as the resource it belongs to exists",
    "written from live": "an environment of `type: live` writes it: apply it there",
    "held": "fix the cause: the next plan lists it under its problems",
    "protect": "remove lifecycle.protect first, if the resource may be deleted",
    "allow_delete": "the delete cannot be undone: if it is intended, repeat the name as lifecycle.allow_delete",
    "unmanaged_members": "remove those members in Stytch first, or adopt them (members: {adopt: true})",
    "last_admin": f"make another member admin first, or {_BY_NAME}",
    "breakglass": _BY_NAME,
    "users": "plan again with a complete source of users: a JSON or JSON lines export, or a Consumer project",
}
_CHECK_FIRST = {
    "max_missing_users_percent": "check that no users are missing; ",
    "max_shrink_percent": "check that no users, table rows or rules are missing; ",
    "max_problems": "fix the problems below; ",
}


def next_step(guard: str, result: GuardResult | None, environment: str) -> str:
    """Return the hint that lets a guard's withheld changes through: what to fix, or which setting to raise to what."""
    if guard in _NOT_SETTINGS:
        return _NOT_SETTINGS[guard]
    if guard == "max_organization_loss_percent" and result:
        where = f"the manifest of Organization/{result.organization}"
        said = f"lifecycle: {{max_loss_percent: {result.needed}}}"
        return f"check the users; if all of it is intended, set {said} in {where}"
    setting = f"{guard}_per_organization" if result and result.organization else guard
    needed = result.needed if result else ""
    place = f"environments.{environment}.guards.{setting} in reconciler.yaml"
    to = f" to {needed}" if needed else ""
    return f"{_CHECK_FIRST.get(guard, '')}if all of it is intended, set {place}{to}"
