"""Rendered sites: hostile names stay text, links resolve, and bytes repeat."""

from __future__ import annotations

import io
import posixpath
import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import pandas as pd
import pytest

from intertrain_jax.site.render import render
from tests.boards import HOSTILE, board, hostile_board

SCRIPTS = {"dataTables.min.js", "grid.js", "ranking.js", "compare.js"}


class Page(HTMLParser):
    """Collects a page's elements, addresses and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def pages(files: dict[str, bytes]) -> dict[str, Page]:
    return {p: Page(c.decode()) for p, c in files.items() if p.endswith(".html")}


@pytest.fixture(scope="module")
def hostile() -> dict[str, bytes]:
    return render([hostile_board()], HOSTILE, refresh=None)


def test_every_link_resolves_inside_the_site(hostile: dict[str, bytes]) -> None:
    files = {**hostile, **render([board()])}
    for path, page in pages(files).items():
        for tag, found in page.tags:
            for name in ("href", "src"):
                link = found.get(name)
                if link is None or link.startswith(("#", "data:")):
                    continue
                assert not re.match(r"[a-z]+:", link), (path, tag, link)
                place = posixpath.join(posixpath.dirname(path), unquote(link.split("#")[0]))
                assert posixpath.normpath(place) in files, (path, link)


def test_names_of_strangers_are_text(hostile: dict[str, bytes]) -> None:
    for path, page in pages(hostile).items():
        for tag, found in page.tags:
            assert not any(name.startswith("on") for name in found), (path, tag, found)
            if tag == "script" and found.get("type") != "application/json":
                assert posixpath.basename(str(found.get("src"))) in SCRIPTS, (path, found)
            assert tag != "img", path
        assert not re.search("[\u202a-\u202e]", hostile[path].decode())
    text = unescape(hostile["tiny/index.html"].decode())
    for name in HOSTILE[:6]:
        assert name in text


def test_files_of_a_site_are_named_harmlessly(hostile: dict[str, bytes]) -> None:
    for path in hostile:
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", path) and ".." not in path and len(path) < 110
    assert sum(path.startswith("tiny/models/") for path in hostile) == len(HOSTILE)


def test_csv_cells_are_no_formulas_and_read_back(hostile: dict[str, bytes]) -> None:
    table = pd.read_csv(io.BytesIO(hostile["tiny/ranking.csv"]), dtype={"model": str})
    assert len(table) == len(HOSTILE)
    for column in ("model", "reason"):
        assert not table[column].str.startswith(("=", "+", "-", "@")).any()
    assert "'=cmd()" in set(table["model"])
    numbers = pd.read_csv(io.BytesIO(render([board()])["tiny/ranking.csv"]))
    assert numbers["gain: t1"].tolist()[:3] == [4.0, 1.0, -1.0]


def test_the_same_boards_give_the_same_bytes() -> None:
    assert render([board()]) == render([board()])


def test_tables_are_whole_without_scripts_and_sort_by_numbers() -> None:
    text = render([board()])["tiny/index.html"].decode()
    page = Page(text)
    orders = [f["data-order"] for tag, f in page.tags if tag == "td" and "data-order" in f]
    assert "4" in orders and "+4.0" not in orders
    # Rank, between, groups, name, gain, interval, probe, targets, seeds, status, two targets.
    assert sum(tag == "tr" for tag, _ in page.tags if tag == "tr") >= 5
    assert "Its file is damaged." in text and "1 of 2 targets have no gain." in text
    assert 'http-equiv="refresh"' not in text
    assert 'content="5"' in render([board()], refresh=5)["index.html"].decode()


def test_a_board_of_nothing_says_so() -> None:
    empty = render([board(models=(), targets=(), findings=())])
    assert "No model has a gain" in empty["tiny/matrix.html"].decode()
    assert "no two models" in empty["tiny/compare.html"].decode()
    assert "Nothing was found" in empty["tiny/findings.html"].decode()
    unseen = render([board(findings=(), examined=False)])["tiny/findings.html"].decode()
    assert "Nothing was found" not in unseen and "were not examined" in unseen
