"""The users that the rules read: those of a file, or those of the live Consumer project."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from reconciler.clients.b2b import Client
from reconciler.clients.kept import Kept, Malformed
from reconciler.config.checks import OTHER_TYPE
from reconciler.config.read import Config
from reconciler.errors import Refused, Unreadable
from reconciler.model import Json, Position, Target, type_of
from reconciler.read.live import unreadable
from reconciler.read.members import IN_FLIGHT
from reconciler.rules.rule import Rules
from reconciler.sources.users import Decoder, MalformedUser, User, UserStream, read_users

USER_FIELDS: Final = frozenset(
    {
        *("user_id", "emails", "phone_numbers", "providers", "webauthn_registrations", "biometric_registrations"),
        *("totps", "crypto_wallets", "password", "name", "status", "roles", "is_locked", "lock_created_at"),
        *("lock_expires_at", "trusted_metadata", "untrusted_metadata", "external_id", "created_at"),
    }
)


def open_users(
    config: Config,
    rules: Rules,
    client: Client | None,
    fields: frozenset[str] = frozenset(),
    target: Target | None = None,
) -> UserStream | None:
    """Open the source that the rules read: a file, a Consumer project, or none; ``fields`` are read besides.

    Nobody is asked for where a plan, which is for ``target``, has no rule to send users through. Raises ``Refused``
    where the project is not the one that the file names, or not of the target's type.
    """
    if config.users is None:
        return None
    if client is not None and client.kept:
        return kept_users(config, rules, client, client.kept, target)
    if config.users.file is None and client is not None:
        if target and not rules.rules:
            return None
        check_consumer(config, client.consumer_project_id, target)
        return consumer_users(client, rules.user_fields | fields)
    return read_users(config.users, rules.user_fields | fields)


def check_consumer(config: Config, consumer: str, target: Target | None = None) -> None:
    """Refuse users of another Consumer project than the file names, or of one of the other type than the target.

    ``consumer`` is the id of the one that the credentials open, "" if there are none; another check reports that.
    """
    source = config.users
    if source is None or source.file is not None or not consumer:
        return
    if source.project_id and source.project_id != consumer:
        raise Refused(
            f"the users are those of {consumer}, but environment {config.environment} names {source.project_id}",
            hint="set STYTCH_CONSUMER_PROJECT_ID and STYTCH_CONSUMER_SECRET to those of that project, or fix "
            f"environments.{config.environment}.users.consumer.project_id",
        )
    sort = config.target.type if target is None or not target.is_there else "live" if target.is_live else "test"
    if type_of(consumer) != sort and not source.any_type:
        raise Refused(
            f"the users are those of {consumer}, a {type_of(consumer)} project, and the target is of type {sort}: "
            "test users must not become live members, and live users must not become test members",
            hint=OTHER_TYPE,
        )


def consumer_users(client: Client, fields: frozenset[str]) -> UserStream:
    """Read the users of the Consumer project with these fields, streamed; raises ``Unreadable`` on the way."""
    stream = UserStream((), fields - USER_FIELDS)
    stream.batches = _users(client, fields, stream.note_uncounted)
    return stream


def kept_users(config: Config, rules: Rules, client: Client, kept: Kept, target: Target | None) -> UserStream | None:
    """Return the users that somebody kept; raises ``Unreadable`` where the rules need some and there are none."""
    if not rules.rules and config.users and config.users.file is None:
        return None
    check_consumer(config, client.consumer_project_id, target)
    batches = kept.users()
    if batches is None:
        raise Unreadable("the snapshot has no users", hint="take a new one once a rule that reads users is merged")
    asked = rules.user_fields & kept.user_fields
    stream = UserStream((), asked - USER_FIELDS)
    stream.batches = _kept(batches, Decoder(asked | {"user_id", "emails"}), kept, stream)
    return stream


def _kept(
    batches: Iterable[Sequence[Json | Malformed]], decoder: Decoder, kept: Kept, stream: UserStream
) -> Iterator[list[User | MalformedUser]]:
    for batch in batches:
        yield [
            MalformedUser(*one) if isinstance(one, tuple) else decoder.record(one, Position("the snapshot", 1))
            for one in batch
        ]
    stream.why_no_deletes = stream.why_no_deletes or kept.why_no_deletes


def missed_users(client: Client, user_ids: Sequence[str]) -> tuple[str, ...]:
    """Return those of these users that the Consumer project has, asking for each; raises ``Unreadable``."""
    pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="read")
    try:
        with unreadable("Consumer users"):
            there = pool.map(client.has_user, user_ids)
            return tuple(user_id for user_id, is_there in zip(user_ids, there, strict=True) if is_there)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # who is interrupted does not wait for a pause to end


def _users(
    client: Client, fields: frozenset[str], uncounted: Callable[[], None]
) -> Iterator[list[User | MalformedUser]]:
    decoder = Decoder(fields | {"user_id", "emails"})
    count = 0
    with unreadable("Consumer users"):
        for page in client.search_users(uncounted):
            try:
                users: list[User | MalformedUser] = [*decoder.array(b"[" + b",".join(page) + b"]")]
            except (msgspec.ValidationError, RecursionError):
                users = [
                    decoder.text(bytes(row), Position("the Consumer project", count + index))
                    for index, row in enumerate(page, 1)
                ]
            count += len(users)
            yield users
    if not count:
        raise Unreadable(
            "the Consumer project has no user", hint="an empty source is refused, because it could lead to deletes"
        )
