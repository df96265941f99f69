"""The page in a real browser: seen, searched and reached by keyboard, by everybody, however many changes there are."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from reconciler.model import Cause, Changes, Create, Delete, FieldChange, Plan, Update
from reconciler.plan.access_diff import access_of
from reconciler.plan.order import finish
from reconciler.report.page import plan_page
from tests.conftest import BROWSERS
from tests.report.test_comment import ODD, planned
from tests.report.test_page import CASES, odd, page_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
RICH = next(case for case in CASES if case.name.startswith("030-"))
MANY = 100_000
FEW_ELEMENTS = 8_000  # of which the summary is half

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path)
        yield opened
        opened.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a page as a file; whatever it loads besides, says to the console or throws ends the test."""
    file = tmp_path / "page.html"
    wrong: list[str] = []

    def show(pieces: Any, address: str = "", **options: Any) -> Page:
        with file.open("wb") as written:
            written.writelines(pieces)
        page = browser.new_page(**{"viewport": DESKTOP, **options})
        page.on("request", lambda request: wrong.append(request.url) if "page.html" not in request.url else None)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(f"file://{file}{address}")
        if page.locator("#explorer").count() and options.get("java_script_enabled", True):
            expect(page.locator("form")).to_be_visible()
        return page

    yield show
    for page in [each for context in browser.contexts for each in context.pages]:
        page.close()
    assert wrong == []


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('.row[aria-expanded=false] > .line').forEach((line) => line.click())")
    expect(page.locator(".row[aria-expanded=false]")).to_have_count(0)


def member(number: int, slug: str, **more: Any) -> Create:
    cause = Cause(file="rules/a.yaml", line=7, rule="everybody", user=f"user-{number}")
    fields = (FieldChange(path=("roles",), after=["editor"]),)
    name = f"m{number}@{slug}.example"
    return Create(kind="Member", namespace=slug, name=name, fields=fields, causes=(cause,), **more)


def several() -> Plan:
    """Two organizations, two rules, a person with two addresses, every origin."""
    admins = Cause(file="rules/a.yaml", line=9, rule="admins", user="user-1")
    return planned(
        member(1, "acme", origin="git"),
        member(2, "acme", origin="users"),
        Create(kind="Member", namespace="globex", name="other@globex.example", causes=(admins,), origin="git"),
        Update(
            kind="Organization",
            name="globex",
            id="o",
            origin="live",
            fields=(FieldChange(path=("mfa_policy",), before="OPTIONAL", after="REQUIRED_FOR_ALL"),),
            causes=(Cause(file="manifests/globex.yaml", line=3),),
        ),
        Delete(kind="Member", namespace="globex", name="gone@globex.example", id="m", origin="conflict"),
    )


def expect_names(page: Page, *names: str) -> None:
    expect(page.locator(".row .name bdi")).to_have_text(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_report_is_shown_and_nobody_is_shut_out(show: Open, case: Path) -> None:
    page = show(page_of(case))
    assert violations(page) == []
    open_all(page)
    assert violations(page) == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE, {"width": 320, "height": 640}], ids=["desktop", "phone", "small"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_the_light_and_in_the_dark_on_any_width(show: Open, scheme: str, viewport: Any) -> None:
    page = show(page_of(RICH), viewport=viewport, color_scheme=scheme)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    shown = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", shown)[:3])) / 3
    assert (brightness > 128) == (scheme == "light")


def test_it_is_found_by_organization_person_rule_kind_and_origin(show: Open) -> None:
    page = show(plan_page(several()))
    found = page.locator(".found")
    expect(found).to_have_text("5 in 2 groups")
    for name, value, expected in (
        ("organization", "acme", ["m1@acme.example", "m2@acme.example"]),
        ("person", "m1@acme.example", ["m1@acme.example", "other@globex.example"]),
        ("person", "user-2", ["m2@acme.example"]),
        ("search", "required_for_all", ["globex"]),
        ("search", "manifests/globex.yaml:3", ["globex"]),
        ("search", "nobody", []),
    ):
        page.fill(f"[name={name}]", value)
        expect(found).to_contain_text(f"{len(expected)} of 5")
        expect_names(page, *expected)
        page.get_by_role("button", name="Show all").click()
        expect(found).to_have_text("5 in 2 groups")
    for name, value, expected in (
        ("rule", "admins", ["other@globex.example"]),
        ("kind", "Organization", ["globex"]),
        ("origin", "conflict", ["gone@globex.example"]),
        ("verb", "update", ["globex"]),
    ):
        page.select_option(f"[name={name}]", value)
        expect(found).to_contain_text(f"{len(expected)} of 5")
        expect_names(page, *expected)
        assert page.evaluate("location.hash") == f"#{name}={value}"
        page.select_option(f"[name={name}]", "")


def test_an_address_shows_somebody_else_the_same(show: Open) -> None:
    page = show(plan_page(several()), "#organization=globex&origin=git")
    expect(page.locator(".found")).to_have_text("1 of 5 in 1 group")
    expect_names(page, "other@globex.example")
    expect(page.locator("[name=organization]")).to_have_value("globex")


def test_names_in_the_summary_and_in_the_picture_lead_to_their_changes(show: Open) -> None:
    page = show(plan_page(several()))
    page.locator("#organizations .names a", has_text="m1@acme.example").click()
    expect(page.locator(".found")).to_contain_text("2 of 5")
    page.locator(".picture a", has_text="acme").click()
    expect(page.locator(".found")).to_contain_text("2 of 5 in 1 group")
    expect_names(page, "m1@acme.example", "m2@acme.example")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.querySelector('bdi')?.textContent ?? document.activeElement.name"))


def test_everything_is_reached_by_keyboard(show: Open) -> None:
    page = show(plan_page(several()))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    assert focused(page) == "search"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.role") == "treeitem":
            break
    assert focused(page) == "acme"
    page.keyboard.press("ArrowDown")
    assert focused(page) == "m1@acme.example"
    expect(page.locator(".details .facts")).to_have_count(1)  # of the update alone
    page.keyboard.press("Enter")
    expect(page.locator(".details .facts")).to_have_count(2)
    expect(page.locator("[role=treeitem]:focus .details")).to_contain_text("rules/a.yaml:7 everybody")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "everybody"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".details .facts")).to_have_count(1)
    page.keyboard.press("ArrowLeft")
    assert focused(page) == "acme"
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".group").first).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("End")
    assert focused(page) == "gone@globex.example"
    page.keyboard.press("Home")
    assert focused(page) == "acme"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "m1@acme.example"
    page.keyboard.press("/")
    page.keyboard.type("gone")
    expect(page.locator(".found")).to_contain_text("1 of 5")
    page.keyboard.press("Escape")
    expect(page.locator(".found")).to_have_text("5 in 2 groups")


