"""The protocol: what makes two equal, what of it is a run's identity, what may not be said."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from intertrain_jax.base import IntertrainError, content_hash
from intertrain_jax.config.protocol import Protocol, TextProtocol


def test_whole_numbers_are_the_same_protocol_as_floats() -> None:
    assert type(Protocol(epochs=3).epochs) is float


def test_lp_then_ft_needs_room_for_finetuning() -> None:
    Protocol(method="lp_then_ft", epochs=3)
    with pytest.raises(IntertrainError, match=r"probe_epochs.*less than protocol.epochs \(2\)"):
        Protocol(method="lp_then_ft", epochs=2)


def test_examples_alone_may_bound_a_run() -> None:
    assert Protocol(epochs=None, max_examples=100).max_examples == 100


def test_identity_leaves_out_what_came_later_and_is_not_used() -> None:
    # Ids of the first records were made without the key.
    assert set(Protocol().identity) == {item.name for item in fields(Protocol)} - {"text"}
    text = Protocol(head="inherit", text=TextProtocol(templates={"a": "{0}"}))
    assert text.identity["text"]["templates"] == {"a": "{0}"}
    assert content_hash(Protocol().identity) == "2008aa4375d0"


def test_identity_is_that_of_the_values_not_of_the_object() -> None:
    one = Protocol()
    assert one.identity == Protocol().identity
    changed = replace(one, epochs=3.0)
    assert changed.identity["epochs"] == 3.0 and one.identity["epochs"] == 10.0
    assert one == Protocol()


def test_templates_of_other_tasks_are_not_part_of_a_run() -> None:
    text = TextProtocol(templates={"a": "{0}", "b": "{1}"})
    assert text.of("a").templates == {"a": "{0}"}
    assert text.of("c").templates == {}


def test_an_answer_needs_the_models_own_output() -> None:
    Protocol(text=TextProtocol(decision="classify"))
    with pytest.raises(
        IntertrainError, match=r"'protocol.head' must be 'inherit' with protocol.text"
    ):
        Protocol(text=TextProtocol())
