"""Block shapes: few and shared on a CPU, large on accelerators, for real and made-up lengths."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.packing import BlockShape, pack
from intertrain_jax.engine.blocks import (
    Shapes,
    TaskShapes,
    cheapest_rows,
    choose_shapes,
    row_lengths_of,
)

BATCH, LONGEST, ROWS, BATCHES = 256, 250, 3000, 8
# About as many pieces as a byte-pair tokenizer makes.
PIECE = re.compile(r"\w{1,6}|[^\w\s]")
SPECIAL_TOKENS = 4


def real_lengths(folder: Path) -> dict[str, NDArray[np.int32]]:
    """Returns the lengths of every task's first training examples, cut as a protocol cuts them."""
    found = {}
    for path in sorted(folder.glob("*/train.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line, _ in zip(file, range(ROWS), strict=False)]
        texts = [
            [v for k, v in row.items() if isinstance(v, str) and k != "label_text"] for row in rows
        ]
        counts = [sum(len(PIECE.findall(text)) for text in row) for row in texts]
        found[path.parent.name] = np.minimum(np.array(counts) + SPECIAL_TOKENS, LONGEST).astype(
            np.int32
        )
    return found


def chosen(lengths: dict[str, NDArray[np.int32]], backend: str) -> dict[str, TaskShapes]:
    """Returns the shapes of tasks."""
    longest = {task: int(found.max()) for task, found in lengths.items()}
    return choose_shapes(lengths, longest, BATCH, "auto", "auto", backend)


def micro_steps(lengths: NDArray[np.int32], shapes: Shapes) -> tuple[float, float, int]:
    """Returns micro-steps per started 16,384 tokens of a batch, the share of slots in use, the least."""
    generator, size = np.random.default_rng(5), min(BATCH, len(lengths))
    batches = [lengths[generator.choice(len(lengths), size, replace=False)] for _ in range(BATCHES)]
    blocks = [pack(batch.tolist(), shapes) for batch in batches]
    started = sum(-(-int(batch.sum()) // 16384) for batch in batches)
    slots = [block.shape.tokens for batch in blocks for block in batch]
    return len(slots) / started, sum(int(b.sum()) for b in batches) / sum(slots), min(slots)


def test_no_real_task_has_tiny_micro_steps_on_a_gpu(shared_data: Path) -> None:
    lengths = real_lengths(shared_data)
    shapes = chosen(lengths, "gpu")
    found = {task: micro_steps(lengths[task], shapes[task].train) for task in lengths}
    assert len(found) > 30
    for task, (steps, used, least) in found.items():
        assert steps <= 1.3 and used >= 0.6 and least >= 4096, (task, steps, used, least)
    assert np.mean([steps for steps, _, _ in found.values()]) <= 1.1
    # Each is a program to compile.
    assert len({shape for task in shapes.values() for shape in task.train}) <= 20


@pytest.mark.parametrize("mean", [10, 40, 150])
def test_blocks_of_an_accelerator_are_large_and_hold_every_example(mean: int) -> None:
    generator = np.random.default_rng(mean)
    lengths = np.clip(generator.poisson(mean, 2000), 3, LONGEST).astype(np.int32)
    lengths[0] = LONGEST
    shapes = chosen({"task": lengths}, "gpu")["task"]
    steps, used, least = micro_steps(lengths, shapes.train)
    assert steps <= 1.4 and used >= 0.55 and least >= 4096
    assert shapes.train[-1].length >= LONGEST
    blocks = pack(lengths[:BATCH].tolist(), shapes.train)
    held = [int(i) for block in blocks for i in block.examples.flat if i >= 0]
    assert sorted(held) == list(range(BATCH))


def test_a_cpu_keeps_small_blocks_that_tasks_share() -> None:
    generator = np.random.default_rng(0)
    lengths = {
        name: np.clip(generator.poisson(30, 500), 3, 60).astype(np.int32) for name in ("a", "b")
    }
    shapes = chosen(lengths, "cpu")
    assert shapes["a"].train == shapes["b"].train
    assert all(shape.tokens <= 2048 and not shape.overhead for shape in shapes["a"].train)


def lengths(longest: int, rows: int = 300) -> np.ndarray:
    """Returns lengths up to a longest one."""
    found = np.random.default_rng(longest).integers(3, longest + 1, rows).astype(np.int32)
    found[0] = longest
    return found


def test_tasks_share_shapes_and_few_long_examples_get_their_own_rows() -> None:
    tweets = lengths(40)
    tweets[0] = 250
    by_task = {"a": lengths(30), "b": lengths(28), "tweets": tweets}
    longest = {"a": 30, "b": 32, "tweets": 250}
    shapes = choose_shapes(by_task, longest, 32, "auto", "auto", "cpu")
    assert shapes["a"] == shapes["b"] and [s.length for s in shapes["a"].train] == [32]
    assert [s.length for s in shapes["tweets"].train] == [64, 256]
    assert shapes["tweets"].train[1].rows == 1
    assert shapes["a"].evaluate[0].rows > shapes["a"].train[0].rows
    assert row_lengths_of(lengths(100), 100) == (128,)
    forced = choose_shapes(by_task, longest, 32, 256, 2, "cpu")
    assert {s for task in forced.values() for s in task.train} == {
        BlockShape(2, 256, forced["a"].train[0].segments)
    }
    with pytest.raises(IntertrainError, match=r"row_length is 64, but task 'tweets' has .* 250"):
        choose_shapes(by_task, longest, 32, 64, "auto", "cpu")


def test_rows_are_chosen_by_cost() -> None:
    # Batches of exactly 12 rows: blocks that divide 12 waste nothing, and one block saves overhead.
    assert cheapest_rows([[12, 12]], 64, "cpu") == 12
    assert cheapest_rows([[12, 12], [3, 3]], 64, "cpu") == 3
    assert cheapest_rows([[1000]], 64, "cpu") <= 2048 // 64


def test_lanes_that_go_together_have_one_shape_and_few_micro_steps(shared_data: Path) -> None:
    lengths = real_lengths(shared_data)
    longest = {task: int(found.max()) for task, found in lengths.items()}
    for batch_size, most in ((32, 2.5), (BATCH, 4.5)):
        arguments = (lengths, longest, batch_size, "auto", "auto", "gpu")
        shapes = choose_shapes(*arguments, together=True)
        ((shape,),) = {found.train for found in shapes.values()}
        assert shape.length == 256
        assert len({found.evaluate for found in shapes.values()}) == 1
        # Alone, a block is large, and tasks have shapes of their own.
        assert len({found.train for found in choose_shapes(*arguments).values()}) > 1
        generator = np.random.default_rng(1)
        batches = [
            [generator.choice(found, min(batch_size, len(found)), replace=False) for _ in range(3)]
            for found in lengths.values()
        ]

        def cost(rows: int, batches: list[Any] = batches, like: BlockShape = shape) -> float:
            """Returns slots and overhead of 1,000 tokens a block, for each token of use."""
            one = replace(like, rows=rows)
            each = [[len(pack(b.tolist(), (one,))) / b.sum() for b in task] for task in batches]
            return float(np.mean(each)) * (one.tokens + 1000)

        steps = [[len(pack(b.tolist(), (shape,))) for b in task] for task in batches]
        assert np.mean(steps) < most
        assert cost(shape.rows) <= 1.03 * min(map(cost, range(1, 25)))


def test_batches_of_short_texts_are_few_micro_steps_of_many_lanes() -> None:
    """However few slots of a block it leaves empty, a row by itself is never worth a micro-step."""
    lengths = {"short": np.full(500, 13, np.int32), "medium": np.full(500, 30, np.int32)}
    longest = {"short": 13, "medium": 62}
    shapes = choose_shapes(lengths, longest, 32, "auto", "auto", "gpu", together=True)
    steps = {
        task: len(pack(found[:32].tolist(), shapes[task].train)) for task, found in lengths.items()
    }
    assert steps["short"] == 1 and steps["medium"] <= 2
