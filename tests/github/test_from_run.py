"""What a run of a fork's pull request uploaded → a comment that we wrote, on the right pull request, as advice."""

from collections.abc import Iterator

import pytest

from reconciler.commands.cli import cli
from reconciler.errors import InvalidInput, ReconcilerError, Refused
from reconciler.github.client import Repository
from reconciler.github.from_run import comments_of
from reconciler.model import Create, FieldChange
from tests.github.stand_in import REPOSITORY, GitHub, Row, github
from tests.github.worlds import ACME, plan_file, planned, repository_of

FORK: Row = {"ref": "main", "sha": "b" * 40, "repo": "eve/identity"}
BAIT = "@ann <!-- stytch-reconciler: live --> ::error::x [a](http://evil.example) eve@globex.example"


@pytest.fixture
def there() -> Iterator[GitHub]:
    with github() as found:
        yield found


@pytest.fixture
def repository(there: GitHub) -> Iterator[Repository]:
    found = repository_of(there)
    with found.http:
        yield found


def test_the_pull_request_of_the_run_gets_a_comment_that_is_advice(there: GitHub, repository: Repository) -> None:
    there.pull({**FORK, "repo": "mallory/identity"})  # another fork, whose branch has the same name
    there.pull({**FORK, "sha": "c" * 40})
    there.pull(FORK)
    bait = Create(kind="Organization", name="acme", fields=(FieldChange(path=("organization_name",), after=BAIT),))
    planned(there, FORK, plan_file(bait))
    planned(there, FORK, b"of another run", "test")
    pull, ((environment, body),) = comments_of(repository, 1)
    assert pull
    assert (pull.number, environment) == (3, "live")
    assert "**Advisory**" in body
    first, *others = body.splitlines()
    assert first.endswith(f"commit={FORK['sha']} order=1 -->")
    assert not [line for line in others if line.startswith("<!--")]
    assert "eve@globex.example" not in body


@pytest.mark.parametrize("about", [{"state": "closed"}, {"head": {**FORK, "sha": "c" * 40}}])
def test_a_pull_request_that_moved_on_gets_none(there: GitHub, repository: Repository, about: Row) -> None:
    fields = dict(about)
    there.pull(fields.pop("head", FORK), **fields)
    planned(there, FORK, plan_file(ACME))
    assert comments_of(repository, 1) == (None, ())


@pytest.mark.parametrize(
    ("content", "environment", "why"),
    [
        (b"", "live", "neither a plan"),
        (b"[" * 100_000, "live", "neither a plan"),
        (b'{"changes": [], "environment": "live"}', "live", "is not a plan"),
        (b'{"problems": []}', "live", "holds no plan"),
        (plan_file(ACME), "test", "a plan of another environment"),
        (plan_file(ACME).replace(b'"Organization"', b'"Nonsense"'), "live", "was changed|a kind that there is not"),
        (plan_file(ACME).replace(b"acme", b"evil"), "live", "was changed"),
        (b" " * (129 << 20), "live", "larger than"),
    ],
    ids=["empty", "deep", "lacking", "problems", "environment", "kind", "forged", "bomb"],
)
def test_what_is_no_plan_is_refused(
    there: GitHub, repository: Repository, content: bytes, environment: str, why: str
) -> None:
    there.pull(FORK)
    planned(there, FORK, content, environment)
    with pytest.raises(ReconcilerError, match=why):
        comments_of(repository, 1)


def test_only_runs_of_pull_requests_are_taken(there: GitHub, repository: Repository) -> None:
    there.run("push", FORK)
    with pytest.raises(Refused, match="a run of push"):
        comments_of(repository, 1)
    there.pull(FORK)
    run = there.run("pull_request", FORK)
    for number in range(11):
        there.artifact(f"reconciler-plan-{number}", run, {"plan.json": b""})
    with pytest.raises(InvalidInput, match="more than 10 environments"):
        comments_of(repository, 2)


def test_the_command(there: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"GITHUB_TOKEN": "made-up", "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": there.url}
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(["github", "comment", *words])
        return int(ended.value.code or 0)

    planned(there, FORK, plan_file(ACME))
    assert run("--from-run", "1") == 0
    assert there.comments == []
    there.pull(FORK)
    assert run("--from-run", "1") == 0
    assert run("--from-run", "1") == 0
    assert len(there.comments) == 1
    assert run("--from-run", "1", "--pull", "1") == 2
