"""Looks up rows of a table, and adds to them in one order, so that a GPU gives the same sums each time.

Several tokens of a block have the same row. On CPUs and TPUs a scatter adds them in the program's order;
on a GPU in the order of whichever thread is first, and float32 sums depend on it. XLA's own switch for
programs that do not depend on it makes a training step take 1.7 times as long on an H200; here whole
rows are sorted by their index, summed by a segmented scan, and every index is written once.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array


@jax.custom_vjp
def look_up(table_VxD: Array, indices: Array) -> Array:
    """Returns rows [..., D] of a table by int32 indices [...]; their gradient is summed in one order."""
    return table_VxD[indices]


def _forward(table_VxD: Array, indices: Array) -> tuple[Array, tuple[Array, Array]]:
    return table_VxD[indices], (table_VxD, indices)


def _backward(kept: tuple[Array, Array], gradient: Array) -> tuple[Array, None]:
    table_VxD, indices = kept
    return add_rows(jnp.zeros_like(table_VxD), indices, gradient), None


look_up.defvjp(_forward, _backward)


def add_rows(table_VxD: Array, indices: Array, rows: Array) -> Array:
    """Returns a table with rows [..., D] added at int32 indices [...], in an order of the program's."""
    if jax.default_backend() != "gpu":
        return table_VxD.at[indices].add(rows)
    return add_sorted(table_VxD, indices, rows)


def add_sorted(table_VxD: Array, indices: Array, rows: Array) -> Array:
    """Does what `add_rows` does, without a scatter that meets an index twice."""
    flat_N = indices.reshape(-1)
    order_N = jnp.argsort(flat_N, stable=True)
    sorted_N = flat_N[order_N]
    rows_NxD = rows.reshape(flat_N.size, -1)[order_N]
    new_N = jnp.concatenate([jnp.ones(1, bool), sorted_N[1:] != sorted_N[:-1]])
    _, sums_NxD = jax.lax.associative_scan(_add_unless_new, (new_N[:, None], rows_NxD))
    last_N = jnp.concatenate([new_N[1:], jnp.ones(1, bool)])
    # The last row of an index has its sum; the others go to places of their own beyond the table.
    beyond_N = table_VxD.shape[0] + jnp.arange(flat_N.size, dtype=sorted_N.dtype)
    places_N = jnp.where(last_N, sorted_N, beyond_N)
    return table_VxD.at[places_N].add(sums_NxD, mode="drop", unique_indices=True)


def _add_unless_new(left: tuple[Array, Array], right: tuple[Array, Array]) -> tuple[Array, Array]:
    """Joins two stretches of sorted rows: sums do not go over the beginning of an index."""
    (left_new, left_sum), (right_new, right_sum) = left, right
    return left_new | right_new, jnp.where(right_new, right_sum, left_sum + right_sum)
