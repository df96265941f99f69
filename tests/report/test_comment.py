"""Comments of pull requests: within their size, important rows first, and nothing in them acts."""

import re
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.apply.execute import Applied
from reconciler.commands.cli import cli
from reconciler.model import Cause, Change, Changes, Create, Delete, FieldChange, Outcome, Plan, Update
from reconciler.plan.access_diff import access_of
from reconciler.plan.order import finish
from reconciler.plan.planned import digest
from reconciler.report.comment import LEAST, LIMIT, Stamp, comment, plan_comment
from reconciler.report.formats import render
from reconciler.report.json import plan_json
from reconciler.report.markdown import masked
from reconciler.report.outcomes import apply_report
from reconciler.report.plan import drift_report

STAMP = Stamp(environment="test", commit="1a2b3c4d", order=7, at="2027-01-31 12:00 UTC", link="https://ci.example/1")
RULE = (Cause(file="rules/a.yaml", line=7, rule="everybody", user="u"),)
ADMIN = (FieldChange(path=("roles",), after=["stytch_admin"]),)
PLAIN = Plan(environment="test", project_id="project-test-1")
# What strangers choose, to do something to whoever reads it.
ODD = [
    *("@team", "#1", "GH-1", "owner/repo#1", "`", "```", "\n```\n# heading", "~~~", "</details>", "<img src=x>", "-->"),
    *("[x](http://x.example)", "www.x.example", "##[error]x", "##vso[task.x]y", "::error::x", "\x1b[31m", "\u202e"),
    *("| a | b |", "* * *", "    code", "&lt;", "$x$", ":tada:", "a@acme.example", "````````", "\r", "\u2028"),
]
TEXTS = st.lists(st.sampled_from(ODD) | st.text(max_size=5), min_size=1, max_size=6).map("".join)
FENCE = re.compile(r"^ {0,3}(`{3,})(\w*)\s*$")
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


def planned(*changes: Change) -> Plan:
    packed = Changes.of(changes)
    return structs.replace(finish(structs.replace(PLAIN, changes=packed), 1), access=access_of(packed))


def member(number: int, user: str = "") -> Create:
    cause = structs.replace(RULE[0], user=user or f"u{number}")
    return Create(kind="Member", namespace=f"o{number % 1000:03}", name=f"m{number}@acme.example", causes=(cause,))


def outside(text: str) -> str:
    """What stands in a comment outside fences and code, where Markdown and HTML act."""
    left, fence = [], ""
    for line in text.split("\n"):
        found = FENCE.match(line)
        if fence:
            fence = "" if found and len(found[1]) >= len(fence) and not found[2] else fence
        elif found:
            fence = found[1]
        else:
            left.append(CODE.sub("", re.sub(r"<code>.*?</code>", "", line)))
    assert not fence, "a fence is open"
    return "\n".join(left)


def assert_harmless(text: str, limit: int = LIMIT) -> None:
    assert len(text.encode()) <= limit
    assert all(line.isprintable() for line in text.split("\n"))
    assert not re.search(r"##\w*\[|::.*::", text)
    marker, *rest = outside(text).split("\n")
    assert re.fullmatch(r"<!-- stytch-reconciler: [\w%.~-]* commit=[\w-]+ order=\d+ -->", marker)
    rest_of = "\n".join(rest)
    assert rest_of.count("<details>") == rest_of.count("</details>")
    plain = re.sub(
        r"</?(details|summary|sub)>|\[the whole report\]\(https://ci\.example/1\)|^#+ ", "", rest_of, flags=re.MULTILINE
    )
    assert not re.search(r"[@<>\[\]`*$\\]|#\w|\bGH-\d|www\.|://|:\w+:", plain), plain


