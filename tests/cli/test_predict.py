"""`predict`: CSV on the standard output or in a file, notes beside it."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
from click.testing import CliRunner

from intertrain_jax.cli import main
from tests.experiments import write_tokenizer
from tests.models.tiny_models import ModelFactory


def test_the_table_goes_to_the_output_and_notes_beside_it(tmp_path: Path) -> None:
    model = write_tokenizer(
        ModelFactory(tmp_path)("bert", 3, id2label={"0": "no", "1": "yes", "2": "?"})
    )
    rows = tmp_path / "rows.csv"
    rows.write_text("text,id\ngood film,1\n,2\n", "utf-8")
    run = CliRunner().invoke(main, ["predict", str(model), str(rows)])
    assert run.exit_code == 0, run.stderr
    table = pd.read_csv(io.StringIO(run.stdout))
    assert list(table.columns)[:3] == ["text", "id", "label"] and list(table["id"]) == [1, 2]
    assert "1 row without text: no answer" in run.stderr
    out = tmp_path / "out.csv"
    run = CliRunner().invoke(main, ["predict", str(model), str(rows), "--out", str(out)])
    assert run.exit_code == 0 and run.stdout == ""
    assert f"2 rows with 'label' are in {out}" in run.stderr
    pd.testing.assert_frame_equal(pd.read_csv(out), table)


def test_the_file_that_is_read_is_never_written(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text\nx\n", "utf-8")
    run = CliRunner().invoke(main, ["predict", "quickstart", str(rows), "--out", str(rows)])
    assert run.exit_code == 2 and "must not be the file that is read" in run.stderr
    assert rows.read_text("utf-8") == "text\nx\n"