@pytest.fixture(scope="module")
def many() -> list[bytes]:
    """A hundred thousand changes: half of them in one organization, the rest in a thousand."""
    changes = (member(number, "acme" if number % 2 else f"o{number % 2000:04}") for number in range(MANY))
    packed = Changes.of(sorted(changes, key=lambda change: change.address))
    plan = Plan(environment="test", project_id="project-test-1", changes=packed, access=access_of(packed))
    return list(plan_page(finish(plan, 1)))


def elements(page: Page) -> int:
    return int(page.evaluate("document.querySelectorAll('*').length"))


def test_a_hundred_thousand_changes_are_a_few_elements_and_all_are_reached(show: Open, many: list[bytes]) -> None:
    page = show(many)
    found = page.locator(".found")
    expect(found).to_have_text("100,000 in 1,001 groups")
    assert elements(page) < FEW_ELEMENTS
    assert page.locator(".row").count() == 0, "with so many, organizations are closed"
    page.locator(".group .line").first.click()
    expect(page.locator(".row").first).to_be_visible()
    assert elements(page) < FEW_ELEMENTS
    page.keyboard.press("End")
    assert focused(page) == "o1998"
    expect(page.locator("[role=treeitem]:focus")).to_be_in_viewport()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "m10001@acme.example"
    page.fill("[name=search]", "m77777@")
    expect(found).to_have_text("1 of 100,000 in 1 group")
    expect_names(page, "m77777@acme.example")
    page.fill("[name=search]", "")
    page.fill("[name=organization]", "acme")
    expect(found).to_have_text("50,000 of 100,000 in 1 group")
    assert elements(page) < FEW_ELEMENTS


IN_THE_WINDOW = """[300, 500, 700].map((y) => document.elementFromPoint(640, y).closest("[role=treeitem]")?.at)
    .find((at) => at !== undefined) ?? -1"""


def reached(page: Page) -> int:
    """Return the place in the list of what is in the window, as soon as the list has noticed where the window is."""
    for _ in range(100):
        if (at := int(page.evaluate(IN_THE_WINDOW))) >= 0:
            return at
        page.wait_for_timeout(50)
    raise AssertionError("nothing is there")


def test_what_is_scrolled_to_is_there_and_what_is_scrolled_past_is_not(show: Open, many: list[bytes]) -> None:
    page = show(many, "#organization=acme")
    expect(page.locator(".row").first).to_be_visible()
    seen = set()
    for share in (0.2, 0.4, 0.6, 0.8):
        page.evaluate(f"window.scrollTo({{top: document.body.scrollHeight * {share}, behavior: 'instant'}})")
        seen.add(reached(page))
        assert elements(page) < FEW_ELEMENTS
    assert len(seen) == 4


@pytest.mark.parametrize(
    "text", ["</script>", "<!--<script>", " ".join(ODD)], ids=["an end", "a comment", "everything"]
)
def test_what_others_chose_does_nothing(show: Open, text: str) -> None:
    script = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    page = show(plan_page(odd(f"{text}{script}")))
    open_all(page)
    assert page.locator("img, iframe, main script").count() == 0
    assert script in (page.text_content("main") or "")


def test_without_a_script_the_summary_and_the_changes_are_there(show: Open) -> None:
    page = show(page_of(RICH), java_script_enabled=False)
    expect(page.locator("h1")).to_have_text("8 people gain access and 13 people lose access")
    expect(page.locator("#static")).to_contain_text("update Organization/acme")
    expect(page.locator("#static")).to_contain_text('mfa_policy: "REQUIRED_FOR_ALL" → "OPTIONAL"')
    expect(page.locator(".picture")).to_be_visible()


def test_what_is_chosen_is_printed_on_white(show: Open, many: list[bytes]) -> None:
    page = show(page_of(RICH), color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("form")).to_be_hidden()
    expect(page.locator("nav")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 28, 30)"
    page = show(many, "#organization=acme")
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert 2000 <= page.locator("[role=treeitem]").count() < 2500
    assert page.evaluate("getComputedStyle(document.querySelector('.tree'), '::after').content").startswith(
        '"The first 2000 of 50001'
    )
