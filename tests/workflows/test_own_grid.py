"""Tests of the grid that a person's data make."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol, TextProtocol
from intertrain_jax.workflows.own_grid import _fitting, own_experiment, run_in_words
from tests.searches import write_models, write_target


@pytest.mark.parametrize(
    ("rows", "width", "epochs", "batch", "rate"),
    [
        (60, 768, 20, 16, 5e-5),
        (999, 384, 12, 16, 1e-4),
        (4_000, 384, 3, 32, 1e-4),
        (12_000, 1024, 1, 32, 3.8e-5),
        (500_000, 96, 1, 32, 4e-4),
    ],
)
def test_a_protocol_fits_the_number_of_examples_and_the_width(
    rows: int, width: int, epochs: int, batch: int, rate: float
) -> None:
    found = Protocol(**_fitting(rows, {"hidden_size": width, "max_position_embeddings": 512}))
    assert (found.epochs, found.batch_size) == (epochs, batch)
    assert found.learning_rate == pytest.approx(rate, rel=0.02)
    assert found.max_length == 250
    # About ten validations, and some to wait for a better one.
    assert 5 <= epochs * rows / found.validate_every <= 11
    assert found.patience == 4 * found.validate_every
    assert found.validate_every % batch == 0


def test_inputs_are_no_longer_than_the_model_reads() -> None:
    assert _fitting(100, {"hidden_size": 96, "max_position_embeddings": 66})["max_length"] == 64
    assert _fitting(100, {"d_model": 512})["max_length"] == 250


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


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match=r"nowhere\.csv"):
        own_experiment(str(tmp_path / "nowhere.csv"), "quickstart", (), {})


def test_a_task_is_a_target_by_its_name_if_it_is_one() -> None:
    config, data, said = own_experiment("dishes", "quickstart", (), {"limit": 40})
    assert (config.name, config.targets, config.tasks) == ("recommend-dishes", ("dishes",), ())
    assert len(data.splits["train"]) == 40 and not any("--label" in line for line in said)
    with pytest.raises(IntertrainError, match=r"'tweet_\*' must be one task, but is 1\d: tweet_"):
        own_experiment("tweet_*", "quickstart", (), {})
