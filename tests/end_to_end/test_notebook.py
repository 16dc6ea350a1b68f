"""The notebook's cells, run one after another as a kernel would."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from intertrain_jax.workflows.report import report


def run_cells(path: Path, instead: tuple[str, str]) -> dict[str, Any]:
    """Runs the code cells of a notebook; returns what they leave, and under `_` the cells' values.

    Of `instead`, the second stands for the first: the cells are those of readers, but may do less.
    """
    text = path.read_text("utf-8")
    assert text.count(json.dumps(instead[0])[1:-1]) == 1
    notebook = json.loads(text.replace(*(json.dumps(x)[1:-1] for x in instead)))
    space: dict[str, Any] = {"__name__": "__main__"}
    values = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell["id"], "exec"), space)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), cell["id"], "eval"), space)
            values.append(repr(value))
    return {**space, "_": values}


@pytest.mark.timeout(900)
def test_the_notebook_runs(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    less = '"protocol.epochs": 1, "data.limit": 64, "engine.lanes": 4, "engine.devices": 1'
    shorter = ('"protocol.epochs": 3', less)
    left = run_cells(repository / "examples" / "quickstart.ipynb", shorter)
    run = left["run"]
    assert run.counts == (12, 0)
    assert run.gains.shape == (2, 2) and run.gains.notna().all(axis=None)
    assert isinstance(left["study"].models, pd.DataFrame)
    assert all(left["_"])
    assert capsys.readouterr().out == "", "nothing is printed unless asked"
    assert (tmp_path / "results" / "notebook" / "analysis" / "gains.csv").is_file()
    # Its report shows what is in memory and what lies on disk alike.
    site = report(run, out=tmp_path / "site", figures=False)
    (board,) = site.boards
    assert {model.status for model in board.models} == {"complete"} and board.progress is None
    assert [model.cells.keys() for model in board.models] == 2 * [set(run.gains.columns)]
    again = report(tmp_path / "results" / "notebook", out=tmp_path / "site", figures=False)
    assert again.written.files > 15 and again.written.changed == 0
