"""Run the emulator on a thread of this process, for tests and the demo."""

import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.emulator.core.behaviour import parse_switches
from reconciler.emulator.server import faults
from reconciler.emulator.server.app import App
from reconciler.emulator.server.limits import Limits
from reconciler.emulator.server.serve import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of an emulator. ``faults`` and ``behaviour`` are texts as on the command line."""

    port: int = 0
    database: Path | None = None
    users: Path | None = None
    rbac_policy: Path | None = None
    https: bool = False
    faults: Sequence[str] = ()
    behaviour: Sequence[str] = ()
    synthetic_users: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Running:
    """A running emulator: its app, its URL, and the environment variables for clients."""

    app: App
    url: str
    environment: dict[str, str]


def make(options: Options) -> App:
    """Return the app that ``options`` describe, without a socket.

    Raises:
        ValueError: with every invalid option and the reason.
        OSError: where a file cannot be read or written.
    """
    asked, limits = faults.parse(options.faults)
    behaviour = parse_switches(options.behaviour)
    try:
        app = App(options.database, behaviour)
    except sqlite3.Error as error:
        raise ValueError(f"{options.database}: cannot be opened as a database of the emulator: {error}") from error
    try:
        seed(app, options)
    except BaseException:
        app.close()
        raise
    app.faults, app.limits = faults.Faults(asked, options.seed), Limits(limits)
    return app


@contextmanager
def running(options: Options | None = None, app: App | None = None) -> Iterator[Running]:
    """Serve ``app``, or the app of ``options``, until the block ends. Then raise the first error of the app, if any."""
    options = options or Options()
    served = app or make(options)
    folder = Path(tempfile.mkdtemp(prefix="stytch-emulator-")) if options.https else None
    try:
        tls, trust = None, None
        if folder is not None:
            from reconciler.emulator.server.certificate import make as make_certificate

            tls, trust = make_certificate(folder)
        try:
            server = Server(served, options.port, tls)
        except (OSError, OverflowError) as error:
            raise ValueError(f"cannot listen on port {options.port}: {error}") from error
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="stytch-emulator")
        thread.start()
        try:
            yield Running(served, server.url, variables(served, server.url, trust))
        finally:
            server.close()
            thread.join()
        if server.failures:  # The client may have retried the 500 as a temporary fault.
            raise server.failures[0]
    finally:
        if app is None:
            served.close()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def variables(app: App, url: str, trust: Path | None = None) -> dict[str, str]:
    """Return the environment variables for clients, with the credentials of the test environments.

    A project that has been deleted has no variables.
    """
    values = {
        "STYTCH_WORKSPACE_KEY_ID": app.workspace.key_id,
        "STYTCH_WORKSPACE_KEY_SECRET": app.workspace.key_secret,
        "STYTCH_MANAGEMENT_BASE_URI": url,
        "STYTCH_API_URL": url,
        "STYTCH_TELEMETRY_URL": url,
        "RECONCILER_STATE": "none",  # what is tried out here was not applied to what a repository is about
    }
    known = [
        environment for environment in app.workspace.environments if environment.type == "test" and environment.secret
    ]
    for vertical, prefix in (("B2B", "STYTCH"), ("CONSUMER", "STYTCH_CONSUMER")):
        for environment in [environment for environment in known if environment.vertical == vertical][:1]:
            values[f"{prefix}_PROJECT_ID"] = environment.project_id
            values[f"{prefix}_SECRET"] = environment.secret
    if trust is not None:
        values |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(trust))
    return values


def seed(app: App, options: Options) -> None:
    """Load the initial data that ``options`` name.

    Raises:
        ValueError: with the invalid file and the reason.
    """
    from reconciler.emulator.core.rbac import set_policy
    from reconciler.emulator.seed.bulk import load_users
    from reconciler.emulator.seed.exports import read_policy, read_users
    from reconciler.emulator.seed.population import population

    if options.rbac_policy is not None:
        document = read_policy(options.rbac_policy)
        try:
            for environment in app.workspace.environments:
                if environment.vertical == "B2B":
                    set_policy(app.store, environment, document)
        except ValueError as error:
            raise ValueError(f"{options.rbac_policy}: {error}") from error
    if options.users is None and not options.synthetic_users:
        return
    consumer = app.workspace.environment("CONSUMER")
    if app.store.count(app.store.collection(consumer.project_id, "user")):
        return  # A database that is opened again keeps its users.
    if options.users is not None:
        try:
            load_users(app, consumer, read_users(options.users))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{options.users}: cannot be read as Stytch users: {error}") from error
    if options.synthetic_users:
        load_users(app, consumer, population(options.synthetic_users, options.seed))
