"""The state of an environment in a ref: who reads it believes it as far as it goes, who moves it overwrites nobody."""

import os
from pathlib import Path

import pytest
from msgspec import structs

from reconciler.errors import Unreadable
from reconciler.history.git import Repository, find
from reconciler.history.refs import Swap
from reconciler.history.state import (
    MOST_PENDING,
    State,
    head_of,
    inputs_of,
    move,
    read_state,
    record_uses,
    state_of,
    tree_of,
    uncommitted,
)
from tests.history.worlds import begun, cloned, commit, git, manifest, push
from tests.repositories import OWNED, write

REF = "refs/reconciler/test"
DIGEST = "sha256:" + "1" * 64


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return begun(tmp_path)


def found(root: Path) -> Repository:
    repository = find(root, "reconciler.yaml")
    assert repository
    return repository


def applied(root: Path, state: State | None = None, **trailers: object) -> tuple[Swap, State]:
    """Move the state to HEAD, as an apply does."""
    repository = found(root)
    after = State(commit="", revision=head_of(repository), digest=DIGEST, project="project-test-1")
    return move(repository, "test", state, structs.replace(after, **trailers))


def test_without_git_or_a_commit_that_holds_the_configuration_there_is_no_state(tmp_path: Path) -> None:
    root = write(tmp_path / "repository", {"reconciler.yaml": OWNED})
    assert read_state(root, "test") is None
    git(root, "init", "--quiet")
    assert find(root, "reconciler.yaml") is None
    assert read_state(root, "test") is None
    commit(root, {".gitignore": "reconciler.yaml\n"})
    assert read_state(root, "test") is None


def test_a_repository_that_nothing_was_applied_from_has_no_state(clone: Path) -> None:
    assert read_state(clone, "test") is None


def test_what_was_applied_is_read_by_everybody(clone: Path, tmp_path: Path) -> None:
    swapped, state = applied(
        clone,
        pending=("Organization/acme", "Member/acme/ann@acme.example"),
        inputs={"users": DIGEST, "tables.a b%20\n": DIGEST},
        used_approvals=frozenset({"close-globex", "x\nApplied: 0"}),
    )
    assert swapped.result == "done"
    other = cloned(tmp_path / "remote.git", tmp_path / "other")
    assert read_state(other, "test") == state
    assert state.is_evidence
    assert state.revision == git(clone, "rev-parse", "HEAD")
    assert state.inputs == {"users": DIGEST, "tables.a b%20\n": DIGEST}
    assert state.used_approvals == {"close-globex", "x\nApplied: 0"}
    assert read_state(other, "live") is None


def test_its_tree_is_the_tree_that_was_applied_and_its_parent_the_state_before(clone: Path) -> None:
    _, first = applied(clone)
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    swapped, second = applied(clone, first)
    assert swapped.result == "done"
    assert git(clone, "rev-parse", f"{second.commit}^{{tree}}") == git(clone, "rev-parse", "HEAD^{tree}")
    assert git(clone, "rev-parse", f"{second.commit}^") == first.commit


def test_it_is_ours_and_names_nobody(clone: Path) -> None:
    _, state = applied(clone, pending=("Member/acme/ann@acme.example", "Organization/acme"))
    message = git(clone, "cat-file", "commit", state.commit)
    assert "author stytch-reconciler <stytch-reconciler@localhost>" in message
    assert "ann" not in message
    assert "Pending: Organization/acme" in message
    assert state.is_pending("Member/acme/ann@acme.example")
    assert state.is_pending("Organization/acme")
    assert not state.is_pending("Member/acme/bob@acme.example")


def test_of_too_many_that_are_pending_the_kind_is_noted(clone: Path) -> None:
    _, state = applied(clone, pending=tuple(f"Member/acme/{n}@acme.example" for n in range(MOST_PENDING + 1)))
    assert state.pending == ("Member/*",)
    assert state.is_pending("Member/acme/bob@acme.example")
    assert not state.is_pending("Organization/acme")


def test_where_it_says_so_already_nothing_is_written(clone: Path) -> None:
    _, first = applied(clone)
    swapped, again = applied(clone, read_state(clone, "test"))
    assert (swapped.result, again.commit) == ("done", first.commit)


def test_who_comes_second_overwrites_nobody(clone: Path) -> None:
    _, first = applied(clone)
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    _, second = applied(clone, first)
    commit(clone, {"manifests/initech.yaml": manifest("initech")})
    swapped, left = applied(clone, first)
    assert (swapped.result, swapped.found, left) == ("moved", second.commit, first)
    assert read_state(clone, "test") == second
    commit(clone, {"manifests/initech.yaml": manifest("initech", "Again")})
    assert applied(clone, None)[0].result == "moved"


