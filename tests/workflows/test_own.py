"""A person's own data as target: found, said, the same when it is the same, refused when it changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EngineConfig, ExperimentConfig, load_config
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.own import check_targets, experiment_of, ranking_on
from intertrain_jax.workflows.own_grid import own_experiment
from intertrain_jax.workflows.plan import plan
from intertrain_jax.workflows.rank import rank
from tests.experiments import FakeEngine, write_experiment
from tests.rankings import fake, write_ranking
from tests.searches import write_models, write_target

FRAME = pd.DataFrame(
    {
        "opinion": [f"{('bad', 'good')[k % 2]} film{' very' * (k % 19)} {k}" for k in range(60)],
        "mood": ["sad" if k % 2 else "merry" for k in range(60)],
    }
)


@pytest.fixture
def config(tmp_path: Path) -> ExperimentConfig:
    """An experiment that trains nothing but the pretrained model."""
    return write_experiment(tmp_path, sources=[], seeds=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A spreadsheet."""
    path = tmp_path / "mine.csv"
    FRAME.to_csv(path, sep=";", index=False, encoding="utf-8-sig")
    return path


def test_a_grid_on_a_file_says_what_it_guessed_and_goes_on_where_it_was(
    config: ExperimentConfig, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine()
    result = grid(config, targets=[str(file), "alpha"], runner=engine, progress=True)
    assert engine.calls == ["PT:mine:0", "PT:alpha:0"]
    assert result.counts == (2, 0)
    said = " ".join(capsys.readouterr().err.split())
    for part in (
        "mine: labels are in column 'mood', which has 2 values that repeat (--label names another)",
        "mine: texts are in column 'opinion'",
        "mine: 100 % of texts have words or symbols that the model does not know",
        "mine: 6 test examples can show gains of 25.3 points or more; 3,842 would show one of 1",
    ):
        assert part in said, said


def test_a_file_may_move_but_not_change(config: ExperimentConfig, file: Path) -> None:
    engine = FakeEngine()
    grid(config, targets=file, runner=engine)
    (file.parent / "new").mkdir()
    moved = file.rename(file.parent / "new" / "mine.csv")
    grid(config, targets=moved, runner=engine)
    assert engine.calls == ["PT:mine:0"]
    FRAME.iloc[1:].to_csv(moved, sep=";", index=False)
    with pytest.raises(
        IntertrainError, match=r"data of task 'mine' has fingerprint .* Choose another"
    ):
        grid(config, targets=moved, runner=engine)
    assert plan(config, targets=moved).config.tasks[-1]["file"] == str(moved)


def test_names_stay_names_and_files_make_tasks(
    config: ExperimentConfig, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    (file.parent / "rte").mkdir()
    found, said = experiment_of(config, targets=["rte", "tweet_stance_*", "alpha"])
    assert found.targets[0] == "rte" and len(found.targets) == 7 and said == ()
    assert found.tasks == config.tasks and found.name == config.name
    plain = replace(config, out=None)
    found, said = experiment_of(plain, targets=["mine.csv", "rte"], label="mood")
    assert found.targets == ("mine", "rte") and found.name == "tiny-mine-and-1"
    assert found.tasks[-1]["file"] == str(file) and len(said) == 1
    assert experiment_of(found, targets="mine.csv", seeds=7)[0].tasks == found.tasks
    with pytest.raises(
        IntertrainError, match=r"task or group 'mnil' does not exist\. Did you mean 'mnli'"
    ):
        experiment_of(config, targets=["mnil"])
    with pytest.raises(IntertrainError, match=r"target 'gone\.csv' is neither a file"):
        experiment_of(config, targets=["gone.csv"])
    with pytest.raises(
        IntertrainError, match=r"--label says what is in a file of your own, and no"
    ):
        experiment_of(config, targets=["rte"], label="label")
    with pytest.raises(IntertrainError, match=r"--text2 says what is in a file"):
        experiment_of(config, text2="b")


def test_where_only_a_model_is_named_the_protocol_fits_it_and_the_data(tmp_path: Path) -> None:
    """The quickstart's settings are for its small encoder: no other model is trained by them."""
    quickstart = load_config("quickstart")
    write_models(tmp_path)
    file = write_target(tmp_path)
    model = str(tmp_path / "model")
    found, said = experiment_of("quickstart", [f"model.pretrained={model}"], targets=file, seeds=2)
    assert (found.name, found.sources, found.seeds) == ("grid-my-dishes", (), 2)
    assert found.engine == EngineConfig() and found.protocol != quickstart.protocol
    expected, *_ = own_experiment(file, model, (), {})
    assert found.protocol == expected.protocol, "as `recommend` trains it"
    assert "a run: " in said[-1] and "--set protocol.KEY=VALUE" in said[-1]
    given = {"model.pretrained": "org/none", "protocol.epochs": 2, "data.limit": 30}
    found, _ = experiment_of("quickstart", given, targets=file, out=tmp_path / "out")
    assert (found.name, found.protocol.epochs, found.data.limit) == ("grid-my-dishes", 2, 30)
    assert found.protocol.learning_rate == 5e-5, "no network was asked"
    own, _ = experiment_of("quickstart", targets=file)
    assert own.protocol == quickstart.protocol and own.sources == quickstart.sources


def test_dataframes_are_targets_by_their_names(config: ExperimentConfig) -> None:
    named = FRAME.copy()
    named.attrs["name"] = "opinions"
    found, _ = experiment_of(config, targets=[FRAME, named])
    assert found.targets == ("dataframe", "opinions")
    with pytest.raises(
        IntertrainError, match=r"two targets are named 'dataframe'\. .*attrs\['name'\]"
    ):
        experiment_of(config, targets=[FRAME, FRAME])


def test_a_ranking_on_a_dataframe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ranking = write_ranking(tmp_path)
    runner, _ = fake(ranking)
    result = rank(ranking, target=FRAME, text="opinion", label="mood", runner=runner, progress=True)
    assert result.config.task == "dataframe" and len(result.stored) == 4
    said = capsys.readouterr().err
    assert "dataframe: 6 test examples can show" in said and "--label" not in said
    with pytest.raises(IntertrainError, match=r"target 'tweet_\*' must be one task, but is 1\d"):
        ranking_on(ranking, "tweet_*", {})
    with pytest.raises(IntertrainError, match="task 'rte' and target 'wnli' are two tasks"):
        rank(["org/a"], task="rte", target="wnli")
    with pytest.raises(IntertrainError, match="--text says what is in a file"):
        rank(["org/a"], text="a")
    assert ranking_on(ranking, "alpha", {}) == (ranking, ())


def test_what_a_file_holds_is_looked_over_without_a_model(
    config: ExperimentConfig, file: Path
) -> None:
    (said, _), (lines, sound) = check_targets([str(file)], config, {})
    assert sound and any("--label" in line for line in said)
    assert any("train: 49 rows" in line for line in lines)
    assert "6 test examples can show gains" in lines[-1]
