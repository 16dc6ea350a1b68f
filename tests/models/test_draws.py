"""Initial values are NumPy's counter-based normal numbers, one stream for each seed and name."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.models.draws import draw_linear


def numbers_of(seed: int, name: str, count: int) -> np.ndarray:
    """Returns the first normal numbers of a stream, by NumPy alone."""
    word = int.from_bytes(name.encode()[-8:], "big")
    return np.random.Generator(np.random.Philox(key=[seed, word])).standard_normal(count)


@pytest.mark.parametrize(("seed", "name"), [(0, "head/out"), (7, "pooler"), (7, "head/dense")])
def test_outputs_draw_one_after_another(seed: int, name: str) -> None:
    drawn = draw_linear(3, 4, 0.5, seed, name)
    expected = 0.5 * numbers_of(seed, name, 12)
    for output in range(4):
        np.testing.assert_allclose(
            drawn["kernel"][:, output], expected[3 * output : 3 * output + 3], rtol=1e-6
        )
    assert drawn["bias"].tolist() == [0.0] * 4


def test_more_outputs_do_not_change_the_first_and_more_inputs_do() -> None:
    few, many = (draw_linear(5, outputs, 0.02, 1, "out")["kernel"] for outputs in (2, 9))
    np.testing.assert_array_equal(few, many[:, :2])
    wider = draw_linear(6, 2, 0.02, 1, "out")["kernel"]
    assert not np.array_equal(few, wider[:5])


def test_seeds_and_names_have_streams_of_their_own() -> None:
    drawn = [
        draw_linear(4, 4, 1.0, seed, name)["kernel"].tobytes()
        for seed in (0, 1, 2)
        for name in ("a", "b", "head/a")
    ]
    assert len(set(drawn)) == len(drawn)


def test_the_deviation_scales_and_nothing_else() -> None:
    one = draw_linear(40, 50, 1.0, 3, "out")["kernel"]
    assert np.std(one) == pytest.approx(1.0, abs=0.06)  # of 2,000 numbers: four of its deviations
    np.testing.assert_allclose(draw_linear(40, 50, 0.25, 3, "out")["kernel"], one / 4, rtol=1e-6)
    assert not draw_linear(40, 50, 0.0, 3, "out")["kernel"].any()


def test_arrays_are_float32_and_lie_as_files_have_them() -> None:
    drawn = draw_linear(3, 4, 1.0, 0, "out")
    assert {array.dtype for array in drawn.values()} == {np.dtype(np.float32)}
    assert all(array.flags.c_contiguous for array in drawn.values())
