"""Features of a whole task: every example in its row, whatever its block, device and memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.data.encoded import SPLITS, EncodedTask
from intertrain_jax.data.splits import train_subset
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.models.block import TokenBlock
from intertrain_jax.models.hf.tensors import flatten
from intertrain_jax.probe import features as features_module
from intertrain_jax.probe.features import FeatureProgram, Features, PackedTask, pack_task
from intertrain_jax.train import arena as arena_module
from intertrain_jax.train.objectives import Classification
from tests.engine.tiny_grid import NETWORKS, VOCABULARY, tiny_checkpoint, tiny_config, tiny_task

WIDTH = 4


def with_a_long_example(task: EncodedTask) -> EncodedTask:
    """Returns the task with thirty more tokens in its first example, which then needs a longer row."""
    train, more = task.train, np.arange(30, dtype=np.uint16)
    first = train.offsets[1]
    tokens = np.concatenate([train.tokens[:first], more, train.tokens[first:]])
    offsets = np.concatenate([train.offsets[:1], train.offsets[1:] + len(more)])
    return replace(task, train=replace(train, tokens=tokens, offsets=offsets))


# Nearly all examples fit into rows of 32 tokens; with the long one there are two shapes of blocks.
TASK = with_a_long_example(tiny_task("long", 3, shortest=2, longest=30, train=60))
WORDS = np.random.default_rng(0).standard_normal((VOCABULARY, WIDTH)).astype(np.float32)


class BagOfWords:
    """A model that is quick to compile: a segment's feature is the sum of its words, by position."""

    config = SimpleNamespace(hidden_size=WIDTH)

    def parameter_shapes(self) -> dict[str, Any]:
        """Returns what its body and its head are called."""
        return {"words": None, "head": None}

    def features(self, params: Any, block: TokenBlock, dtype: Any) -> jax.Array:
        """Returns sums [R, Q, D]."""
        assert set(params) == {"words"}, "the head and what is no part of the body stay away"
        inside = block.segments_RxL[:, None] == jnp.arange(block.starts_RxQ.shape[1])[:, None]
        words = params["words"][block.tokens_RxL] * (1.0 + block.positions_RxL[..., None])
        return jnp.einsum("rql,rld->rqd", inside.astype(dtype), words.astype(dtype))


def expected(task: EncodedTask, split: str, examples: Any = None) -> np.ndarray:
    """Returns the same sums, one example after another."""
    data = getattr(task, split)
    found = []
    for i in range(len(data)) if examples is None else examples:
        tokens = data.tokens[data.offsets[i] : data.offsets[i + 1]]
        found.append((WORDS[tokens] * (1.0 + np.arange(len(tokens)))[:, None]).sum(axis=0))
    return np.stack(found)


PARAMS = {"words": WORDS, "head": np.zeros(9), "decoder": np.zeros(9)}


@cache
def program(devices: int = 1, dtype: Any = jnp.float32) -> FeatureProgram:
    """Returns the compiled program that these tests share."""
    objective: Any = BagOfWords()
    return FeatureProgram(objective, dtype, lane_mesh(devices))


