"""`analyze`: from directories and files to summary, tables, figures and lines; bad input in one line."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from intertrain_jax.cli import main
from intertrain_jax.workflows.grid import grid
from tests.experiments import FakeEngine, write_experiment
from tests.stats.studies import planted_scores


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def analyze(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["analyze", *map(str, arguments)], catch_exceptions=False)


def flat(result: Result) -> str:
    """What was printed, without the breaks of lines and the blanks of columns."""
    return " ".join(result.output.split())


def summary(folder: Path) -> dict:  # type: ignore[type-arg]
    found: dict = json.loads((folder / "summary.json").read_text("utf-8"))  # type: ignore[type-arg]
    return found


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    planted_scores().to_csv(path, index=False)
    return path


def test_a_published_leaderboard(published: Path, tmp_path: Path) -> None:
    file = published / "model-recycling" / "roberta-base_table.csv"
    began = time.process_time()
    result = analyze("--leaderboard", file, "--out", tmp_path / "o")
    # About five seconds on two cores that have nothing else to do; busy ones count three times that.
    assert time.process_time() - began < 25.0
    assert result.exit_code == 0
    found = summary(tmp_path / "o")
    rows = {row["row"] for row in found["study"]["left_out"]}
    assert found["study"]["base_models"] + len(rows) == 386
    assert found["study"]["targets"] == 36
    intact, published_rows, others = found["statistics"]["probe_gain"]["rows"]
    assert (intact["pearson"]["n"], published_rows["pearson"]["n"]) == (386 - len(rows), 386)
    table = pd.read_csv(file)[["model_name", "avg", "mnli_lp"]].dropna()
    kept = table.drop(index=list(rows))
    # Without the owner of most models, of which nearly all are checkpoints of one series.
    without = kept[~kept["model_name"].str.startswith("ibm/")]
    assert len(kept) - len(without) == 37 and others["models"].endswith("the 37 models of ibm")
    for row, frame in ((published_rows, table), (intact, kept), (others, without)):
        for kind in ("pearson", "spearman"):
            value = frame["avg"].corr(frame["mnli_lp"], kind)
            assert row[kind]["value"] == pytest.approx(value, abs=1e-3)
    for row in (intact, published_rows, others):
        assert row["pearson"]["low"] < row["pearson"]["value"] < row["pearson"]["high"]
        assert 50 < row["pearson"]["clusters"] < row["pearson"]["n"]
    regressors = {r["kind"]: r for r in found["statistics"]["regression"]["regressors"]}
    assert regressors["bilinear"]["mse"] < regressors["target"]["mse"]
    assert regressors["bilinear"]["held_out_mse"] < regressors["bilinear"]["held_out_variance"]
    assert {"loss_1_by_probe", "loss_3_by_probe"} <= set(found["statistics"]["loss"])
    assert "not known: no cell has two seeds" in flat(result)
    listed = (tmp_path / "o" / "tables" / "left_out.md").read_text("utf-8")
    assert "facebook/muppet-roberta-base" in listed
    kept = analyze("--leaderboard", file, "--out", tmp_path / "kept", "--keep-suspicious")
    assert "386 base models, 36 targets" in flat(kept)


def test_a_grid_s_directory(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    grid(config, runner=FakeEngine())
    analysis = config.out_dir / "analysis"
    before = {path.name: path.read_bytes() for path in analysis.glob("*.*")}
    for path in before:
        (analysis / path).unlink()
    for arguments in ([config.out_dir], ["--out", config.out_dir]):
        result = analyze(*arguments)
        assert result.exit_code == 0
        assert "best base model" in result.output
        assert {path.name: path.read_bytes() for path in analysis.glob("*.*")} == before
    elsewhere = tmp_path / "elsewhere"
    assert analyze(config.out_dir, "--out", elsewhere).exit_code == 0
    assert (elsewhere / "gains.csv").read_bytes() == before["gains.csv"]


def test_a_directory_may_have_moved(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    grid(config, runner=FakeEngine())
    moved = config.out_dir.rename(tmp_path / "moved")
    assert analyze(moved).exit_code == 0
    assert not config.out_dir.exists()


def test_scores_and_matrix_agree(scores: Path, tmp_path: Path) -> None:
    assert analyze("--scores", scores, "--out", "from-scores").exit_code == 0
    means = planted_scores().groupby(["base", "target"])["score"].mean().unstack()
    gains = (means - means.loc["PT"]).drop(index="PT")
    gains.to_csv("gains.csv")
    assert analyze("--matrix", "gains.csv", "--out", "from-gains").exit_code == 0
    means.to_csv("means.csv")
    assert (
        analyze("--matrix", "means.csv", "--pretrained", "PT", "--out", "from-means").exit_code == 0
    )
    first, second, third = (
        summary(Path(name))["statistics"] for name in ("from-scores", "from-gains", "from-means")
    )
    for name in ("max_gain", "regression", "average_gain", "loss"):
        assert first[name] == second[name] == third[name], name
    assert "noise" in first and "noise" not in second
    assert first["ranks"]["basis"] == "seeds" and second["ranks"]["basis"] == "targets"


def test_files_go_to_results_by_default(scores: Path) -> None:
    result = analyze("--scores", scores)
    folder = Path("results") / "scores-analysis"
    assert str(folder) in flat(result)
    assert {path.name for path in folder.iterdir()} == {"summary.json", "tables", "figures"}


def test_a_name_is_no_path_and_no_markup(tmp_path: Path) -> None:
    table = planted_scores().replace({"m0": "../../[red]x[/red]", "t0": "/etc/t\x1b[31m"})
    table.to_csv("evil.csv", index=False)
    result = analyze("--scores", "evil.csv", "--out", "o")
    assert result.exit_code == 0
    assert "../../[red]x[/red]: average gain" in flat(result)
    assert "\x1b" not in result.output
    assert {path.name for path in Path().iterdir()} == {"evil.csv", "o"}


def test_a_second_architecture(scores: Path) -> None:
    means = planted_scores().groupby(["base", "target"])["score"].mean().unstack()
    (means - means.loc["PT"]).drop(index="PT").to_csv("other.csv")
    assert analyze("--scores", scores, "--with", "other.csv", "--out", "o").exit_code == 0
    found = summary(Path("o"))["statistics"]["architectures"]
    assert found["max_gain_pearson"]["value"] == pytest.approx(1.0)
    assert found["max_gain_pearson"]["n"] == 5


def test_probes_from_a_file(scores: Path) -> None:
    Path("probe.csv").write_text("base,mnli\nm3,42\nm1,50\nm0,60\nm2,45\nm9,99\nm4,\n")
    assert analyze("--scores", scores, "--probe", "probe.csv", "--out", "o").exit_code == 0
    found = summary(Path("o"))["statistics"]
    (probe,) = found["probe_gain"]["rows"]
    assert probe["spearman"]["n"] == 4
    assert probe["spearman"]["value"] == pytest.approx(1.0)
    assert found["loss"]["loss_1_by_probe"]["ranked"] == 4
    assert Path("o/figures/probe_gain.png").is_file()


def test_probes_from_a_ranking(scores: Path, tmp_path: Path) -> None:
    (tmp_path / "rank").mkdir()
    table = "rank,model,status,score\n1,m0,done,60\n2,m1,done,50\n3,m3,done,42\n,m2,failed,\n"
    (tmp_path / "rank" / "ranking.csv").write_text(table)
    assert analyze("--scores", scores, "--probe", tmp_path / "rank", "--out", "o").exit_code == 0
    (probe,) = summary(Path("o"))["statistics"]["probe_gain"]["rows"]
    assert probe["spearman"]["n"] == 3
    assert probe["spearman"]["value"] == pytest.approx(1.0)


def test_a_ranking_in_the_results_directory_is_its_probe(tmp_path: Path) -> None:
    config = write_experiment(tmp_path, targets=["alpha"], seeds=1)
    grid(config, runner=FakeEngine())
    (config.out_dir / "ranking.csv").write_text("model,score\nalpha,60\nbeta,50\n")
    assert analyze(config.out_dir, "--out", "o").exit_code == 0
    models = pd.read_csv("o/tables/table4_models.csv").set_index("base")
    assert models["probe"].to_dict() == {"alpha": 60.0, "beta": 50.0}


def test_probes_from_a_grid_of_probes(tmp_path: Path) -> None:
    folders = []
    for method in ("finetune", "probe"):
        config = write_experiment(
            tmp_path / method, protocol={"method": method}, targets=["alpha"], seeds=1
        )
        grid(config, runner=FakeEngine())
        folders.append(config.out_dir)
    assert analyze(folders[0], "--probe", folders[1], "--out", "o").exit_code == 0
    models = pd.read_csv("o/tables/table4_models.csv").set_index("base")
    records = pd.read_csv(folders[1] / "analysis" / "records.csv")
    records = records[records["target"] == "alpha"].set_index("base")
    assert models.loc["beta", "probe"] == pytest.approx(records.loc["beta", "test"], rel=1e-5)
    result = analyze(folders[0], "--probe", folders[0], "--out", "o")
    assert "runs with protocol.method 'probe', but the runs there have 'finetune'" in result.stderr


def test_grids_at_other_train_sizes(tmp_path: Path) -> None:
    folders = []
    for size in (20, 30):
        config = write_experiment(
            tmp_path / str(size), protocol={"train_size": size}, sources=["alpha", "beta"]
        )
        grid(config, runner=FakeEngine())
        folders.append(config.out_dir)
    result = analyze(folders[0], "--sizes", folders[1], "--out", "o")
    assert result.exit_code == 0
    # The engine that makes up scores says of every run that it trained on 200 examples.
    assert "size_curves" in summary(Path("o"))["not_computed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs one of RESULTS_DIR, --matrix, --scores, --leaderboard and --pairs, got none"),
        (["--matrix", "scores.csv", "--scores", "scores.csv"], "got --matrix and --scores"),
        (["nothing"], "'nothing' is neither a file nor a results directory"),
        (["--out", "nothing"], "'nothing' is neither a file nor a results directory"),
        (["--matrix", "nothing.csv"], "cannot be read"),
        (["--matrix", "scores.csv"], "tables of one score a row have. Give it as --scores"),
        (["--leaderboard", "scores.csv"], "model_name"),
        (["--scores", "gains.csv"], "'base' is missing"),
        (["--scores", "scores.csv", "--pretrained", "pt"], "no base model 'pt'. Did you mean 'PT'"),
        (
            ["--scores", "scores.csv", "--representative", "m9"],
            "--representative must be a base model",
        ),
        (["--scores", "scores.csv", "--x", "score"], "--x is for --pairs only"),
        (
            ["--scores", "scores.csv", "--keep-suspicious"],
            "--keep-suspicious is for --leaderboard only",
        ),
        (["--scores", "scores.csv", "--sizes", "x"], "--sizes is for a results directory only"),
        (
            ["--scores", "scores.csv", "--probe", "gains.csv"],
            "must have scores of base models of 'scores'",
        ),
        (
            ["--leaderboard", "x.csv", "--probe", "gains.csv"],
            "--probe is for inputs other than --leaderboard only",
        ),
    ],
)
def test_bad_input_is_one_line(scores: Path, arguments: list[str], message: str) -> None:
    pd.DataFrame({"model": ["x", "y", "z"], "t": np.ones(3)}).to_csv("gains.csv", index=False)
    before = sorted(path.name for path in Path().iterdir())
    result = analyze(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == before


def test_help_says_where_files_go() -> None:
    text = " ".join(analyze("--help").output.split())
    assert "RESULTS_DIR/analysis, or results/FILE-analysis" in text


@pytest.mark.parametrize("name", ["scores.csv", "gains.csv"])
def test_a_file_that_is_named_alone_is_what_its_columns_say(scores: Path, name: str) -> None:
    models = [f"m{k}" for k in range(4)]
    gains = pd.DataFrame({"model": models, "t": [1.0, 2.0, 3.0, 5.0], "u": [2.0, 1.0, 4.0, 0.0]})
    gains.to_csv("gains.csv", index=False)
    option = {"scores.csv": "--scores", "gains.csv": "--matrix"}[name]
    assert analyze(name, "--out", "alone").exit_code == 0
    assert analyze(option, name, "--out", "told").exit_code == 0
    assert summary(Path("alone")) == summary(Path("told"))
