"""The split policy: what is held out from both ends, and smaller training sets that nest."""

from __future__ import annotations

from collections import Counter

from intertrain_jax.data.splits import cut_ends, cut_stratified, held_out_size, train_subset


def test_held_out_rows() -> None:
    assert [held_out_size(n) for n in (3, 55, 5000, 50_000)] == [1, 5, 500, 1000]
    rest, held = cut_ends(list(range(55)))
    assert held == [0, 1, 2, 53, 54] and rest == list(range(3, 53))


def test_every_class_is_held_out_by_its_share() -> None:
    labels = [0.0] * 700 + [1.0] * 250 + [2.0] * 49 + [3.0]
    rest, held = cut_stratified(labels, 1000)
    assert sorted(rest + held) == list(range(1000)) and held == sorted(held)
    counts = Counter(labels[i] for i in held)
    assert counts == {0.0: 70, 1.0: 25, 2.0: 5}, "a class of one row is trained on"
    assert 250 < sum(i for i in held if i < 700) / 70 < 450, "not off an end"
    assert cut_stratified(labels, 1000) == (rest, held)
    assert len(cut_stratified(None, 1000)[1]) == 100


def test_something_is_left_of_every_class() -> None:
    for rows in range(1, 30):
        labels = [float(i % 7 % 3) for i in range(rows)]
        rest, held = cut_stratified(labels, rows)
        assert {labels[i] for i in rest} == set(labels)
        assert len(held) == min(held_out_size(rows), rows - len(set(labels)))


def test_train_sizes_nest_and_mix() -> None:
    large, small = train_subset(1000, 200), train_subset(1000, 50)
    assert small.tolist() == large[:50].tolist() and len(set(large.tolist())) == 200
    assert train_subset(1000, 5000).tolist() == train_subset(1000, 1000).tolist()
    assert 400 < large.mean() < 600