def test_without_a_remote_the_repository_itself_has_it(tmp_path: Path) -> None:
    root = write(tmp_path / "alone", {"reconciler.yaml": OWNED})
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, {})
    swapped, first = applied(root)
    assert swapped.result == "done"
    assert git(root, "rev-parse", REF) == first.commit
    commit(root, {"manifests/globex.yaml": manifest("globex")})
    late, _ = applied(root, None)
    assert (late.result, late.found) == ("moved", first.commit)
    assert applied(root, first)[0].result == "done"


def test_only_what_comes_before_head_is_evidence(clone: Path) -> None:
    first = git(clone, "rev-parse", "HEAD")
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    _, state = applied(clone)
    git(clone, "checkout", "--quiet", first)
    before = read_state(clone, "test")
    assert before
    assert (before.revision, before.is_evidence) == (state.revision, False)
    git(clone, "checkout", "--quiet", "main")
    git(clone, "revert", "--no-edit", "HEAD")
    after = read_state(clone, "test")
    assert after
    assert after.is_evidence


def test_a_revision_that_a_force_push_took_away_is_no_evidence(clone: Path, tmp_path: Path) -> None:
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    applied(clone)
    git(clone, "reset", "--quiet", "--hard", "HEAD^")
    commit(clone, {"manifests/initech.yaml": manifest("initech")})
    push(clone, "--force")
    for other in (clone, cloned(tmp_path / "remote.git", tmp_path / "other")):
        state = read_state(other, "test")
        assert state
        assert not state.is_evidence
        with tree_of(other, state.commit) as tree:  # what it was is still there
            assert (tree / "manifests/globex.yaml").exists()


@pytest.mark.parametrize("commits", [0, 1, 3, 70])
def test_a_shallow_clone_is_deepened_as_far_as_it_takes(clone: Path, tmp_path: Path, commits: int) -> None:
    _, state = applied(clone)
    for number in range(commits):
        git(clone, "commit", "--quiet", "--allow-empty", "--message", f"{number}")
    push(clone)
    shallow = cloned(tmp_path / "remote.git", tmp_path / "shallow", "--depth=1")
    assert git(shallow, "rev-list", "--count", "HEAD") == "1"
    assert read_state(shallow, "test") == state
    commit(shallow, {"manifests/globex.yaml": manifest("globex")})
    swapped, after = applied(shallow, state)
    assert swapped.result == "done"
    assert read_state(clone, "test") == State(
        commit=after.commit, revision=after.revision, digest=DIGEST, project="project-test-1"
    )


def test_in_a_shallow_clone_a_revision_of_another_branch_is_no_evidence(clone: Path, tmp_path: Path) -> None:
    git(clone, "checkout", "--quiet", "-b", "other")
    commit(clone, {"manifests/globex.yaml": manifest("globex")})
    applied(clone)
    git(clone, "checkout", "--quiet", "main")
    commit(clone, {"manifests/initech.yaml": manifest("initech")})
    push(clone)
    shallow = cloned(tmp_path / "remote.git", tmp_path / "shallow", "--depth=1")
    state = read_state(shallow, "test")
    assert state
    assert not state.is_evidence


def test_a_work_tree_and_a_folder_below_the_top_are_as_good(tmp_path: Path) -> None:
    clone = begun(tmp_path, "identity/acme")
    commit(clone, {"elsewhere.txt": "x"})
    root = clone / "identity/acme"
    _, state = applied(root)
    git(clone, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "tree"))
    tree = tmp_path / "tree/identity/acme"
    assert read_state(tree, "test") == state
    assert found(tree).root == tree
    with tree_of(tree, state.commit) as files:
        assert (files / "reconciler.yaml").read_text() == OWNED
        assert files.parts[-2:] == ("identity", "acme")
        assert (files / "../../elsewhere.txt").exists()
    assert not files.exists()
    with tree_of(tree, state.commit, ("reconciler.yaml",)) as files:
        assert [path.name for path in files.iterdir()] == ["reconciler.yaml"]
        assert not (files / "../../elsewhere.txt").exists()
    (root / "manifests/acme.yaml").unlink()
    assert uncommitted(found(root)) == ["identity/acme/manifests/acme.yaml"]
    assert uncommitted(found(tree)) == []


def test_a_tree_is_as_it_was_committed_whatever_its_files_are_called(clone: Path) -> None:
    odd = {"manifests/--help.yaml": "a", "manifests/a\nb.yaml": "b", "manifests/ü '\"$(x).yaml": "c"}
    revision = commit(clone, {**odd, ".gitattributes": "* export-ignore\n"})
    commit(clone, dict.fromkeys(odd, "changed"))
    index = git(clone, "ls-files", "--stage")
    with tree_of(clone, revision) as files:
        assert {name: (files / name).read_text() for name in odd} == odd
    assert git(clone, "ls-files", "--stage") == index
    assert uncommitted(found(clone)) == []
    (clone / "manifests/a\nb.yaml").write_text("changed again")
    (clone / "rules").mkdir()
    (clone / "rules/-x\n.yaml").touch()
    assert uncommitted(found(clone)) == ["manifests/a\nb.yaml", "rules/-x\n.yaml"]


