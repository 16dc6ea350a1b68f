"""`analyze --pairs`: correlations and a line of two columns; bad input in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from intertrain_jax.cli import main
from tests.stats.studies import planted_scores


def analyze(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, arguments)], catch_exceptions=False)


def flat(result: Result) -> str:
    """What was printed, without the breaks of lines and the blanks of columns."""
    return " ".join(result.output.split())


def test_table_4_of_the_paper(published: Path, tmp_path: Path) -> None:
    file = published / "paper_table4_roberta.csv"
    pairs = ("--pairs", file, "--x", "lp_gain_mnli", "--y", "avg_gain_general")
    result = analyze(*pairs, "--out", tmp_path / "o")
    assert result.exit_code == 0
    # Of 66 models of 36 owners; as of 66 independent ones, the intervals would be those below.
    assert "Pearson 0.66 [+0.26, +0.86]" in flat(result) and "66 in 36 groups" in flat(result)
    plain = flat(analyze(*pairs, "--cluster", "none", "--out", tmp_path / "plain"))
    assert "Pearson 0.66 [+0.49, +0.78]" in plain and "groups" not in plain
    assert "Spearman 0.51 [+0.29, +0.68]" in plain
    assert "avg_gain_general = 0.126·lp_gain_mnli − 1.83; slope [" in flat(result)
    assert "66 of 66 rows" in flat(result)
    text = (tmp_path / "o" / "summary.json").read_text("utf-8")
    found = json.loads(text)["statistics"]["probe_gain"]
    assert found["pearson"]["value"] == pytest.approx(0.66, abs=0.005)
    assert found["line"]["slope"] == pytest.approx(0.126, abs=0.0005)
    assert found["line"]["intercept_low"] < -1.83 < found["line"]["intercept_high"]
    assert (tmp_path / "o" / "figures" / "probe_gain.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--pairs needs the names of two columns"),
        (["--x", "seeds", "--y", "score"], "Did you mean 'seed'"),
        (["--x", "target", "--y", "score"], "column 'target' must be a number"),
    ],
)
def test_bad_columns_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    planted_scores().to_csv(tmp_path / "scores.csv", index=False)
    result = analyze("--pairs", tmp_path / "scores.csv", *arguments)
    assert result.exit_code == 2 and message in result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]
