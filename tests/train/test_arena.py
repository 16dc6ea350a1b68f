"""The token arena: every example where its view says, and every example in one chunk."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.data.encoded import EncodedSplit, EncodedTask
from intertrain_jax.data.packing import EMPTY, BlockShape
from intertrain_jax.data.splits import train_subset
from intertrain_jax.train.arena import (
    Arena,
    build_arena,
    chunked,
    compiler_options,
    deterministic_programs,
    forward_shapes,
)


def split(seed: int, size: int, dtype: type = np.uint16) -> EncodedSplit:
    """Returns examples of one to eight tokens."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, size)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tokens = rng.integers(1, 60_000, offsets[-1]).astype(dtype)
    return EncodedSplit(tokens, offsets, (lengths // 2).astype(np.int32), np.arange(size) % 2)


def task(name: str, seed: int, dtype: type = np.uint16) -> EncodedTask:
    parts = (split(seed + k, size, dtype) for k, size in enumerate((30, 5, 7)))
    return EncodedTask(name, 2, False, "accuracy", ("n", "y"), *parts, fingerprint=name)


TASKS = {("t", "b"): task("b", 0), ("t", "a"): task("a", 10)}


def arena(tasks: dict[tuple[str, str], EncodedTask] = TASKS) -> Arena:
    return build_arena(tasks, jax.sharding.SingleDeviceSharding(jax.devices()[0]))


def test_every_example_is_where_its_view_says() -> None:
    found = arena()
    flat = np.asarray(found.tokens)
    assert len(found.views) == 6
    for (key, name), view in found.views.items():
        data = getattr(TASKS[key], name)
        assert len(view) == len(data)
        for i, (at, length) in enumerate(zip(view.offsets, view.lengths, strict=True)):
            own = data.tokens[data.offsets[i] : data.offsets[i + 1]]
            np.testing.assert_array_equal(flat[at : at + length], own)
        np.testing.assert_array_equal(view.boundaries, data.boundaries)
        np.testing.assert_array_equal(view.labels, data.labels)


def test_its_length_is_a_power_of_two_and_its_type_the_widest() -> None:
    found = arena()
    total = sum(
        len(getattr(t, s).tokens) for t in TASKS.values() for s in ("train", "validation", "test")
    )
    assert total <= len(found.tokens) < 2 * total and bin(len(found.tokens)).count("1") == 1
    assert found.tokens.dtype == np.uint16
    assert arena({**TASKS, ("u", "c"): task("c", 3, np.int32)}).tokens.dtype == np.int32


def test_a_smaller_train_set_is_the_first_of_the_fixed_shuffle() -> None:
    view = arena().views[("t", "a"), "train"]
    assert view.first(None) is view
    picks = train_subset(30, 8)
    small = view.first(8)
    np.testing.assert_array_equal(small.offsets, view.offsets[picks])
    np.testing.assert_array_equal(small.labels, view.labels[picks])


def test_unused_segments_have_no_tokens() -> None:
    view = arena().views[("t", "a"), "test"]
    segments = view.segments(np.array([[3, EMPTY], [EMPTY, 1]], np.int32))
    np.testing.assert_array_equal(
        segments.lengths_RxQ, [[view.lengths[3], 0], [0, view.lengths[1]]]
    )
    assert segments.offsets_RxQ[0, 0] == view.offsets[3]
    assert segments.labels_RxQ[1, 1] == view.labels[1]


@pytest.mark.parametrize("rows", [1, 2])
def test_every_example_is_in_one_chunk(rows: int) -> None:
    view = arena().views[("t", "b"), "train"]
    chunks = chunked(view, [BlockShape(rows, 8, 2)])
    for chunk in chunks:
        assert chunk.examples.shape[1:] == (chunk.shape.rows, chunk.shape.segments)
        assert (chunk.examples[chunk.count :] == EMPTY).all()
        assert (chunk.segments.lengths_RxQ.sum(axis=-1) <= chunk.shape.length).all()
    found = np.concatenate([chunk.examples.ravel() for chunk in chunks])
    assert sorted(found[found != EMPTY]) == list(range(30))


def mesh_of(platform: str) -> Any:
    """Returns what stands for a mesh of one device."""
    return SimpleNamespace(devices=np.array([SimpleNamespace(platform=platform)], object))


@pytest.mark.parametrize("platform", ["cuda", "rocm", "gpu"])
def test_programs_for_gpus_are_deterministic_where_that_is_wanted(platform: str) -> None:
    usual = compiler_options(mesh_of(platform))
    assert usual is not None and not [name for name in usual if "determ" in name]
    with deterministic_programs(True):
        with deterministic_programs(False):
            assert compiler_options(mesh_of(platform)) == usual
        wanted = compiler_options(mesh_of(platform))
        assert wanted == {**usual, "xla_gpu_exclude_nondeterministic_ops": True}
    assert compiler_options(mesh_of(platform)) == usual


@pytest.mark.parametrize("platform", ["cpu", "tpu"])
def test_other_programs_are_deterministic_by_themselves(platform: str) -> None:
    with deterministic_programs(True):
        assert compiler_options(mesh_of(platform)) is None


@pytest.mark.parametrize("devices", [1, 3])
def test_rows_of_forward_passes_are_shared_out_evenly(devices: int) -> None:
    """Few long examples have rows of their own; a block has about a thousand tokens a device."""
    mesh = jax.make_mesh((devices,), ("lanes",), devices=jax.devices()[:devices])
    short, long = forward_shapes(np.array([12] * 99 + [380], np.int32), mesh)
    assert short.length < long.length == 384
    for shape in (short, long):
        assert shape.rows == 1024 // shape.length * devices
        assert shape.segments <= shape.length // 12
    (vast,) = forward_shapes(np.array([3000], np.int32), mesh)
    assert vast == BlockShape(devices, 3072, 1)
