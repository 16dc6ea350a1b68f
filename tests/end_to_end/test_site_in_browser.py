"""The site in a real browser: sorting, filtering, keyboard, address, no request, accessibility.

Needs Debian's `chromium`, and for Python `pip install '.[browser]'`: playwright's client and axe-core.
Where they are missing, what needs them is skipped with the reason.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.site.render import render
from intertrain_jax.site.writing import write_site
from tests.boards import board, hostile_board, long_board

CHROMIUM = shutil.which("chromium")
_AXE = importlib.util.find_spec("axe_playwright_python")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "site"
    hostile = replace(hostile_board(), slug="hostile")
    boards = [board(), long_board(), hostile]
    write_site(folder, render(boards))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright's client is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install chromium")
    with api.sync_playwright() as play:
        yield play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


class Tab:
    """A page of the site, and what it complained of or asked for."""

    def __init__(self, browser: Any, site: Path, width: int = 1600, scheme: str = "light") -> None:
        size = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.page, self.site = self.context.new_page(), site
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.site.as_uri(), "data:", "blob:")):
            self.said.append(f"asked for {url}")

    def open(self, path: str) -> Any:
        self.page.goto(f"{self.site.as_uri()}/{path}")
        return self.page


def representative(site: Path) -> list[Path]:
    """Returns every page of the tiny board, and every kind of page of the hostile one."""
    kinds = [
        p
        for p in sorted(site.rglob("*.html"))
        if p.is_relative_to(site / "tiny") or p.parent.name not in ("models", "targets", "long")
    ]
    return kinds + [
        sorted(site.glob(f"hostile/{folder}/*.html"))[0] for folder in ("models", "targets")
    ]


def names(page: Any) -> list[str]:
    return list(page.locator("#ranking tbody tr:visible th").all_text_contents())


def test_every_column_sorts_by_numbers_both_ways(browser: Any, site: Path) -> None:
    tab = Tab(browser, site)
    page = tab.open("tiny/index.html")
    for index in range(page.locator("#ranking thead th").count()):
        seen = []
        for _ in range(2):
            page.locator("#ranking thead th").nth(index).press("Enter")
            seen.append(names(page))
        assert set(seen[0]) == set(seen[1])
    page.locator("#ranking thead th").nth(2).press("Enter")
    assert names(page) == ["good", "middle", "part", "broken"]
    page.locator("#ranking thead th").nth(2).press("Enter")
    # What has no number is last in every order.
    assert names(page) == ["part", "middle", "good", "broken"]
    assert (
        page.locator("#ranking tbody tr", has_text="good").locator("td").first.inner_text() == "1"
    )
    assert tab.said == []


def test_sorting_a_long_ranking_lays_out_only_what_is_seen(browser: Any, site: Path) -> None:
    page = Tab(browser, site).open("long/index.html")
    laid_out = "r => r.cells[0].checkVisibility({contentVisibilityAuto: true})"
    for way in (1, -1):
        page.locator("#ranking thead th", has_text="t3").press("Enter")
        page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
        seen = page.evaluate(f"[...document.querySelector('#ranking tbody').rows].map({laid_out})")
        assert len(seen) == 300 and seen[0] and not seen[-1] and sum(seen) < 150
        ranked = [name for name in names(page) if not name.startswith("left")]
        assert ranked == sorted(ranked, key=lambda name: int(name[1:]), reverse=way > 0)
    left = "[...r.cells].map(c => [c.getBoundingClientRect().left, c.offsetWidth])"
    rows = "[ranking.tHead.rows[0], ranking.tBodies[0].rows[2]]"
    head, row = page.evaluate(f"{rows}.map(r => {left})")
    assert [x for pair in head for x in pair] == pytest.approx([x for p in row for x in p], abs=1.5)
    page.fill("#q", "left 7")
    assert page.inner_text("#count") == "1 of 320 models"
    assert page.locator("#without tr:visible td").all_text_contents() == [
        "",
        "not tested: No score.\n",
    ]
    page.fill("#q", "")
    assert page.locator("#ranking tbody tr:visible").count() == 320
    page.emulate_media(media="print")
    shown = page.evaluate("getComputedStyle(ranking.tBodies[0].rows[299]).display")
    assert shown == "table-row" and page.locator("#without tr:visible").count() == 20


def test_filters_stay_in_the_address_and_ranks_do_not_renumber(browser: Any, site: Path) -> None:
    page = Tab(browser, site).open("tiny/index.html")
    page.fill("#q", "mid")
    assert names(page) == ["middle"]
    assert page.locator("#ranking tbody tr td").first.inner_text() == "2"
    page.reload()
    assert names(page) == ["middle"] and page.input_value("#q") == "mid"
    page.click("#reset")
    page.select_option("#col", label="t1")
    page.fill("#min", "1")
    page.locator("#ranking thead th").nth(2).press("Enter")
    page.locator("#ranking thead th").nth(2).press("Enter")
    assert names(page) == ["middle", "good"]
    page.reload()
    assert names(page) == ["middle", "good"] and "2 of 4" in page.inner_text("#count")
    with page.expect_download() as download:
        page.click("#csv")
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert len(lines) == 3 and lines[1].startswith("2,middle,1,")


def test_a_row_is_copied_with_all_its_digits(browser: Any, site: Path) -> None:
    page = Tab(browser, site).open("tiny/index.html")
    for filtered, wanted in (
        ("good", "1\tgood\t3\t"),
        ("broken", "\tbroken\t\t\t\t\t\t\t\tfailed: Its"),
    ):
        page.fill("#q", filtered)
        page.locator("#ranking tbody tr:visible td").last.click()
        page.click("#copy")
        assert page.inner_text("#count") == f"Copied: {filtered}"
        # What was copied is read back as people do: by pasting it.
        page.fill("#q", "")
        page.focus("#q")
        page.keyboard.press("Control+V")
        assert page.input_value("#q").startswith(wanted)


def test_arrow_keys_move_in_one_tab_stop_and_cells_say_what_they_are(
    browser: Any, site: Path
) -> None:
    for path in ("tiny/index.html", "tiny/matrix.html"):
        page = Tab(browser, site).open(path)
        assert page.locator("table.grid [tabindex='0']").count() == 1
        page.locator("table.grid thead th").first.focus()
        for key in ("ArrowDown", "End"):
            page.keyboard.press(key)
        assert "good · t2 · +2.0" in page.inner_text("#said")
        assert "[+0.00, +4.00]" in page.inner_text("#said")
        assert page.locator("table.grid [tabindex='0']").count() == 1


def test_any_two_models_are_compared_as_the_page_compares_the_first(
    browser: Any, site: Path
) -> None:
    page = Tab(browser, site).open("tiny/compare.html")
    before = page.inner_text("#mean"), page.locator("#compare td").all_inner_texts()
    page.select_option("#b", "2")
    assert "-1.00" in page.inner_text("#compare")
    page.select_option("#b", "1")
    assert (page.inner_text("#mean"), page.locator("#compare td").all_inner_texts()) == before


@pytest.mark.parametrize("width", [375, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_is_silent(browser: Any, site: Path, width: int, scheme: str) -> None:
    tab = Tab(browser, site, width, scheme)
    for path in representative(site):
        page = tab.open(path.relative_to(site).as_posix())
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, (path.name, wide)
    assert tab.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, site: Path, scheme: str) -> None:
    if _AXE is None or _AXE.origin is None:
        pytest.skip("no axe-core: pip install axe-playwright-python")
    script = Path(_AXE.origin).with_name("axe.min.js").read_text("utf-8")
    tab = Tab(browser, site, scheme=scheme)
    # Colours are all that differs in the dark, and names are what differs in the hostile board.
    rules = ", runOnly: ['color-contrast']" if scheme == "dark" else ""
    for path in representative(site):
        if path.parent.name == "hostile" and path.name != "index.html":
            continue
        page = tab.open(path.relative_to(site).as_posix())
        page.evaluate(script)
        found = page.evaluate(f"axe.run({{preload: false{rules}}}).then(r => r.violations)")
        bad = [one for one in found if one["impact"] in ("serious", "critical")]
        told = [(one["id"], [n["html"][:150] for n in one["nodes"][:2]]) for one in bad]
        assert told == [], path.relative_to(site)
