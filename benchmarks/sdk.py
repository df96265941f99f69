"""What the vendor's SDK costs for a create of a member: ``python sdk.py RATE`` prints CPU seconds a call as JSON.

It sends them one after the other over one connection, at a rate: whoever sleeps between two calls pays for waking up,
and so does the reconciler.
"""

import json
import os
import sys
import time
import warnings

import requests
from stytch import B2BClient

CALLS = 1_000


def main() -> None:
    """Make members in the first organization of an emulator, and measure."""
    interval = 1 / float(sys.argv[1])
    url = f"{os.environ['STYTCH_API_URL']}/"
    project, secret = os.environ["STYTCH_PROJECT_ID"], os.environ["STYTCH_SECRET"]
    warnings.simplefilter("ignore", DeprecationWarning)
    client = B2BClient(
        project_id=project, secret=secret, environment=url, fraud_environment=url, sync_session=requests.Session()
    )
    organization = client.organizations.search(limit=1).organizations[0].organization_id
    began, used = time.monotonic(), time.process_time()
    for number in range(CALLS):
        time.sleep(max(0.0, began + number * interval - time.monotonic()))
        client.organizations.members.create(
            organization_id=organization,
            email_address=f"sdk-{number}@org-0.example",
            external_id=f"user-test-sdk-{number}",
            trusted_metadata={"reconciler": {"v": 1, "owner": "benchmark", "organization": organization}},
        )
    print(json.dumps({"call": (time.process_time() - used) / CALLS}))


if __name__ == "__main__":
    main()
