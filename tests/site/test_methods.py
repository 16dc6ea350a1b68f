"""Protocols in sentences."""

from __future__ import annotations

from intertrain_jax.config.protocol import Protocol
from intertrain_jax.site.methods import protocol_sentences, uncertainty_sentences


def test_sentences_have_the_numbers_of_the_protocol() -> None:
    said = " ".join(
        protocol_sentences(Protocol(learning_rate=3e-5, train_size=200, clip_norm=None))
    )
    assert "3e-05" in said and "first 200 examples" in said and "clipped" not in said
    assert "linear probe" in protocol_sentences(Protocol(method="probe"))[0]
    said = " ".join(protocol_sentences(Protocol(epochs=None, max_examples=5000)))
    assert "until early stopping, at most 5,000 examples" in said


def test_intervals_are_over_what_is_known() -> None:
    assert "over seeds" in uncertainty_sentences(True)[1]
    assert "over targets" in uncertainty_sentences(False)[1]
