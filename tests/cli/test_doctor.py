"""`doctor`."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from intertrain_jax.cli import CommandGroup
from intertrain_jax.cli.doctor import command
from intertrain_jax.workflows.grid import grid
from tests.experiments import FakeEngine, write_experiment


def doctor(*arguments: object) -> Result:
    group: click.Group = CommandGroup("main")
    group.get_command = lambda ctx, name: command  # type: ignore[method-assign]
    return CliRunner().invoke(group, ["doctor", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    """Scores of 20 models; cells of two columns are swapped in the fourth row."""
    scores = np.linspace(50, 90, 5) + np.random.default_rng(0).normal(size=(20, 5))
    sizes = np.array([277, 408, 638, 104, 1043])
    scores = np.rint(scores / 100 * sizes) / sizes * 100
    table = pd.DataFrame(scores.round(4), columns=["rte", "mrpc", "wic", "wsc", "cola"])
    table.loc[3, ["rte", "cola"]] = table.loc[3, ["cola", "rte"]].to_numpy()
    table.insert(0, "base", [f"model [bold]{row}[/bold]" for row in range(20)])
    path = tmp_path / "scores.csv"
    table.to_csv(path, index=False)
    return path


def test_findings_are_printed_and_written_and_the_input_stays(matrix: Path, tmp_path: Path) -> None:
    before = matrix.read_bytes()
    result = doctor(matrix, "--out", tmp_path / "f.csv", "--repair", tmp_path / "r.csv")
    assert result.exit_code == 1
    assert "20 rows × 5 columns" in result.output and "1 finding: 1 swapped" in result.output
    assert "[bold]3[/bold]" in result.output.replace("\n", "")
    written = pd.read_csv(tmp_path / "f.csv")
    assert written[["row", "rule", "severity"]].to_numpy().tolist() == [[3, "swapped", "error"]]
    assert matrix.read_bytes() == before
    assert doctor(tmp_path / "r.csv").exit_code == 0
    lines = zip(
        before.decode().splitlines(), (tmp_path / "r.csv").read_text().splitlines(), strict=True
    )
    assert [line for line, (old, new) in enumerate(lines) if old != new] == [4]


def test_what_is_not_repaired_is_listed_with_its_reason(matrix: Path, tmp_path: Path) -> None:
    table = pd.read_csv(matrix)
    table.loc[7, "wsc"] += 0.2
    table.to_csv(matrix, index=False)
    output = " ".join(doctor(matrix, "--repair", tmp_path / "r.csv").output.split())
    assert "A copy with 1 row repaired" in output
    assert "Not repaired: row 7: No move of cells explains the row." in output


def test_how_the_file_is_written_is_said(matrix: Path) -> None:
    text = matrix.read_text().replace(",", ";").replace(".", ",")
    matrix.write_text(text, "utf-16")
    output = " ".join(doctor(matrix).output.split())
    assert "read as UTF-16; columns are separated by semicolons; commas in numbers are" in output


def test_nothing_is_repaired_in_place(matrix: Path) -> None:
    before = matrix.read_bytes()
    for option in ("--repair", "--out"):
        result = doctor(matrix, option, matrix)
        assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert matrix.read_bytes() == before


def test_names_cannot_steer_the_terminal(matrix: Path) -> None:
    matrix.write_text(matrix.read_text().replace("model [bold]3", "\x1b]0;x\x07[red]3"), "utf-8")
    assert "\x1b]0" not in doctor(matrix).output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base,a,b\nx,1.5,2\ny,text,3\nz,4,5\n", "row 'y', column 'a' must be a number or empty"),
        ("base,a,b\nx,50,2\ny,1,3\n", "at least 3 models, has 2"),
        ("base,a,b\nx,,\ny,,\nz,,\n", "all 6 are missing"),
        ("base,a,a\nx,50,2\ny,1,3\nz,1,3\n", "column 'a' must be there once"),
        ("not a table", "must be a table with a header"),
        ("base,target,seed,score\nx,t,0,50\nx,t,0,51\n", "one row per run"),
        (
            ",model_name,avg,mnli_lp,a\n0,x,5,5,5\n1,y,5,5,5\n2,z,5,5,5\n",
            "must have the pretrained",
        ),
    ],
)
def test_bad_input_gets_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")
    result = doctor(path)
    assert result.exit_code == 2
    assert message in result.stderr and result.stderr.count("\n") == 1


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    assert "there is none" in doctor(tmp_path / "nothing").stderr
    assert "has none" in doctor(tmp_path).stderr


def test_long_scores_are_compared_by_seed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        (f"m{m}", target, seed, round(centre + rng.normal(), 2))
        for m in range(5)
        for seed in range(3)
        for target, centre in (("a", 50), ("b", 70), ("c", 90))
    ]
    rows[0] = ("m0", "a", 0, 120.0)
    path = tmp_path / "scores.csv"
    pd.DataFrame(rows, columns=["base", "target", "seed", "score"]).to_csv(path, index=False)
    result = doctor(path)
    assert result.exit_code == 1 and "m0, seed 0" in result.output
    assert "1 out of range (error)" in result.output
    assert "--repair mends tables" in doctor(path, "--repair", tmp_path / "r.csv").stderr


def test_a_results_directory(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    grid(config, runner=FakeEngine(failures={"PT:beta:0": "diverged"}))
    (config.out_dir / "records" / "notes.json").write_text("{}", "utf-8")
    result = doctor(config.out_dir)
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert "records of 12 runs, 9 done, 3 failed" in text
    assert "1 unreadable (error)" in text and "3 failed (warning)" in text
