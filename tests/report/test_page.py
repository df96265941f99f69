"""The page: whole, self-contained, and nothing on it but text, whatever others chose."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.apply.execute import Applied
from reconciler.model import (
    Access,
    AccessIn,
    Cause,
    Change,
    Changes,
    Create,
    Delete,
    FieldChange,
    Listed,
    Move,
    Outcome,
    Plan,
    Position,
    Problem,
    Update,
    public,
)
from reconciler.plan.access_diff import access_of
from reconciler.plan.order import finish
from reconciler.report.escaping import harmless
from reconciler.report.grouping import PLANNED
from reconciler.report.page import drift_page, outcomes_page, plan_page
from reconciler.report.page.picture import Picture, picture_of
from reconciler.report.page.rows import CHUNK, change_row, chunks
from tests.report.pages import Page, read
from tests.report.test_comment import TEXTS, planned

REPORTS = Path(__file__).parent.parent / "reports"
CASES = [case for case in sorted(REPORTS.iterdir()) if case.is_dir() and "-problems-" not in case.name]
RULE = Cause(file="rules/a.yaml", line=7, rule="everybody", user="u1")


def page_of(case: Path, *, mask: bool = False) -> Iterator[bytes]:
    plan = public.read_plan((case / "plan.json").read_bytes())
    plan = structs.replace(plan, access=access_of(plan.changes))
    match case.name.split("-")[1]:
        case "plan":
            return plan_page(plan, mask=mask)
        case "drift":
            return drift_page(plan, mask=mask)
        case _:
            return outcomes_page(plan, outcomes_of(case), mask=mask)


def of_case(case: Path, *, mask: bool = False) -> Page:
    return read(page_of(case, mask=mask))


def outcomes_of(case: Path) -> Applied:
    written = msgspec.json.decode((case / "outcomes.json").read_bytes(), type=tuple[public.Outcome, ...])
    outcomes = []
    for one in written:
        kind, _, name = one.address.partition("/")
        outcomes.append(Outcome(kind=kind, name=name, action=one.action, result=one.result, reason=one.detail))
    return Applied(outcomes=tuple(outcomes), journal=None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_whole_and_loads_nothing(case: Path) -> None:
    page = of_case(case)
    ids = [value for _, name, value in page.values if name == "id"]
    assert len(ids) == len({*ids})
    assert {name for _, name, _ in page.values} & {"src", "srcset", "style", "action", "onclick", "onload"} == set()
    links = [value for _, name, value in page.values if name == "href"]
    assert [link for link in links if not link.startswith("#")] == []
    assert [link for link in links if "=" not in link and link[1:] not in ids] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_only_its_own_scripts_may_run(case: Path) -> None:
    page = of_case(case)
    (policy,) = [value for tag, name, value in page.values if (tag, name) == ("meta", "content") and "src" in value]
    for part, code in page.code.items():
        digest = b64encode(sha256(code.encode()).digest()).decode()
        assert f"{part}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_change_has_its_row(case: Path) -> None:
    plan = public.read_plan((case / "plan.json").read_bytes())
    rows = of_case(case).rows
    if "-apply-" in case.name:
        assert len(rows) == len(outcomes_of(case).outcomes)
        return
    also = plan.observed if "-drift-" in case.name else ()
    assert [(row["kind"], row["name"]) for row in rows] == [
        (one.kind, harmless(one.name)) for one in (*plan.changes, *also)
    ]
    assert [row["more"].get("withheld") for row in rows] == [one.withheld_by for one in (*plan.changes, *also)]


def test_a_field_says_what_was_and_what_will_be() -> None:
    fields = (
        FieldChange(path=("mfa_policy",), before="REQUIRED_FOR_ALL", after="OPTIONAL"),
        FieldChange(path=("trusted_metadata", "tier"), before="gold"),
    )
    change = Update(kind="Organization", name="acme", id="o", fields=fields, causes=(RULE,))
    (row,) = read(plan_page(planned(change))).rows
    assert row["fields"] == [
        ["mfa_policy", '"REQUIRED_FOR_ALL"', '"OPTIONAL"'],
        ["trusted_metadata.tier", '"gold"', ""],
    ]
    assert (row["causes"], row["users"]) == ([["rules/a.yaml:7", "everybody"]], ["u1"])
    (row,) = read(drift_page(planned(change))).rows
    assert row["fields"][0] == ["mfa_policy", '"OPTIONAL"', '"REQUIRED_FOR_ALL"'], "declared, then live"


def test_a_long_text_is_a_difference_and_no_value() -> None:
    before, after = ("\n".join(f"line {number} {end}" for number in range(9)) for end in ("x", "y"))
    change = Update(
        kind="EmailTemplate", name="t", id="e", fields=(FieldChange(path=("html",), before=before, after=after),)
    )
    (row,) = read(plan_page(planned(change))).rows
    (field,) = row["fields"]
    assert "-line 0 x" in field[1]
    assert "+line 0 y" in field[1]


def odd(text: str) -> Plan:
    """A plan in which strangers chose everything."""
    name = text or "-"
    causes = (Cause(file=name, line=1, rule=name, user=name),)
    change: list[Change] = [
        Create(kind="Member", namespace=name, name=f"{name}1", causes=causes),
        Update(
            kind="Organization",
            name=name,
            id=name,
            fields=(FieldChange(path=(name,), before=f"{name}0", after=f"{name}1"),),
            causes=causes,
        ),
        Delete(kind="Member", namespace=f"{name}2", name=name, id="m", withheld_by="max_deletes"),
        Create(kind="M2MClient", name=name, fields=(FieldChange(path=("scopes",), after=[name]),), causes=causes),
    ]
    listed = Listed(kind="Member", name=name, reason=name, at=(Position(name, 1),))
    problem = Problem(code="odd", severity="problem", message=name, hint=name, at=(Position(name, 1),), users=(name,))
    return structs.replace(
        planned(*change), environment=name, target=name, unmatched=(name,), unmanaged=(listed,), problems=(problem,)
    )


OURS = {element for case in CASES for element in of_case(case).elements}


@given(TEXTS)
def test_what_others_chose_is_text_and_nothing_else(text: str) -> None:
    hostile = read(plan_page(odd(text)))
    assert {*hostile.elements} - OURS == set()
    for found in (*hostile.texts, *(value for _, _, value in hostile.values), *texts_in(hostile.rows)):
        assert all(line.isprintable() for line in found.split("\n")), found


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_masked_it_shows_no_address(case: Path) -> None:
    page = of_case(case, mask=True)
    shown = "\n".join((page.text, *(value for _, _, value in page.values), *texts_in(page.rows)))
    assert re.findall(r"\b(?:ann|bob|eve|kim\d?|guest|joe|m\d|new)(?:@|%40)", shown) == []


def test_masked_a_person_is_the_same_in_the_summary_in_links_and_in_rows() -> None:
    change = Create(kind="Member", namespace="acme", name="ann@acme.example", causes=(RULE,))
    page = read(plan_page(planned(change), mask=True))
    (row,) = page.rows
    assert re.fullmatch(r"a\*\*\*@acme\.example#[0-9a-f]{4}", row["name"])
    assert row["name"] in page.text
    links = [value for _, name, value in page.values if name == "href" and value.startswith("#person=")]
    assert links == [f"#person={row['name'].replace('*', '%2A').replace('@', '%40').replace('#', '%23')}"]


def test_rows_are_packed_as_they_come() -> None:
    taken = 0

    def changes() -> Iterator[Change]:
        nonlocal taken
        for number in range(5 * CHUNK):
            taken += 1
            yield Create(kind="Member", namespace="acme", name=f"m{number}@acme.example")

    found = chunks((change_row(change, PLANNED) for change in changes()), str)
    next(found)
    assert taken == CHUNK
    assert sum(1 for _ in found) == 4


def test_the_whole_is_never_one_text() -> None:
    many = tuple(Create(kind="Member", namespace="acme", name=f"m{number}@acme.example") for number in range(9 * CHUNK))
    plan = finish(Plan(environment="test", project_id="p", changes=Changes.of(many)), 1)
    sizes = [piece.count(b'class="rows"') for piece in plan_page(plan)]
    assert sum(sizes) == 9
    assert max(sizes) < 9


def drawn(access: Access) -> Picture:
    picture = picture_of(access, "no access", "no access")
    assert picture
    return picture


def test_people_who_move_come_and_go_are_drawn() -> None:
    picture = drawn(
        Access(
            gains=7,
            loses=5,
            organizations=(
                AccessIn(organization="acme", loses=5),
                AccessIn(organization="globex", gains=7),
            ),
            moves=(Move(origin="acme", destination="globex", people=3),),
        )
    )
    assert [(one.label, one.people) for one in picture.left] == [("no access", 4), ("acme", 5)]
    assert [(one.label, one.people) for one in picture.right] == [("globex", 7), ("no access", 2)]
    assert [(one.says, one.tone) for one in picture.bands] == [
        ("no access → globex: 4", "comes"),
        ("acme → globex: 3", "moves"),
        ("acme → no access: 2", "goes"),
    ]


def test_nobody_who_moves_is_no_picture() -> None:
    assert picture_of(None, "", "") is None
    assert picture_of(Access(other_roles=1), "", "") is None


@given(
    st.dictionaries(st.integers(0, 30), st.tuples(st.integers(0, 9999), st.integers(0, 9999)), min_size=1, max_size=30)
)
def test_however_many_organizations_there_are_the_picture_stays_small_and_true(
    numbers: dict[int, tuple[int, int]],
) -> None:
    there = [AccessIn(organization=f"o{each}", gains=come, loses=go) for each, (come, go) in numbers.items()]
    picture = picture_of(Access(organizations=tuple(there)), "before", "after")
    people = sum(one.gains + one.loses for one in there)
    if not people:
        assert picture is None
        return
    assert picture
    for side in (picture.left, picture.right):
        assert sum(place.people for place in side) == people
        assert len(side) <= 12
        assert all(place.top >= 0 and place.top + place.height <= picture.height + 1 for place in side)
        assert all(one.top + one.height <= other.top for one, other in pairwise(side))
    assert picture.height < 700
