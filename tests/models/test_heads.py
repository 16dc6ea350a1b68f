"""Fresh heads depend on the seed alone; inherited ones keep what fits."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_models import CONFIGS, ENCODERS

from intertrain_jax.models.families.bert import fresh_pooler
from intertrain_jax.models.families.encoder_config import EncoderConfig
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.heads import arranged_head, classes_of, inherit_head, init_head
from intertrain_jax.models.hf.tensors import flatten


def _config(family: str, **options: float) -> EncoderConfig:
    return FAMILIES[family].config({**CONFIGS[family], **options}, family)


@pytest.mark.parametrize("family", ENCODERS)
def test_a_fresh_head_has_the_shapes_that_the_model_expects(family: str) -> None:
    config = _config(family)
    expected = {p: leaf.shape for p, leaf in flatten(FAMILIES[family].shapes(config, 4)["head"])}
    head = dict(flatten(init_head(config, 4, 0)))
    assert {path: array.shape for path, array in head.items()} == expected
    assert {array.dtype for array in head.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("family", ENCODERS)
def test_a_fresh_head_is_drawn_from_its_seed(family: str) -> None:
    config = _config(family)
    first, again, other = (dict(flatten(init_head(config, 3, seed))) for seed in (1, 1, 2))
    for path, array in first.items():
        np.testing.assert_array_equal(array, again[path])
        assert path.endswith("bias") == np.array_equal(array, other[path])
        assert path.endswith("bias") == (not array.any())


def test_the_numbers_of_a_seed_stay_what_they_are() -> None:
    kernel = init_head(_config("roberta"), 2, 7)["out"]["kernel"]
    pinned = [[0.0068895058, 0.0405064113], [-0.0137033844, 0.0456874631]]
    np.testing.assert_allclose(kernel[:2], pinned, rtol=1e-6)


def test_the_deviation_is_the_initializer_range() -> None:
    config = _config("bert", hidden_size=300, initializer_range=0.05)
    assert np.std(init_head(config, 50, 0)["out"]["kernel"]) == pytest.approx(0.05, rel=0.05)


def test_more_classes_do_not_change_the_first() -> None:
    config = _config("roberta")
    few, many = init_head(config, 2, 5), init_head(config, 9, 5)
    np.testing.assert_array_equal(few["out"]["kernel"], many["out"]["kernel"][:, :2])
    np.testing.assert_array_equal(few["dense"]["kernel"], many["dense"]["kernel"])


def test_streams_of_a_seed_differ() -> None:
    config = _config("roberta")
    head = init_head(config, config.hidden_size, 0)
    kernels = [
        head["out"]["kernel"],
        head["dense"]["kernel"],
        fresh_pooler(config)["pooler"]["kernel"],
    ]
    assert len({kernel.tobytes() for kernel in kernels}) == 3


def test_inheriting_keeps_what_fits_and_draws_the_rest() -> None:
    config = _config("roberta")
    old = init_head(config, 3, 1)
    same = inherit_head(config, 3, 2, old)
    for path, array in flatten(same):
        np.testing.assert_array_equal(array, dict(flatten(old))[path])
    other = inherit_head(config, 5, 2, old)
    np.testing.assert_array_equal(other["dense"]["kernel"], old["dense"]["kernel"])
    fresh = init_head(config, 5, 2)
    np.testing.assert_array_equal(other["out"]["kernel"], fresh["out"]["kernel"])


def test_inheriting_from_nothing_is_fresh() -> None:
    config = _config("bert")
    for path, array in flatten(inherit_head(config, 3, 4, None)):
        np.testing.assert_array_equal(array, dict(flatten(init_head(config, 3, 4)))[path])


@pytest.mark.parametrize("family", ENCODERS)
def test_rows_and_their_names_swapped_are_the_same_head(family: str) -> None:
    """Models of one task on the hub differ in the order of its classes."""
    config, names = _config(family), ("no", "maybe", "yes")
    head = init_head(config, 3, 1)
    bias = np.arange(3, dtype=np.float32)
    head["out"]["bias"] = bias
    order = [2, 0, 1]
    swapped = {**head, "out": {"kernel": head["out"]["kernel"][:, order], "bias": bias[order]}}
    found, notes = arranged_head(swapped, [names[i] for i in order], names)
    for path, array in flatten(found):
        np.testing.assert_array_equal(array, dict(flatten(head))[path])
    assert len(notes) == 1 and "put into the task's" in notes[0]
    assert arranged_head(head, names, names)[1] == ()


def test_what_a_head_is_not_for_is_said() -> None:
    head = init_head(_config("roberta"), 3, 1)
    _, (note,) = arranged_head(head, ("a", "b", "c"), ("a", "b"))
    assert note == "its head has 3 classes, and the task 2: its output is fresh"
    # A regression has no classes, and an output over words is no head of a classifier.
    assert arranged_head(head, None, ())[1] == ()
    words = {"out": {"kernel": np.zeros((6, 13), np.float32)}}
    assert classes_of(words) == classes_of(None) == 0 and classes_of(head) == 3
    assert arranged_head(words, None, ("a", "b")) == (words, ())
    assert arranged_head(None, None, ("a", "b")) == (None, ())
