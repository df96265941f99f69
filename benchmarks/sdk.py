"""What the vendor's SDK alone costs for a create of a member: ``python sdk.py`` prints CPU seconds a call as JSON.

``builds`` is the request only, which is what the reconciler uses of it; ``parses`` is its own way with the answer.
"""

import json
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import requests
from stytch import B2BClient

CALLS = 2_000
ROUNDS = 3


class Sent(Exception):
    """The request is built; nothing is sent."""


class Session(requests.Session):
    """Takes requests, and gives one answer to all of them, or none."""

    answer: requests.Response | None = None

    def request(self, *_: Any, **__: Any) -> requests.Response:
        """Return the answer."""
        if self.answer is None:
            raise Sent
        return self.answer


def main() -> None:
    """Make a member in an emulator, for a true answer; then measure."""
    url = f"{os.environ['STYTCH_API_URL']}/"
    project, secret = os.environ["STYTCH_PROJECT_ID"], os.environ["STYTCH_SECRET"]
    warnings.simplefilter("ignore", DeprecationWarning)
    session = Session()
    real, stub = (
        B2BClient(project_id=project, secret=secret, environment=url, fraud_environment=url, sync_session=each)
        for each in (requests.Session(), session)
    )
    organization = real.organizations.search(limit=1).organizations[0].organization_id
    arguments = {
        "organization_id": organization,
        "email_address": "sdk@org-0.example",
        "external_id": "user-test-sdk",
        "trusted_metadata": {"reconciler": {"v": 1, "owner": "benchmark", "organization": organization}},
    }
    made = real.organizations.members.create(**arguments)
    body = made.model_dump_json().encode()

    def builds() -> None:
        try:
            stub.organizations.members.create(**arguments)
        except Sent:
            return

    built = least(builds)
    session.answer = requests.Response()
    session.answer.status_code, session.answer._content = 200, body  # noqa: SLF001 # as requests fills it
    both = least(lambda: stub.organizations.members.create(**arguments))
    print(json.dumps({"builds": built, "parses": both - built, "bytes": len(body)}))


def least(call: Callable[[], object]) -> float:
    """Return the CPU seconds of a call, in the fastest of some rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            call()
        times.append(time.process_time() - began)
    return min(times) / CALLS


if __name__ == "__main__":
    main()