def features_of(made: FeatureProgram, params: Any, packed: PackedTask) -> Features:
    """Returns the features of a model that is not on the devices yet."""
    return made(made.place(params), packed)


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Features go to files, however few there are."""
    monkeypatch.setattr(features_module, "MAPPED_BYTES", 0)
    return


@pytest.mark.parametrize("devices", [1, 4])
def test_every_example_has_its_own_row(devices: int) -> None:
    packed = pack_task(TASK, None, lane_mesh(devices))
    shapes = {chunk.shape for chunk in packed.chunks}
    assert sorted(shape.length for shape in shapes) == [32, 64]
    assert all(shape.rows % devices == 0 for shape in shapes)
    found = features_of(program(devices), PARAMS, packed)
    assert list(found.by_split) == list(SPLITS) and found.finite
    for split in SPLITS:
        np.testing.assert_allclose(
            found.by_split[split], expected(TASK, split), rtol=1e-4, atol=1e-4
        )
    before = program(devices).compilations
    assert before >= 2
    features_of(program(devices), {"words": 2 * WORDS}, packed)
    assert program(devices).compilations == before, "another model is another argument"


def test_a_packed_task_knows_its_sizes_and_labels() -> None:
    packed = pack_task(TASK, None, lane_mesh(1))
    assert packed.sizes == {"train": 60, "validation": 15, "test": 20}
    for split in SPLITS:
        np.testing.assert_array_equal(packed.labels[split], getattr(TASK, split).labels)
        assert packed.labels[split].dtype == np.float32
    lengths = [getattr(TASK, split).lengths for split in SPLITS]
    assert packed.num_tokens == np.concatenate(lengths).sum()
    places = np.concatenate([chunk.examples[: chunk.count].ravel() for chunk in packed.chunks])
    assert sorted(places[places >= 0]) == list(range(95))


def test_a_subset_is_the_first_of_the_shuffle_and_of_training_alone() -> None:
    packed = pack_task(TASK, 7, lane_mesh(1))
    chosen = train_subset(60, 7)
    assert packed.sizes == {"train": 7, "validation": 15, "test": 20}
    np.testing.assert_array_equal(packed.labels["train"], np.asarray(TASK.train.labels)[chosen])
    found = features_of(program(), PARAMS, packed).by_split
    np.testing.assert_allclose(
        found["train"], expected(TASK, "train", chosen), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(found["test"], expected(TASK, "test"), rtol=1e-4, atol=1e-4)


def test_many_dispatches_are_collected_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    jit = jax.jit

    def noted(function: Any, **options: Any) -> Any:
        compiled.append(function)
        return jit(function, **options)

    monkeypatch.setattr(arena_module, "EVALUATION_TOKENS", {"cpu": 64})
    monkeypatch.setattr(arena_module, "CHUNK_BLOCKS", 2)
    packed = pack_task(TASK, None, lane_mesh(1))
    assert len(packed.chunks) > 5
    objective: Any = BagOfWords()
    fresh = FeatureProgram(objective, jnp.float32, lane_mesh(1))
    monkeypatch.setattr(jax, "jit", noted)
    found = features_of(fresh, PARAMS, packed).by_split
    assert len(compiled) == fresh.compilations == 2, "one for each length of rows"
    for split in SPLITS:
        np.testing.assert_allclose(found[split], expected(TASK, split), rtol=1e-4, atol=1e-4)


def test_large_features_lie_in_a_file_without_a_name(mapped: None) -> None:
    found = features_of(program(), PARAMS, pack_task(TASK, None, lane_mesh(1))).by_split
    for split in SPLITS:
        assert isinstance(found[split], np.memmap)
        np.testing.assert_allclose(found[split], expected(TASK, split), rtol=1e-4, atol=1e-4)


def test_features_have_the_dtype_of_computation() -> None:
    found = features_of(program(1, jnp.bfloat16), PARAMS, pack_task(TASK, 7, lane_mesh(1)))
    assert {part.dtype for part in found.by_split.values()} == {np.dtype(jnp.bfloat16)}
    near = expected(TASK, "test")
    # Eight bits of every word and of the sum.
    np.testing.assert_allclose(
        found.by_split["test"].astype(np.float32), near, atol=0.02 * np.abs(near).max()
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("split", SPLITS)
def test_one_value_that_is_no_number_is_found(split: str, bad: float) -> None:
    parts = {name: np.ones((5, WIDTH), np.float16) for name in SPLITS}
    assert Features(parts).finite
    parts[split][3, 2] = bad
    assert not Features(parts).finite


def test_numbers_of_half_precision_do_not_overflow_when_they_are_checked() -> None:
    large = np.full((5, WIDTH), 60_000, np.float16)  # the largest is 65,504
    assert Features(dict.fromkeys(SPLITS, large)).finite


def test_examples_of_one_length_need_one_program() -> None:
    short = tiny_task("short", 2, shortest=3, longest=9)
    packed = pack_task(replace(short, name="other"), None, lane_mesh(1))
    assert {chunk.shape.length for chunk in packed.chunks} == {32}


@pytest.mark.parametrize("family", NETWORKS)
def test_kernels_that_are_cast_once_give_the_bits_of_those_cast_by_every_product(
    family: str,
) -> None:
    params = tiny_checkpoint(family).params
    objective = Classification(tiny_config(family).shape, 3)
    placed = FeatureProgram(objective, jnp.bfloat16, lane_mesh(1)).place(params)
    before, after = dict(flatten(params)), dict(flatten(placed))
    kernels = {path for path in after if path.endswith("/kernel")}
    assert len(kernels) > 10
    for path, leaf in after.items():
        assert leaf.dtype == (jnp.bfloat16 if path in kernels else jnp.float32), path
        np.testing.assert_array_equal(leaf, before[path].astype(leaf.dtype))
    tokens = jnp.arange(5, 13)[None]
    segments, positions = jnp.zeros((1, 8), jnp.int32), jnp.arange(8)[None]
    block = TokenBlock(tokens, segments, positions, segments, jnp.zeros((1, 1), jnp.int32))
    features = jax.jit(lambda params: objective.features(params, block, jnp.bfloat16))
    body = {name: params[name] for name in placed}
    np.testing.assert_array_equal(features(placed), features(body))


def test_in_float32_weights_stay_as_they_are() -> None:
    placed = program().place({"words": {"kernel": WORDS}, "head": np.zeros(9)})
    assert list(placed) == ["words"] and placed["words"]["kernel"].dtype == jnp.float32
