"""One request to GitHub's REST API at a time: asked again where that is safe, with a wait where GitHub asks for one."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from reconciler.errors import InvalidInput, Refused, Unreadable

if TYPE_CHECKING:
    import httpx

TRIES: Final = 5
LONGEST: Final = 120.0  # seconds of one wait; who must wait longer is told so
SECONDARY: Final = 60.0  # seconds, where a secondary limit names none
PAGE: Final = 100
PAGES: Final = 100
REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
T = TypeVar("T")

_OK: Final = 300
_FOUND: Final = 302
_MISSING: Final = 404
_GONE: Final = 410
_BUSY: Final = 500
_LIMITED: Final = (403, 429)


class Unclear(Unreadable):
    """Something was sent that must not be sent twice, and GitHub did not say what became of it."""


class Missing(Refused):
    """GitHub has no such thing, or shows it to nobody with this token."""


class Repository(Struct, frozen=True, kw_only=True):
    """A repository on GitHub and how it is reached."""

    http: "httpx.Client"
    name: str
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, needs: str = "") -> Any:
        """Return GitHub's answer; raises ``Refused``, with the permission it ``needs``, ``Unclear``, ``Unreadable``."""
        answer = self._answer(method, path, body, needs)
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise Unreadable(f"GitHub's answer to {method} {path} is no JSON", hint="run this again later") from None

    def get(self, path: str, needs: str, sort: type[T]) -> T:
        """Return something that GitHub has; raises what ``ask`` raises, and ``Unreadable`` unless it is of the sort."""
        return self._converted(path, self.ask("GET", path, needs=needs), sort)

    def listed(self, path: str, needs: str, sort: type[T], key: str = "", pages: int = PAGES) -> Iterator[T]:
        """Yield what a list holds, page by page; ``key`` is where the list is in the answer."""
        for row in self.rows(path, needs, key, pages):
            yield self._converted(path, row, sort)

    def download(self, path: str, needs: str, most: int) -> bytes:
        """Return what GitHub keeps elsewhere, of at most so many bytes; the token is not sent there."""
        import httpx

        for number in range(TRIES):
            place = self._answer("GET", path, None, needs, _FOUND).headers.get("location", "")
            if urlsplit(place).scheme not in {"https", self.http.base_url.scheme}:
                raise Unreadable(f"GitHub's answer to GET {path} does not say where it is", hint="run this again later")
            try:
                with httpx.stream("GET", place, timeout=self.http.timeout) as answer:
                    if answer.status_code < _OK:
                        return _limited(answer, path, most)
                    said = str(answer.status_code)
            except httpx.HTTPError as error:
                said = type(error).__name__
            if number + 1 < TRIES:
                self.sleep(2.0**number)
        raise Unreadable(f"what GitHub keeps for GET {path} cannot be downloaded, {TRIES} times: {said}")

    @staticmethod
    def _converted(path: str, data: Any, sort: type[T]) -> T:
        try:
            return msgspec.convert(data, sort)
        except msgspec.ValidationError as error:
            raise Unreadable(f"GitHub's answer to GET {path} is not as GitHub describes it: {error}") from error

    def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None, needs: str, status: int = 0
    ) -> "httpx.Response":
        import httpx

        wait: float | None
        for number in range(TRIES):
            try:
                answer = self.http.request(method, f"/repos/{self.name}{path}", json=body)
            except httpx.ConnectError as error:
                said, wait = type(error).__name__, 2.0**number
            except httpx.HTTPError as error:
                said, wait = type(error).__name__, 2.0**number
                if method == "POST":
                    raise Unclear(f"GitHub did not answer {method} {path}: {said}") from error
            else:
                if answer.status_code == status or (not status and answer.status_code < _OK):
                    return answer
                said, wait = str(answer.status_code), self._wait(answer, number)
                if answer.status_code >= _BUSY and method == "POST":
                    raise Unclear(f"GitHub answered {said} to {method} {path}")
                if wait is None:
                    raise self._refusal(method, path, answer.status_code, needs)
            if wait > LONGEST:
                raise Unreadable(
                    f"GitHub asks to wait {wait:.0f} s before {method} {path}", hint="run this again later"
                )
            if number + 1 < TRIES:
                self.sleep(wait)
        raise Unreadable(f"GitHub did not answer {method} {path} of {self.name}, {TRIES} times: {said}")

    def _refusal(self, method: str, path: str, status: int, needs: str) -> Refused:
        """Return why there is no answer: GitHub says 404 where a token may not even know that something is there."""
        permission = f"the job's token needs `permissions: {{{needs}}}`" if needs else ""
        said = f"GitHub refused {method} {path} of {self.name} with {status}"
        if status in (_MISSING, _GONE):
            return Missing(said, hint=f"it is gone, or {permission}" if permission else "it is gone")
        return Refused(said, hint=permission)

    def rows(self, path: str, needs: str, key: str = "", pages: int = PAGES) -> Iterator[dict[str, Any]]:
        """Yield what a list holds as GitHub says it, page by page."""
        joined = "&" if "?" in path else "?"
        for page in range(1, pages + 1):
            data = self.ask("GET", f"{path}{joined}per_page={PAGE}&page={page}", needs=needs)
            rows = data.get(key) if key and isinstance(data, dict) else data
            if not isinstance(rows, list):
                raise Unreadable(f"GitHub's answer to GET {path} is no list", hint="run this again later")
            yield from rows
            if len(rows) < PAGE:
                return

    def _wait(self, answer: "httpx.Response", number: int) -> float | None:
        """Return how long to wait before the next try, None where that would be refused too."""
        if answer.status_code >= _BUSY:
            return 2.0**number
        if answer.status_code not in _LIMITED:
            return None
        if (after := answer.headers.get("retry-after", "")).isdigit():
            return float(after)
        if answer.headers.get("x-ratelimit-remaining") == "0":
            reset = answer.headers.get("x-ratelimit-reset", "")
            return max(1.0, float(reset) - self.now()) if reset.isdigit() else SECONDARY
        return SECONDARY if answer.status_code != _LIMITED[0] or "secondary rate" in answer.text else None


def _limited(answer: "httpx.Response", path: str, most: int) -> bytes:
    content = bytearray()
    for block in answer.iter_bytes():
        content += block
        if len(content) > most:
            raise Unreadable(f"what GitHub keeps for GET {path} is larger than {most:,} bytes")
    return bytes(content)


def open_repository(environ: Mapping[str, str] = os.environ) -> Repository:
    """Return the repository that a job of GitHub Actions runs in; raises ``InvalidInput``."""
    import httpx

    token, name = environ.get("GITHUB_TOKEN", ""), environ.get("GITHUB_REPOSITORY", "")
    if not token or not REPOSITORY.fullmatch(name):
        hint = "both are set in GitHub Actions, the token as `env: {GITHUB_TOKEN: ${{ github.token }}}`"
        raise InvalidInput("GITHUB_TOKEN and GITHUB_REPOSITORY (OWNER/NAME) are needed", hint=hint)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    headers |= {"X-GitHub-Api-Version": "2022-11-28", "User-Agent": "stytch-reconciler"}
    url = environ.get("GITHUB_API_URL") or "https://api.github.com"
    return Repository(http=httpx.Client(base_url=url, headers=headers, timeout=30), name=name)
