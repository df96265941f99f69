"""A sentence for a chat: the JSON that Slack, Microsoft Teams and Mattermost take, sent to a URL that is a secret.

This is apart from the client of GitHub because nothing of it may reach a log: neither the URL nor an answer.
"""

from typing import Final
from urllib.parse import urlsplit

VARIABLE: Final = "RECONCILER_WEB_HOOK"
PATIENCE: Final = 10.0  # seconds
_OK: Final = 300
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def send(url: str, text: str) -> str:
    """Send a text once; return why it did not arrive, "" if it did."""
    import httpx

    try:
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        is_safe = False
    if not is_safe:
        return f"{VARIABLE} is not an https:// URL"
    try:
        answer = httpx.post(url, json={"text": text}, timeout=PATIENCE, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return f"it did not answer: {type(error).__name__}"
    return "" if answer.status_code < _OK else f"it answered {answer.status_code}"
