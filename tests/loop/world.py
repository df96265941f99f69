"""A repository on GitHub, as far as its workflows see it: a remote of git, the REST API, events, people, and a Stytch.

act chains no events and enforces nothing: here each event is sent in turn, and each job gets a token that may do what
its workflow declares, and the secrets of its environment alone. A job for a pull request from a fork gets no secret and
a token that may only read. What is left to GitHub: environments that ask a reviewer, concurrency, and schedules.
"""

import base64
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count, groupby
from pathlib import Path
from typing import Any

import httpx

from reconciler.emulator.seed.running import Running, running
from tests.github.stand_in import REPOSITORY, GitHub, github
from tests.history.http_remote import HttpRemote
from tests.history.worlds import cloned, commit, git
from tests.loop.runner import Job, Ran, jobs_for, our_action, prepare
from tests.loop.runner import run as run_job

CANARY = "ghs_c4nary{number:030d}"
STRANGER = "eve"  # who has a fork
ADDRESSED = ("STYTCH_MANAGEMENT_BASE_URI", "STYTCH_API_URL", "STYTCH_TELEMETRY_URL")


@dataclass(frozen=True)
class Pull:
    """A pull request: its branch as a clone of its own."""

    number: int
    branch: str
    folder: Path
    is_fork: bool = False


@dataclass(frozen=True)
class Queued:
    """The runs that an event starts, each with its jobs."""

    event: str
    payload: Mapping[str, Any]
    checkout: Path
    runs: tuple[tuple[dict[str, Any], tuple[Job, ...]], ...]
    at: str
    ref: str
    is_fork: bool


