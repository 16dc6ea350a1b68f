"""Rows of tables: gradients add up whatever the order of tokens, and no index is written twice."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.models.lookup import add_rows, add_sorted, look_up

WIDTH = 5


def table_of(size: int) -> np.ndarray:
    """Returns a table of random rows."""
    return np.random.default_rng(0).normal(size=(size, WIDTH)).astype(np.float32)


INDICES = {
    "all the same": np.full((3, 4), 6),
    "none twice": np.arange(12).reshape(3, 4),
    "mixed": np.random.default_rng(1).integers(0, 9, (3, 4)),
    "one": np.array([[2]]),
    "the ends": np.array([[0, 11, 0, 11, 5]]),
}


@pytest.mark.parametrize("name", INDICES)
def test_rows_are_added_as_numpy_adds_them(name: str) -> None:
    indices, table = INDICES[name].astype(np.int32), table_of(12)
    rows = np.random.default_rng(2).normal(size=(*indices.shape, WIDTH)).astype(np.float32)
    expected = table.astype(np.float64)
    np.add.at(expected, indices, rows.astype(np.float64))
    for add in (add_rows, add_sorted):
        found = add(jnp.asarray(table), jnp.asarray(indices), jnp.asarray(rows))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_lanes_are_added_to_their_own_tables() -> None:
    indices, table = jnp.asarray(INDICES["mixed"], jnp.int32), jnp.asarray(table_of(12))
    rows = jnp.ones((*indices.shape, WIDTH), jnp.float32)
    lanes = jax.vmap(add_sorted)(*(jnp.stack([x, x]) for x in (table, indices, rows)))
    expected = np.asarray(table.at[indices].add(rows))
    np.testing.assert_allclose(lanes, np.stack([expected, expected]), rtol=1e-5, atol=1e-5)


def test_rows_that_no_token_has_keep_their_bits() -> None:
    table = table_of(12)
    rows = np.ones((1, 2, WIDTH), np.float32)
    found = np.asarray(
        add_sorted(jnp.asarray(table), jnp.array([[3, 3]], jnp.int32), jnp.asarray(rows))
    )
    np.testing.assert_array_equal(np.delete(found, 3, axis=0), np.delete(table, 3, axis=0))


def test_a_gpu_is_given_no_scatter_that_meets_an_index_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, indices = jnp.asarray(table_of(12)), jnp.asarray(INDICES["mixed"], jnp.int32)

    def gradient(table: jax.Array) -> jax.Array:
        return jax.grad(lambda x: jnp.sum(jnp.sin(look_up(x, indices))))(table)

    expected = gradient(table)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_allclose(gradient(table), expected, rtol=1e-5, atol=1e-6)
    text = str(jax.make_jaxpr(gradient)(table))
    scatters = [part.split("]")[0] for part in text.split("scatter-add[")[1:]]
    assert scatters and all("unique_indices=True" in part for part in scatters), scatters
