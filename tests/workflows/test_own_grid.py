"""Tests of the grid that a person's data make."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import TextProtocol
from intertrain_jax.workflows.fitting import run_in_words
from intertrain_jax.workflows.own_grid import own_experiment
from tests.searches import write_models, write_target


def test_t5_answers_in_words_at_a_rate_of_its_own() -> None:
    config, *_ = own_experiment("dishes", "quickstart-t5", ["protocol.text.labels=id"], {})
    assert config.protocol.text == TextProtocol(decision="score", labels="id"), (
        "what is set is last"
    )
    assert (config.protocol.learning_rate, config.protocol.head) == (3e-4, "inherit")


def test_a_file_is_a_grid_of_the_pretrained_model_on_it(tmp_path: Path) -> None:
    """What was guessed, made and counted is said; what is set comes last."""
    write_models(tmp_path)
    file = write_target(tmp_path)
    config, data, said = own_experiment(
        file, str(tmp_path / "model"), ["protocol.epochs=2"], {"out": None}
    )
    assert (config.name, config.targets, config.seeds) == (
        *("recommend-my-dishes", ("my-dishes",), 1),
    )
    assert (config.protocol.epochs, config.protocol.batch_size) == (2, 32)
    assert config.out_dir == Path("results/recommend-my-dishes")
    assert data.task.labels == ("gut", "schlecht")
    named = {"text": "text", "label": "label"}
    assert own_experiment(file, str(tmp_path / "model"), (), named)[0].name == config.name  # type: ignore[arg-type]
    text = "\n".join(said)
    assert "1,620 train, 180 validation, 200 test examples; 2 classes" in text
    run = run_in_words(config.protocol, data)
    assert run.startswith("a run: 1,620 examples, 2 epochs at most, batches of 32, learning")
    assert "test made of train" in text
    assert "do not know" in text or "does not know" in text, "the tokenizer has nine words"


def test_a_results_directory_that_is_named_changes_no_name(tmp_path: Path) -> None:
    """The default one may be named as well: the same command goes on there."""
    write_models(tmp_path)
    file = write_target(tmp_path)
    names = {
        own_experiment(file, str(tmp_path / "model"), (), {"out": out})[0].name
        for out in (None, tmp_path / "results" / "recommend-my-dishes")
    }
    assert names == {"recommend-my-dishes"}


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match=r"nowhere\.csv"):
        own_experiment(str(tmp_path / "nowhere.csv"), "quickstart", (), {})


def test_a_task_is_a_target_by_its_name_if_it_is_one() -> None:
    config, data, said = own_experiment("dishes", "quickstart", (), {"limit": 40})
    assert (config.name, config.targets, config.tasks) == ("recommend-dishes", ("dishes",), ())
    assert len(data.splits["train"]) == 40 and not any("--label" in line for line in said)
    with pytest.raises(IntertrainError, match=r"'tweet_\*' must be one task, but is 1\d: tweet_"):
        own_experiment("tweet_*", "quickstart", (), {})