@dataclass
class World:
    """What is on GitHub and in Stytch. ``ran`` keeps every job, in order."""

    folder: Path
    there: GitHub
    stytch: Running
    remote: HttpRemote
    is_private: bool = True
    tools: Path = Path()
    action: Path = Path()
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    pulls: list[Pull] = field(default_factory=list)
    ran: list[Ran] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))  # of jobs
    started: Callable[[int], None] = lambda _: None  # is told the process of each job

    @property
    def bare(self) -> Path:
        return self.folder / "remote" / REPOSITORY

    def main(self, files: Mapping[str, str] | None = None, message: str = "change") -> str:
        """Return the head of the default branch; where files are given, after a push of them."""
        if files is not None:
            people = self.people
            commit(people, files, message)
            git(people, "push", "--quiet", "origin", "HEAD:main")
        return git(self.bare, "rev-parse", "refs/heads/main")

    @property
    def people(self) -> Path:
        """A clone with the default branch as it is now, from which people push."""
        people = self.folder / "people"
        if not people.exists():
            cloned(self.bare, people)
            git(people, "checkout", "--quiet", "-B", "main")
        if git(self.bare, "for-each-ref", "refs/heads/main"):
            git(people, "fetch", "--quiet", "origin", "main")
            git(people, "reset", "--quiet", "--hard", "FETCH_HEAD")
        return people

    def open(self, branch: str, files: Mapping[str, str], *, is_fork: bool = False) -> Pull:
        """Open a pull request against the default branch."""
        number = len(self.pulls) + 1
        pull = Pull(number, branch, cloned(self.bare, self.folder / f"pull-{number}", "--branch=main"), is_fork)
        git(pull.folder, "checkout", "--quiet", "-b", branch)
        self.pulls.append(pull)
        repo = f"{STRANGER}/{REPOSITORY.partition('/')[2]}" if is_fork else REPOSITORY
        self.there.pull({"ref": branch, "sha": "", "repo": repo})
        self.update(pull, files)
        return pull

    def update(self, pull: Pull, files: Mapping[str, str]) -> str:
        """Push a commit to a pull request; return it."""
        head = commit(pull.folder, files, f"change {pull.branch}")
        git(pull.folder, "push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{pull.number}/head")
        if not pull.is_fork:
            git(pull.folder, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{pull.branch}")
        self.row(pull)["head"]["sha"] = head
        return head

    def row(self, pull: Pull) -> dict[str, Any]:
        """Return a pull request as GitHub's API shows it."""
        return self.there.pulls[pull.number - 1]

    def merge(self, *pulls: Pull, squash: bool = False) -> str:
        """Merge pull requests, as GitHub's buttons and its queue do; return the last commit."""
        for pull in pulls:
            before = self.main()
            at = self._merged([pull], squash=squash)
            git(self.bare, "update-ref", "refs/heads/main", at)
            self.there.brought[pull.number] = set(git(self.bare, "rev-list", f"{before}..{at}").split())
            when = {"merged": True, "merged_at": "2026-12-01T12:00:00Z"}
            self.row(pull).update(state="closed", merge_commit_sha=at, **when)
        return self.main()

    def _merged(self, pulls: Sequence[Pull], *, squash: bool = False) -> str:
        """Return the merge of pull requests into what the default branch is now."""
        scratch = self.folder / "merging"
        shutil.rmtree(scratch, ignore_errors=True)
        cloned(self.bare, scratch, "--branch=main")
        for pull in pulls:
            message = f"Merge pull request #{pull.number} from {pull.branch}"
            git(scratch, "fetch", "--quiet", "origin", f"refs/pull/{pull.number}/head")
            if squash:
                git(scratch, "merge", "--quiet", "--squash", "FETCH_HEAD")
                git(scratch, "commit", "--quiet", "--message", f"{pull.branch} (#{pull.number})")
            else:
                git(scratch, "merge", "--quiet", "--no-ff", "--message", message, "FETCH_HEAD")
        git(scratch, "push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{pulls[-1].number}/merge")
        return git(scratch, "rev-parse", "HEAD")

    def pull_request(self, pull: Pull) -> list[Ran]:
        """Send the event of a pull request that was opened or updated; return the jobs that ran."""
        return self.work(self.queued(pull))

    def queued(self, pull: Pull) -> Queued:
        """Return the same event, queued with what the pull request is now: others may run before it does."""
        row = self.row(pull)
        head = {"ref": pull.branch, "sha": row["head"]["sha"], "repo": row["head"]["repo"]}
        about = {"number": pull.number, "head": head, "base": {"ref": "main", "sha": self.main()}}
        ref = f"refs/pull/{pull.number}/merge"
        payload = {"action": "synchronize", "number": pull.number, "pull_request": about}
        return self.queue("pull_request", payload, self._merged([pull]), ref=ref, is_fork=pull.is_fork)

    def merge_group(self, *pulls: Pull) -> list[Ran]:
        """Send the event of a merge queue that is about to merge pull requests."""
        at = self._merged(pulls)
        ref = f"refs/heads/gh-readonly-queue/main/pr-{pulls[-1].number}-{self.main()}"
        group = {"head_sha": at, "head_ref": ref, "base_sha": self.main(), "base_ref": "refs/heads/main"}
        payload = {"action": "checks_requested", "merge_group": group}
        return self.work(self.queue("merge_group", payload, at, ref=ref))

    def completed(self, ran: Ran, by: str) -> list[Ran]:
        """Send the event that a run is over, which somebody had started."""
        row = next(row for row in self.there.runs if row["id"] == ran.run)
        payload = {"action": "completed", "workflow_run": {**row, "actor": {**row["actor"], "login": by}}}
        return self.work(self.queue("workflow_run", payload, self.main()))

    def pushed(self) -> list[Ran]:
        """Send the event of a push to the default branch."""
        return self.work(self.pushing())

    def pushing(self) -> Queued:
        """Return the same event, queued with what the branch is now."""
        at = self.main()
        return self.queue("push", {"ref": "refs/heads/main", "after": at, "deleted": False}, at)

    def scheduled(self, workflow: str) -> list[Ran]:
        """Let a workflow's hour come."""
        return self.work(self.queue("schedule", {"schedule": "23 5 * * *"}, self.main(), workflow))

    def dispatched(self, workflow: str, **inputs: str) -> list[Ran]:
        """Start a workflow by hand."""
        payload = {"ref": "refs/heads/main", "inputs": inputs}
        return self.work(self.queue("workflow_dispatch", payload, self.main(), workflow))

    def queue(
        self,
        event: str,
        payload: Mapping[str, Any],
        at: str,
        only: str = "",
        *,
        ref: str = "refs/heads/main",
        is_fork: bool = False,
    ) -> Queued:
        """Queue the runs that an event starts, by the workflows of a commit."""
        repository = {"full_name": REPOSITORY, "private": self.is_private, "default_branch": "main"}
        self.there.is_private = self.is_private
        checkout = self.folder / "workflows" / at
        if not checkout.exists():
            git(self.folder, "init", "--quiet", str(checkout))
            git(checkout, "fetch", "--quiet", f"file://{self.bare}", at)
            git(checkout, "checkout", "--quiet", "--detach", at)
        pull = payload.get("pull_request")
        head: dict[str, Any] = pull["head"] if pull else {"ref": ref.removeprefix("refs/heads/"), "sha": at}
        of_run = {"ref": head["ref"], "sha": head["sha"], "repo": head.get("repo", {}).get("full_name", "")}
        runs = []
        for file, jobs in groupby(jobs_for(event, checkout, only), lambda job: job.file):
            run = self.there.run(event, of_run, workflow=file.name, status="queued", conclusion=None)
            runs.append((run, tuple(jobs)))
        assert runs, f"no workflow of {at} runs on {event}"
        return Queued(event, {**payload, "repository": repository}, checkout, tuple(runs), at, ref, is_fork)

    def work(self, queued: Queued) -> list[Ran]:
        """Run what an event queued; return the jobs."""
        done = []
        for run, jobs in queued.runs:
            run.update(status="in_progress")
            ran = [self._run(job, queued, run) for job in jobs]
            run.update(status="completed", conclusion="failure" if any(each.code for each in ran) else "success")
            done += ran
        self.ran += done
        return done

    def _run(self, job: Job, queued: Queued, run: Mapping[str, Any]) -> Ran:
        """Run a job with what it may know, and take what it uploads."""
        number = next(self.numbers)
        token = CANARY.format(number=number)
        may = job.permissions
        self.there.tokens[token] = dict.fromkeys(may, "read") if queued.is_fork else may
        artifacts = self.folder / "artifacts"
        known = {
            "GITHUB_API_URL": self.there.url,
            "GITHUB_SERVER_URL": self.remote.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REF": queued.ref,
            "SHA_REF": queued.at,  # as act calls it
            "GITHUB_RUN_ID": str(run["id"]),
            "GITHUB_RUN_NUMBER": str(run["id"]),
            "GITHUB_RUN_ATTEMPT": "1",
            "LOOP_ARTIFACTS": str(artifacts),
            **{name: self.stytch.environment[name] for name in ADDRESSED},
        }
        ran = run_job(
            job,
            queued.event,
            queued.payload,
            checkout=queued.checkout,
            scratch=self.folder / "runs" / str(number),
            tools=self.tools,
            action=self.action,
            variables=known,
            secrets={"GITHUB_TOKEN": token, **({} if queued.is_fork else self.environments.get(job.environment, {}))},
            settings={} if queued.is_fork or job.environment not in self.environments else self.variables,
            started=self.started,
        )
        for archive in sorted(artifacts.joinpath(str(run["id"])).glob("*.zip")):
            with zipfile.ZipFile(archive) as opened:
                content = {name: opened.read(name) for name in opened.namelist()}
            self.there.artifact(archive.stem, dict(run), content)
            archive.rename(archive.with_suffix(".taken"))
        return replace(ran, run=int(run["id"]))

    def by_hand(self, path: str, **values: Any) -> None:
        """Change something in Stytch, behind git's back."""
        known = self.stytch.environment
        account = known["STYTCH_PROJECT_ID"], known["STYTCH_SECRET"]
        httpx.put(f"{self.stytch.url}/v1/b2b/{path}", auth=account, json=values).raise_for_status()

    def live(self, path: str) -> dict[str, Any]:
        """Return what is in Stytch."""
        known = self.stytch.environment
        account = known["STYTCH_PROJECT_ID"], known["STYTCH_SECRET"]
        found: dict[str, Any] = httpx.get(f"{self.stytch.url}/v1/b2b/{path}", auth=account).raise_for_status().json()
        return found

    def told(self) -> str:
        """Return what may name nobody: logs, summaries, comments, issues, and artifacts that everybody can download."""
        seen = [ran.log + ran.summary for ran in self.ran]
        seen.append(json.dumps([self.there.comments, self.there.issues]))
        for archive in () if self.is_private else self.folder.glob("artifacts/*/*.taken"):
            with zipfile.ZipFile(archive) as opened:
                seen += [opened.read(name).decode(errors="replace") for name in opened.namelist()]
        return "\n".join(seen)


@contextmanager
def world(folder: Path, *, is_private: bool = True, is_installed: bool = True) -> Iterator[World]:
    """Make a repository on GitHub that is empty, and an empty project in Stytch."""
    bare = folder / "remote" / REPOSITORY
    bare.mkdir(parents=True)
    git(bare, "init", "--quiet", "--bare", "--initial-branch=main")
    for name in ("http.receivepack", "uploadpack.allowAnySHA1InWant"):
        git(bare, "config", name, "true")
    with github() as there, running() as stytch:
        permitted = there.tokens

        def answer(given: str, writes: bool) -> int:  # noqa: FBT001 # as the remote asks it
            token = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")[2]
            if token not in permitted:
                return 401
            may = permitted[token].get("contents", "")
            return 200 if may == "write" or (may and not writes) else 403

        with HttpRemote(folder / "remote", answer) as remote:
            tools = prepare(folder / "tools", is_installed=is_installed)
            yield World(folder, there, stytch, remote, is_private, tools, our_action(folder / "our-action"))
