"""``--html``: plan, drift and apply write a page, for its owner alone, and never over a file that is read."""

from pathlib import Path

import pytest

from reconciler.emulator.seed.running import Running
from tests.apply.test_apply import ADDRESSES, users
from tests.commands.test_cli import Run, root, run, server
from tests.report.pages import Page, read

__all__ = ["root", "run", "server"]  # fixtures


def page(path: Path) -> Page:
    assert path.stat().st_mode & 0o777 == 0o600
    return read([path.read_bytes()])


def heading(found: Page) -> str:
    return found.text.partition("·")[0]


@pytest.mark.usefixtures("server")
def test_each_of_the_three_writes_its_page(run: Run, root: Path) -> None:
    file = root / "page.html"
    assert run("plan", "--html", str(file)) == 2
    planned = page(file)
    assert "people gain access" in planned.text
    assert {row["verb"] for row in planned.rows} == {"create"}
    assert run("apply", "--html", str(file)) == 0
    done = page(file)
    assert "people gained access" in done.text
    assert {row["more"]["result"] for row in done.rows} == {"applied"}
    assert [row["name"] for row in done.rows] == [row["name"] for row in planned.rows]
    assert run("drift", "--html", str(file)) == 0
    assert "No drift" in page(file).text
    (root / "users.jsonl").write_text(users(*ADDRESSES[1:]), encoding="utf-8")
    assert run("drift", "--html", str(file)) in (2, 3)
    assert {row["verb"] for row in page(file).rows} == {"extra"}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("command", ["plan", "drift", "apply"])
def test_masked_no_address_is_in_the_file(run: Run, root: Path, command: str) -> None:
    file = root / "page.html"
    run(command, "--html", str(file), "--mask")
    found = page(file)
    assert found.rows
    for address in ADDRESSES:
        local = address.partition("@")[0]
        assert f"{local}@" not in file.read_text(encoding="utf-8")
        assert not any(f"{local}@" in row["name"] for row in found.rows)


def test_what_cannot_be_written_is_refused_before_anything_is_done(
    run: Run, root: Path, server: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("apply", "--html", str(root / "users.jsonl")) == 1
    assert "is the users: nothing was written there" in capsys.readouterr().err
    assert run("plan", "-o", str(root / "plan.json"), "--html", str(root / "plan.json")) == 1
    assert "is the plan file" in capsys.readouterr().err
    assert run("plan", "--mask") == 1
    assert "name it with --html FILE" in capsys.readouterr().err
    assert server.app.statistics.requests == {}
