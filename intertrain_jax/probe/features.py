"""Features of a task under one base model after another: one forward pass each, one compiled program."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from intertrain_jax.data.encoded import SPLITS, EncodedTask
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.models.layers import products_in
from intertrain_jax.train.ahead import Ahead, Call
from intertrain_jax.train.arena import (
    Chunk,
    SplitView,
    build_arena,
    chunked,
    compiler_options,
    forward_shapes,
)
from intertrain_jax.train.objectives import Classification
from intertrain_jax.train.step import Segments, token_block

Tree = Any

# Features of one model above this many bytes lie in a file that is mapped into memory.
MAPPED_BYTES = 2 << 30


@dataclass(frozen=True)
class PackedTask:
    """A task whose examples are packed for forward passes, its tokens on the device.

    Attributes:
        encoded: the task as it was tokenised.
        tokens: flat device array.
        chunks: dispatches that cover every example once.
        sizes: examples of "train", "validation" and "test", in the order of their rows.
        labels: by split, float32 [N] class ids or regression targets.
        num_tokens: of all examples.
    """

    encoded: EncodedTask
    tokens: Any
    chunks: tuple[Chunk, ...]
    sizes: Mapping[str, int]
    labels: Mapping[str, NDArray[np.float32]]
    num_tokens: int


def pack_task(task: EncodedTask, train_size: int | None, mesh: Mesh) -> PackedTask:
    """Uploads a task's tokens and packs its examples, all splits together.

    Args:
        task: tokenised.
        train_size: use the first n of the train split's fixed shuffle; None uses all.
        mesh: devices; the rows of a block are divided among them.
    """
    everywhere = NamedSharding(mesh, PartitionSpec())
    key = ("", task.name)
    arena = build_arena({key: task}, everywhere)
    views = {split: arena.views[key, split] for split in SPLITS}
    views["train"] = views["train"].first(train_size)
    whole = _joined([views[split] for split in SPLITS])
    shapes = forward_shapes(whole.lengths, mesh)
    by_row = NamedSharding(mesh, PartitionSpec(None, mesh.axis_names[0]))
    chunks = [
        replace(chunk, segments=jax.device_put(chunk.segments, by_row))
        for chunk in chunked(whole, shapes)
    ]
    return PackedTask(
        encoded=task,
        tokens=arena.tokens,
        chunks=tuple(chunks),
        sizes={split: len(view) for split, view in views.items()},
        labels={split: view.labels for split, view in views.items()},
        num_tokens=int(whole.lengths.sum()),
    )


def _joined(views: list[SplitView]) -> SplitView:
    return SplitView(
        *(
            np.concatenate([getattr(view, name) for view in views])
            for name in SplitView.__dataclass_fields__
        )
    )


@dataclass(frozen=True)
class Features:
    """What a model's head reads of every example.

    Attributes:
        by_split: "train", "validation" and "test" → [N, D] in the dtype of computation; views of
            one array, which is memory-mapped where it is large.
    """

    by_split: Mapping[str, NDArray[Any]]

    @property
    def finite(self) -> bool:
        """Whether all of them are numbers."""
        return all(bool(np.isfinite(part.sum(dtype=np.float32))) for part in self.by_split.values())


class FeatureProgram:
    """The compiled forward pass of one architecture; models are its arguments.

    Args:
        objective: the model's shape.
        dtype: of computation.
        mesh: devices.

    Attributes:
        dtype: of features too.
        ahead: what calls its programs.
    """

    def __init__(self, objective: Classification, dtype: Any, mesh: Mesh) -> None:
        self._objective, self.dtype = objective, dtype
        self._options = compiler_options(mesh)
        self._everywhere = NamedSharding(mesh, PartitionSpec())
        self._cast = jax.jit(partial(_kernels_in, dtype=dtype), out_shardings=self._everywhere)
        self._programs: dict[BlockShape, Any] = {}
        self.ahead = Ahead()
        self._body = self._objective.parameter_shapes().keys() - {"head"}

    @property
    def row_bytes(self) -> int:
        """Bytes of an example's features."""
        return int(self._objective.config.hidden_size * np.dtype(self.dtype).itemsize)

    @property
    def compilations(self) -> int:
        """How many times a program was compiled: one per row length in use."""
        return sum(program._cache_size() for program in self._programs.values())

    def place(self, params: Tree) -> Tree:
        """Returns a model's body on the devices, kernels as products take them; does not wait for it.

        Args:
            params: a model's arrays, of this architecture; or what this gave for them, which stays.
        """
        body = {name: params[name] for name in params if name in self._body}
        on_device = jax.device_put(body, self._everywhere)
        return on_device if self.dtype == jnp.float32 else self._cast(on_device)

    def __call__(self, params: Tree, task: PackedTask) -> Features:
        """Returns the features of every example.

        Args:
            params: of `place`.
            task: packed with the tokens of the model's tokenizer.
        """
        total = sum(task.sizes.values())
        features_NxD = self._allocate(total)
        # Two dispatches are under way while a third is being read.
        pending: list[tuple[Chunk, Any]] = []
        for chunk in task.chunks:
            pending.append((chunk, self.ahead.run(self._forward(params, task, chunk))))
            if len(pending) > 2:
                _collect(features_NxD, *pending.pop(0))
        for chunk, output in pending:
            _collect(features_NxD, chunk, output)
        ends = np.cumsum([task.sizes[split] for split in SPLITS])
        parts = np.split(features_NxD, ends[:-1])
        return Features(dict(zip(SPLITS, parts, strict=True)))

    def expect(self, params: Tree, task: PackedTask) -> None:
        """Begins to compile for all features of a task, several programs at once, and returns.

        Args:
            params, task: as of a call.
        """
        of_shape = {chunk.shape: chunk for chunk in task.chunks}
        self.ahead.compile(self._forward(params, task, chunk) for chunk in of_shape.values())

    def stop(self) -> None:
        """Compiles nothing more ahead."""
        self.ahead.stop()

    def _forward(self, params: Tree, task: PackedTask, chunk: Chunk) -> Call:
        if chunk.shape not in self._programs:
            self._programs[chunk.shape] = jax.jit(
                partial(self._blocks, row_length=chunk.shape.length),
                compiler_options=self._options,
            )
        arguments = (params, task.tokens, chunk.segments, np.int32(chunk.count))
        return Call(self._programs[chunk.shape], arguments)

    def _blocks(
        self, params: Tree, tokens: Any, segments: Segments, count: Any, row_length: int
    ) -> Any:
        """Returns features [T, R, Q, D] of the first `count` blocks."""
        shape = (*segments.lengths_RxQ.shape, self._objective.config.hidden_size)

        def one(t: Any, out: Any) -> Any:
            block = jax.tree.map(lambda x: x[t], segments)
            tokens_of_block, _ = token_block(tokens, block, row_length)
            with products_in(self.dtype):
                features = self._objective.features(params, tokens_of_block, self.dtype)
            return out.at[t].set(features.astype(self.dtype))

        return jax.lax.fori_loop(0, count, one, jnp.zeros(shape, self.dtype))

    def _allocate(self, rows: int) -> NDArray[Any]:
        shape = (rows, self._objective.config.hidden_size)
        dtype = np.dtype(self.dtype)
        if rows * shape[1] * dtype.itemsize <= MAPPED_BYTES:
            return np.empty(shape, dtype)
        # The file has no name any more once it is mapped: a killed process leaves nothing behind.
        with tempfile.TemporaryFile() as file:
            file.truncate(rows * shape[1] * dtype.itemsize)
            return np.memmap(file, dtype, "r+", shape=shape)


def _kernels_in(params: Tree, dtype: Any) -> Tree:
    """Returns parameters with kernels in `dtype`, to which every product would take them by itself."""

    def cast(path: Any, leaf: Any) -> Any:
        return leaf.astype(dtype) if path[-1].key == "kernel" else leaf

    return jax.tree_util.tree_map_with_path(cast, params)


def _collect(features_NxD: NDArray[Any], chunk: Chunk, output: Any) -> None:
    """Waits for a dispatch and puts its features into their rows."""
    examples = chunk.examples[: chunk.count]
    used = examples >= 0
    features_NxD[examples[used]] = np.asarray(output)[: chunk.count][used]
