"""The split policy: what is held out from both ends, and smaller training sets that nest."""

from __future__ import annotations

from intertrain_jax.data.splits import cut_ends, held_out_size, train_subset


def test_held_out_rows() -> None:
    assert [held_out_size(n) for n in (3, 55, 5000, 50_000)] == [1, 5, 500, 1000]
    rest, held = cut_ends(list(range(55)))
    assert held == [0, 1, 2, 53, 54] and rest == list(range(3, 53))


def test_train_sizes_nest_and_mix() -> None:
    large, small = train_subset(1000, 200), train_subset(1000, 50)
    assert small.tolist() == large[:50].tolist() and len(set(large.tolist())) == 200
    assert train_subset(1000, 5000).tolist() == train_subset(1000, 1000).tolist()
    assert 400 < large.mean() < 600
