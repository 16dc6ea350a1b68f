"""Reports of grids, rankings and tables, whole or not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import intertrain_jax as ij
from intertrain_jax.base import IntertrainError
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.report import default_folder, report, watched
from tests.experiments import FakeEngine, write_experiment


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_committed_results_make_a_site_twice_the_same(repository: Path, tmp_path: Path) -> None:
    sources = [repository / "results" / name for name in ("real-small", "real-small-rank")]
    first = ij.report(*sources, out=tmp_path / "one", figures=False)
    again = ij.report(*sources, out=tmp_path / "one", figures=False)
    assert first.written.changed == first.written.files and again.written.changed == 0
    assert [board.title for board in first.boards] == ["real-small", "real-small-rank"]
    assert first.notes == () and first.index.is_file()
    models = {model.name: model for model in first.boards[0].models}
    gains = ij.results(sources[0]).gains
    assert models["rte"].cells["trec_coarse"].gain == pytest.approx(gains.loc["rte", "trec_coarse"])
    assert models["rte"].cells["rte"].own and not models["rte"].cells["trec_coarse"].own
    page = (tmp_path / "one" / "real-small" / "models" / "rte.html").read_text()
    assert "trained on it" in page and "fingerprint of weights" in page


def test_a_grid_with_failures_says_what_is_missing(tmp_path: Path) -> None:
    config = write_experiment(tmp_path, seeds=1)
    failures = {"alpha:beta:0": "Its <b>loss</b> diverged."}
    done = grid(config, runner=FakeEngine(failures=failures))
    site = report(done, out=tmp_path / "site", figures=False)
    (board,) = site.boards
    alpha = next(model for model in board.models if model.name == "alpha")
    assert alpha.status == "partial" and "diverged" in alpha.reason
    assert any("one seed" in text for text in board.missing)
    assert any("no linear probe" in text for text in board.missing)
    text = (tmp_path / "site" / board.slug / "index.html").read_text()
    assert "&lt;b&gt;loss" in text and "<b>loss" not in text


def test_a_grid_of_which_all_failed_is_a_page_too(tmp_path: Path) -> None:
    config = write_experiment(tmp_path, seeds=1)
    every = {f"{b}:{t}:0": "Broken." for b in ("PT", "alpha", "beta") for t in ("alpha", "beta")}
    done = grid(config, runner=FakeEngine(failures=every))
    (board,) = report(done, out=tmp_path / "site", figures=False).boards
    assert board.result is None and board.tested == 0
    assert {model.status for model in board.models} == {"failed"}
    assert "no gain" in (tmp_path / "site" / board.slug / "analysis.html").read_text()


def test_conflicts_are_shown_and_equal_titles_told_apart(repository: Path, tmp_path: Path) -> None:
    first, second = repository / "results" / "real-small", tmp_path / "real-small"
    shutil.copytree(first, second)
    file = next(iter(sorted(second.glob("records/rte/PT--0--*.json"))))
    raw = json.loads(file.read_text())
    raw["result"]["test"] = 100 * 100 / raw["result"]["n_test"]
    file.write_text(json.dumps(raw))
    site = report(first, second, out=tmp_path / "site", figures=False)
    apart, note = site.notes
    assert apart.startswith("real-small and real-small (2) are rankings of their own: PT scores")
    assert raw["id"] in note and "real-small (2)" in note
    assert note in (tmp_path / "site" / "index.html").read_text()
    assert [len(board.conflicts) for board in site.boards] == [1, 1]


def test_a_leaderboard_shows_rows_without_scores_and_those_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = 60 + rng.normal(size=(12, 5)) + np.arange(5) * 6
    table = pd.DataFrame(rows.round(3), columns=["mnli", "rte", "cola", "sst2", "wic"])
    table.insert(0, "avg", table.mean(axis=1))
    table.insert(1, "mnli_lp", [np.nan, *range(50, 61)])
    table.insert(0, "model_name", ["roberta-base", *[f"m{i}" for i in range(10)], "untested"])
    table.loc[11, ["avg", "mnli", "rte", "cola", "sst2", "wic"]] = np.nan
    path = tmp_path / "board.csv"
    table.to_csv(path, index=False)
    (board,) = report(path, out=tmp_path / "site", figures=False).boards
    status = {model.name: model.status for model in board.models}
    assert len(status) == 11 and status["untested"] == "not tested" and status["m0"] == "complete"
    assert not list((tmp_path / "site" / board.slug / "models").glob("untested*"))


def test_the_published_leaderboard_is_pages_of_bearable_size(
    published: Path, tmp_path: Path
) -> None:
    source = published / "model-recycling" / "roberta-base_table.csv"
    site = report(source, out=tmp_path / "site", figures=False)
    (board,) = site.boards
    rows, targets = pd.read_csv(source)["model_name"].nunique(), len(board.targets)
    known = [model for model in board.models if model.status != "not tested"]
    assert (len(board.models), len(known), targets) == (rows, 386, 36)
    pages = {path: path.stat().st_size for path in (tmp_path / "site").rglob("*.html")}
    assert max(pages.values()) < 1_500_000
    assert sum(path.parent.name == "models" for path in pages) == len(known)
    text = (tmp_path / "site" / board.slug / "index.html").read_text("utf-8")
    table = text[text.index('id="ranking"') : text.index("</table>")]
    assert table.count('<th scope="row"') == rows
    assert table.count("not tested: It has no score on any target.") == rows - len(known)
    text = text.replace("<wbr>", "")
    assert all(text.count("<bdi>" + escape(m.name) + "</bdi>") for m in board.models)


BOARD = ",model_name,avg,mnli_lp,a,b\n0,base,60,,50,70\n"
RUNS = "base,target,seed,score\nPT,a,0,50\n"


@pytest.mark.parametrize(
    ("text", "tested", "said"),
    [
        (BOARD + "1,x/y,65,50,60,70\n", 1, "too little of it"),
        (BOARD + "1,x/y,60,,60,\n2,z,,51,,\n", 1, "1 row has no score"),
        ("base,rte\nx,1\n", 1, "nothing is known of seeds"),
        ("base,rte,cola\nx,1,2\ny,-1,\n", 2, "no linear probe"),
        (RUNS + "x,a,0,60\n", 1, "too little of it"),
        (RUNS + "x,a,0,60\ny,a,0,\nPT,b,0,50\nx,b,0,\ny,b,0,70\n", 1, "There is one seed"),
    ],
)
def test_small_tables_are_pages_that_say_what_is_missing(
    tmp_path: Path, text: str, tested: int, said: str
) -> None:
    table = tmp_path / "base_table.csv"
    table.write_text(text)
    (board,) = report(table, out=tmp_path / "site", figures=False).boards
    assert board.tested == tested and any(said in line for line in board.missing)
    page = (tmp_path / "site" / board.slug / "analysis.html").read_text()
    assert "Not computed, because" in page and board.times is None


def test_pages_are_as_of_the_last_run(tmp_path: Path) -> None:
    done = grid(write_experiment(tmp_path, seeds=1), runner=FakeEngine())
    runs = done.stored.by_key
    times = sorted(str(record.finished) for record in runs.values())
    dated = {key: replace(r, finished="2026-11-20T00:00:00Z") for key, r in runs.items()}
    made = [replace(done, stored=replace(done.stored, by_key=one)) for one in (runs, dated)]
    (now,), (then,) = (report(m, out=tmp_path / "site", figures=False).boards for m in made)
    assert now.times == (times[0], times[-1]) and len(times[0]) == len("2026-11-20T00:00:00Z")
    assert "As of 2026-11-20." in (tmp_path / "site" / "index.html").read_text()
    assert "2026-11-20" in (tmp_path / "site" / then.slug / "index.html").read_text()


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_what_is_no_input_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(IntertrainError):
        report(tmp_path / name, out=tmp_path / "site")
    assert not (tmp_path / "site").exists()
    with pytest.raises(IntertrainError, match="needs RESULTS"):
        report(out=tmp_path / "site")


def test_watching_renews_what_changed_and_outlives_errors(repository: Path, tmp_path: Path) -> None:
    source = tmp_path / "grid"
    lines = watched([source], tmp_path / "site", False, 0.01)
    assert "not renewed" in next(lines)
    shutil.copytree(repository / "results" / "real-small", source)
    assert "pages renewed" in next(lines)
    assert default_folder(source) == tmp_path / "grid-report"
