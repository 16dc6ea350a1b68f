"""Tests of the protocol that fits data and model."""

from __future__ import annotations

from typing import Any

import pytest

from intertrain_jax.config.protocol import Protocol
from intertrain_jax.workflows.fitting import fitted_protocol, words_of


def bert(**sizes: int) -> dict[str, Any]:
    """Returns what a config.json says."""
    return {"model_type": "bert", **sizes}


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
    found = Protocol(
        **fitted_protocol(rows, bert(hidden_size=width, max_position_embeddings=512), "m")
    )
    assert (found.epochs, found.batch_size) == (epochs, batch)
    assert found.learning_rate == pytest.approx(rate, rel=0.02)
    assert found.max_length == 250
    # About ten validations, and some to wait for a better one.
    assert 5 <= epochs * rows / found.validate_every <= 11
    assert found.patience == 4 * found.validate_every
    assert found.validate_every % batch == 0


def test_inputs_are_no_longer_than_the_model_reads() -> None:
    assert (
        fitted_protocol(100, bert(hidden_size=96, max_position_embeddings=66), "m")["max_length"]
        == 64
    )
    assert fitted_protocol(100, bert(d_model=512), "m")["max_length"] == 250


def test_a_model_that_is_not_at_hand_is_taken_for_a_base_size_encoder() -> None:
    known = fitted_protocol(500, bert(hidden_size=768, max_position_embeddings=512), "m")
    assert fitted_protocol(500, {}, "m") == known and words_of({}, "m") == {}


def test_a_text_to_text_model_answers_in_words_at_a_rate_of_its_own() -> None:
    t5 = {"model_type": "t5", "d_model": 512}
    found = fitted_protocol(500, t5, "m")
    assert found["head"] == "inherit" and found["learning_rate"] == 3e-4
    assert words_of(t5, "m").items() <= found.items()