def test_what_a_run_reads_must_be_committed_and_what_it_writes_need_not(clone: Path) -> None:
    commit(clone, {".gitignore": "ignored.yaml\n"})
    (clone / "plan.json").touch()
    (clone / ".reconciler").mkdir()
    (clone / ".reconciler/journal-1.jsonl").touch()
    (clone / "manifests/.swp").touch()
    assert uncommitted(found(clone)) == []
    (clone / "manifests/ignored.yaml").touch()  # it is read all the same
    assert uncommitted(found(clone)) == ["manifests/ignored.yaml"]
    git(clone, "rm", "--quiet", "--cached", "reconciler.yaml")
    assert uncommitted(found(clone)) == ["reconciler.yaml", "manifests/ignored.yaml"]


def test_users_and_tables_that_git_does_not_have_are_digested(clone: Path, tmp_path: Path) -> None:
    commit(clone, {"tenants.csv": "slug\n"})
    (tmp_path / "outside.csv").write_text("slug\nacme\n")
    (clone / "users.jsonl").write_text("{}\n")
    files = {"users": clone / "users.jsonl", "tables.t": clone / "tenants.csv", "tables.o": tmp_path / "outside.csv"}
    inputs = inputs_of(found(clone), files)
    assert set(inputs) == {"users", "tables.o"}
    (clone / "users.jsonl").write_text('{"a": 1}\n')
    assert inputs_of(found(clone), files)["users"] != inputs["users"]


def test_approvals_are_noted_before_anything_is_applied_and_stay(clone: Path) -> None:
    swapped, used = record_uses(found(clone), "test", None, ["close-globex"])
    assert swapped.result == "done"
    assert read_state(clone, "test") == used
    assert (used.revision, used.used_approvals) == ("", frozenset({"close-globex"}))
    assert not used.is_evidence
    _, state = applied(clone, used)
    assert state.used_approvals == {"close-globex"}
    _, both = record_uses(found(clone), "test", state, ["other"])
    assert (both.revision, both.digest) == (state.revision, state.digest)
    assert both.used_approvals == {"close-globex", "other"}
    assert git(clone, "rev-parse", f"{both.commit}^{{tree}}") == git(clone, "rev-parse", "HEAD^{tree}")
    assert record_uses(found(clone), "test", state, ["late"])[0].result == "moved"


def test_a_ref_that_somebody_moved_by_hand_is_believed_by_nobody(clone: Path) -> None:
    git(clone, "push", "--quiet", "origin", f"HEAD:{REF}")
    with pytest.raises(Unreadable, match="is no state"):
        read_state(clone, "test")


@pytest.mark.parametrize("name", ["te/st", "..", "a b", "x.lock", "~", "-x", "ü", "@{1}", "*"])
def test_every_name_of_an_environment_has_its_ref(clone: Path, name: str) -> None:
    repository = found(clone)
    _, state = move(repository, name, None, State(commit="", revision=head_of(repository)))
    assert state.commit
    assert state_of(repository, name) == state
    assert state_of(repository, "test") is None


def test_of_several_remotes_it_is_origin(clone: Path, tmp_path: Path) -> None:
    git(clone, "remote", "add", "fork", str(tmp_path / "nowhere"))
    assert found(clone).remote == "origin"
    git(clone, "remote", "rename", "origin", "upstream")
    with pytest.raises(Unreadable, match="which remote has the state of environments: fork, upstream"):
        find(clone, "reconciler.yaml")


def test_a_remote_that_cannot_be_reached_is_said(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "remote.git").rename(tmp_path / "gone")
    with pytest.raises(Unreadable, match=r"git ls-remote failed: fatal: '.*' does not appear to be a git repository"):
        read_state(clone, "test")


def test_nothing_of_the_users_configuration_or_hooks_is_needed_or_heeded(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "hooks"
    for name in ("pre-push", "reference-transaction", "post-checkout", "post-index-change"):
        write(hooks, {name: f"#!/bin/sh\ntouch '{tmp_path}/hook-ran'\nexit 1\n"})
        (hooks / name).chmod(0o755)
    for name, value in {
        "core.hooksPath": str(hooks),
        "commit.gpgSign": "true",
        "push.gpgSign": "true",
        "push.followTags": "true",
        "remote.origin.mirror": "true",  # which would push, and delete, every ref
        "diff.external": "false",
        "diff.relative": "true",
        "color.ui": "always",
        "core.autocrlf": "true",
        "i18n.commitEncoding": "latin1",
    }.items():
        git(clone, "config", name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    assert applied(clone)[0].result == "done"
    state = read_state(clone, "test")
    assert state
    with tree_of(clone, state.commit):
        pass
    assert not (tmp_path / "hook-ran").exists()
    assert os.environ["GIT_DIR"]