@pytest.mark.parametrize("number", [0, 10, 1_000, 100_000])
def test_what_matters_is_seen_among_however_many(number: int) -> None:
    admin = Create(kind="Member", namespace="zz", name="eve@acme.example", fields=ADMIN, causes=RULE)
    gone = Delete(kind="Member", namespace="zy", name="bob@acme.example", id="m-1")
    late = structs.replace(gone, name="kim@acme.example", withheld_by="max_deletes")
    text = comment(plan_comment(planned(*map(member, range(number)), admin, gone, late)), STAMP)
    assert_harmless(text)
    assert "! 1 new admin (stytch_admin): Member/zz/e***@acme.example" in text
    assert "- delete Member/zy/b***@acme.example" in text
    assert "#### Withheld by max_deletes: 1 change" in text
    assert f"{number + 1:,} to create, 1 to delete, 1 withheld" in text
    assert not re.search(r"(eve|bob|kim|m\d+)@", text)
    assert "(rules/a.yaml:7 everybody)" in text
    assert text.endswith(
        "<sub>commit `1a2b3c4d` · 2027-01-31 12:00 UTC · [the whole report](https://ci.example/1)</sub>\n"
    )


def test_no_changes_is_said() -> None:
    text = comment(plan_comment(PLAIN), STAMP)
    assert text.split("\n")[1].startswith("### Nothing to do: test")
    assert_harmless(text)


def test_what_was_changed_behind_git_s_back_stands_apart() -> None:
    theirs = Update(
        kind="Organization",
        name="acme",
        id="o-1",
        origin="live",
        fields=(FieldChange(path=("organization_name",), before="x", after="y"),),
    )
    text = comment(plan_comment(planned(theirs, member(1))), STAMP)
    before, _, after = text.partition("#### Found on the way, changed behind git's back: 1 change")
    assert "Organization/acme" not in before
    assert "! differs Organization/acme" in after


@pytest.mark.parametrize("limit", [LEAST, 3_000, 5_000])
@pytest.mark.parametrize("letter", ["x", "é", "😀"])
def test_it_is_cut_by_whole_rows_and_says_how_many(limit: int, letter: str) -> None:
    changes = [structs.replace(member(each), name=f"{letter * 300}{each}@acme.example") for each in range(500)]
    plan = structs.replace(planned(*changes), environment=letter * 5_000, target=letter * 5_000)
    text = comment(plan_comment(plan), structs.replace(STAMP, link=f"https://ci.example/{'x' * 450}"), limit)
    assert len(text.encode()) <= limit
    outside(text)
    assert re.search(r"\d+ more rows did not fit here", text)


@given(TEXTS, st.sampled_from([LEAST, LIMIT]))
@example("\n```\n# heading", LIMIT)
@example("</code></summary></details>@team", LIMIT)
def test_what_strangers_choose_does_nothing(odd: str, limit: int) -> None:
    cause = Cause(file=odd, line=1, rule=odd, user=odd)
    fields = (FieldChange(path=(odd,), before=odd, after={odd: odd}),)
    changes = (
        Create(kind="Member", namespace=odd, name=odd, fields=fields, causes=(cause,)),
        Update(kind="Organization", name=odd, id=odd, fields=fields, causes=(cause,), origin="live"),
        Delete(kind="Organization", name=f"{odd}2", id=odd, members=2),
        Delete(kind="Member", namespace=odd, name=f"{odd}3", withheld_by=odd),
    )
    plan = structs.replace(planned(*changes), environment=odd, project_id=odd, target=odd, unmatched=(odd,))
    stamp = structs.replace(STAMP, environment=odd)
    outcomes = [Outcome.of(one, "failed", odd) for one in changes]
    applied = apply_report(plan, Applied(outcomes=outcomes, journal=None), changes)
    for report in (plan_comment(plan), drift_report(plan), applied):
        assert_harmless(comment(report, stamp, limit), limit)


