"""What Stytch would refuse of a change, as far as the plan's own data say so: it is held (docs/stytch.md, 4).

In: a change, and what is live of what it is about. Out: why Stytch would refuse it, field by field. A reason names no
person, so that reasons can be counted.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from msgspec import UNSET, json, structs

from reconciler.diff.member_pairs import MemberMatch
from reconciler.expressions.text import address_domain
from reconciler.model import MARK_KEY, FieldChange, Json, Live, LiveMember, Mark, Update
from reconciler.schema.kind import Kind
from reconciler.schema.types import METADATA_BYTES, METADATA_KEYS

METADATA: Final = ("trusted_metadata", "untrusted_metadata")
IDS: Final = 2 * len(
    '"organization":"organization-test-00000000-0000-4000-8000-000000000000",'
)  # that a mark lacks yet
MARK: Final = "mark"
WHOLE: Final = ("roles", MARK)  # what is refused because of these is refused whole

Reasons = Mapping[str, str]  # by field; that of the mark is "mark"


def refused(
    fields: Iterable[FieldChange], mark: Mark | None, address: str | None, live: LiveMember | None, match: MemberMatch
) -> Reasons:
    """Return why Stytch would refuse fields of a change, the ``address`` that it gives, or the mark."""
    after = {change.path: change.after for change in fields}
    slug, taken = match.desired.organization, match.policy.taken
    reasons: dict[str, str] = {}
    if address is not None and (reason := _refused_address(address, live, match)):
        reasons["email_address"] = reason
    for name in METADATA:
        ours = mark if name == "trusted_metadata" else None
        if (ours or any(path[0] == name for path in after)) and (
            reason := _refused_metadata(name, _metadata_after(name, after, live), ours)
        ):
            only_mark = not any(path[0] == name for path in after)
            reasons[MARK if only_mark else name] = reason
    if reason := _refused_method(after, live):
        reasons["default_mfa_method"] = reason
    if taken.roles is not None and (reason := _refused_roles(after.get(("roles",)), taken.roles, slug)):
        reasons["roles"] = reason
    return reasons


def accepted(change: Update, reasons: Reasons, live: LiveMember, match: MemberMatch) -> Update | None:
    """Return an update without what Stytch would refuse, None if nothing is left of it.

    One whose roles or mark would be refused is left whole: a mark must say which roles we gave.
    """
    kept = tuple(field for field in change.fields if field.path[0] not in reasons)
    left = refused(kept, change.mark, None, live, match)
    return None if {*reasons, *left} & {*WHOLE} or not (kept or change.mark) else structs.replace(change, fields=kept)


def _refused_address(address: str, live: LiveMember | None, match: MemberMatch) -> str:
    slug, claimed = match.desired.organization, match.policy.taken.claimed
    if live is not None and live.status != "active":
        return "its address cannot be changed, because Stytch changes only those of active members"
    claimer = claimed.get(address_domain(address) or "", slug) if claimed else slug
    if claimer != slug:
        return f"the domain of its address is claimed by the organization {claimer}, so it can be a member only there"
    holder = match.retired.get(address)
    if holder not in (None, live and live.member_id):
        return "another member had its address before, and Stytch keeps it for that one: unlink it there first"
    return ""


def _metadata_after(name: str, after: Mapping[tuple[str, ...], Json], live: LiveMember | None) -> dict[str, Json]:
    """Return metadata as they are once a change is made: key by key."""
    there: dict[str, Json] = {**((live and getattr(live, name)) or {})}
    for path, value in after.items():
        if path[0] == name:
            changed: dict[str, Any] = {path[1]: value} if path[1:] else value if isinstance(value, dict) else {}
            there.update(changed)
    return {key: value for key, value in there.items() if value is not None and value is not UNSET}


def refused_resource(kind: Kind, change: Update, live: Live) -> str:
    """Return why Stytch would refuse an update of anything but a member, "" if nothing is known against it."""
    after = dict(live.spec)
    for field in change.fields:
        name, *inner = field.path
        if inner:
            there = after.get(name)
            after[name] = {**(there if isinstance(there, dict) else {}), inner[0]: field.after}
        else:
            after[name] = None if field.after is UNSET else field.after
    changed = {field.path[0] for field in change.fields}
    reasons = [reason for fields, reason in kind.refuses(after) if changed & {*fields}]
    for name in METADATA:
        if name in kind.merged and (name in changed or (change.mark and name == "trusted_metadata")):
            metadata = {key: value for key, value in (after.get(name) or {}).items() if value not in (None, UNSET)}
            reasons.append(_refused_metadata(name, metadata, change.mark))
    return "; ".join(filter(None, reasons))


def _refused_metadata(name: str, metadata: dict[str, Json], mark: Mark | None) -> str:
    room = 0
    if mark:
        metadata[MARK_KEY] = mark.as_json()
        room = 0 if mark.member else IDS
    elif isinstance(there := metadata.get(MARK_KEY), dict):  # what it remembers is left out where there is no room
        metadata[MARK_KEY] = {key: value for key, value in there.items() if key != "written"}
    own = ", the reconciler's mark among them" if MARK_KEY in metadata else ""
    if len(metadata) > METADATA_KEYS:
        return f"its {name} would have more than the {METADATA_KEYS} keys that Stytch keeps{own}"
    if len(metadata) and len(json.encode(metadata)) + room > METADATA_BYTES:
        return f"its {name} would take more than the {METADATA_BYTES:,} bytes that Stytch keeps{own}"
    return ""


def _refused_method(after: Mapping[tuple[str, ...], Json], live: LiveMember | None) -> str:
    method = after.get(("default_mfa_method",))
    if method == "sms_otp":
        number = after.get(("mfa_phone_number",), live and live.mfa_phone_number)
        return "" if number not in (None, "", UNSET) else _without("sms_otp", "phone number")
    return (
        _without("totp", "authenticator app") if method == "totp" and not (live and live.totp_registration_id) else ""
    )


def _without(method: str, factor: str) -> str:
    return f"its default_mfa_method would be {method}, and it has no {factor}"


def _refused_roles(given: Json, roles: Mapping[str, frozenset[str]], slug: str) -> str:
    known: Collection[str] = roles.get("", frozenset()) | roles.get(slug, frozenset())
    missing = sorted(set(given) - set(known)) if isinstance(given, list) else []
    return f"its roles would include what does not exist in its organization: {', '.join(missing)}" if missing else ""
