"""Hyperparameters of lanes: label texts as a table, and blanks of the same shapes."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.train.hyper import answer_table, blank_hyper


def test_label_texts_are_rows_filled_up() -> None:
    table = answer_table(((5, 1), (7, 8, 1)), (3, 4))
    assert table is not None and table.dtype == np.int32
    assert table.tolist() == [[5, 1, -1, -1], [7, 8, 1, -1], [-1] * 4]
    assert answer_table((), None) is None


@pytest.mark.parametrize("shape", [None, (2, 3)])
def test_a_blank_has_the_types_of_a_run_s(shape: tuple[int, int] | None) -> None:
    blank = blank_hyper(shape)
    assert blank.total_steps.dtype == blank.num_classes.dtype == np.int32
    assert blank.dropout_seed.dtype == np.uint32
    assert blank.constant.dtype == blank.regression.dtype == np.bool_
    assert blank.learning_rate.dtype == blank.hidden_dropout.dtype == np.float32
    if shape is None:
        assert blank.answers_CxT is None
    else:
        np.testing.assert_array_equal(blank.answers_CxT, np.full(shape, -1))