def test_one_person_is_recognised_within_a_comment_only() -> None:
    plan = planned(*(Create(kind="Member", namespace=slug, name="ann@acme.example", causes=RULE) for slug in "xy"))
    shown = [
        set(re.findall(r"a\*\*\*@acme\.example#\w{4}", comment(plan_comment(plan), STAMP, hide=hide)))
        for hide in (partial(masked, salt=b"1"), partial(masked, salt=b"2"))
    ]
    assert [len(each) for each in shown] == [1, 1]
    assert shown[0] != shown[1]


# The command


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", "comment", *words, "--link", "https://ci.example/1", "--commit", "1a2b3c4d"])
    return int(ended.value.code or 0)


def written(path: Path, plan: Plan) -> str:
    signed = structs.replace(plan, digest=digest(plan.project_id, plan.changes).whole)
    path.write_bytes(b"".join(plan_json(signed)))
    return str(path)


def test_a_plan_file_and_outcomes_become_comments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change = member(1)
    file = written(tmp_path / "plan.json", planned(change))
    assert run(file, "--order", "8") == 0
    assert "commit=1a2b3c4d order=8 -->\n### Plan for test" in capsys.readouterr().out
    assert run(file, "--drift") == 0
    assert "### Drift in test" in capsys.readouterr().out
    moved = Applied(
        outcomes=(Outcome.of(change, "withheld", "it is not live any more", blocked_by="moved"),), journal=None
    )
    outcomes = tmp_path / "outcomes.json"
    outcomes.write_text(render(apply_report(planned(change), moved), "json"))
    assert run(str(outcomes)) == 0
    said = capsys.readouterr().out
    assert "1 withheld" in said
    assert "\nmoved\n" in said
    assert "(it is not live any more)" in said


@pytest.mark.parametrize("form", ["comment", "annotations", "sarif", "junit"])
def test_addresses_are_whole_only_in_private_repositories_that_ask_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    file, settings = written(tmp_path / "plan.json", planned(member(1))), tmp_path / "reconciler.yaml"
    asking = "apiVersion: reconciler/v1\nkind: Configuration\naddresses: whole\nenvironments: {test: {}, other: {}}\n"
    for configured, visibility, is_whole in (
        (asking, "private", True),
        (asking, "public", False),
        (asking, "", False),
        (asking.replace("whole", "masked"), "private", False),
        (asking.replace("addresses: whole\n", ""), "private", False),
        (asking.replace("kind", "kinds"), "private", False),
        ("", "private", False),
    ):
        settings.write_text(configured)
        words = ["--visibility", visibility] if visibility else []
        with pytest.raises(SystemExit) as ended:
            cli.main(["-C", str(tmp_path), "report", form, file, *words])
        said = capsys.readouterr().out
        assert (ended.value.code or 0, "m1@acme.example" in said) == (0, is_whole), (configured, visibility)
        assert "m***@acme.example" in said or is_whole


@pytest.mark.parametrize("words", [("--link", "javascript:x"), ("--commit", "x y"), ("--at", "now) [x](y")])
def test_what_the_footer_says_is_checked(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", "comment", written(tmp_path / "plan.json", planned(member(1))), *words])
    assert ended.value.code


def test_another_environment_an_unknown_kind_and_no_plan_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = written(tmp_path / "plan.json", planned(member(1)))
    assert run(good, "-e", "live") == 1
    text = Path(good).read_text(encoding="utf-8")
    (tmp_path / "text.json").write_text(text[:-9])
    assert run(str(tmp_path / "text.json")) == 1
    odd = written(tmp_path / "odd.json", structs.replace(PLAIN, changes=(Create(kind="Odd", name="x"),)))
    assert run(odd) == 1
    said = capsys.readouterr().err
    assert "about the environment 'test', not 'live'" in said
    assert "a kind that there is not: 'Odd'" in said


def test_a_long_address_is_masked_before_it_is_cut() -> None:
    change = Create(kind="Member", namespace="acme", name=f"{'ann' * 400}@acme.example", causes=RULE)
    text = comment(plan_comment(planned(change)), STAMP)
    assert "a***@acme.example" in text
    assert "annann" not in text
