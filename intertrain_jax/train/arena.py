"""The token arena: all tokens of a grid in one flat device array, and references into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from numpy.typing import NDArray

from intertrain_jax.data.encoded import SPLITS, EncodedSplit, EncodedTask, TaskKey
from intertrain_jax.data.packing import (
    EMPTY,
    EVALUATION_TOKENS,
    BlockShape,
    pack,
    row_lengths_of,
    segments_per_row,
)
from intertrain_jax.data.splits import train_subset
from intertrain_jax.train.step import Segments, blank_segments

CHUNK_BLOCKS = 16


@dataclass(frozen=True)
class SplitView:
    """A split as the engine addresses it.

    Attributes:
        offsets: [N] int32 arena position of every example.
        lengths: [N] int32 tokens.
        boundaries: [N] int32 leading tokens of token type 0.
        labels: [N] float32 class ids or regression targets.
    """

    offsets: NDArray[np.int32]
    lengths: NDArray[np.int32]
    boundaries: NDArray[np.int32]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.offsets)

    def take(self, indices: NDArray[np.int64]) -> SplitView:
        """Returns the view of some of the examples, renumbered from 0 in the order given."""
        return SplitView(
            self.offsets[indices],
            self.lengths[indices],
            self.boundaries[indices],
            self.labels[indices],
        )

    def first(self, size: int | None) -> SplitView:
        """Returns the first `size` examples of a train split's fixed shuffle; None is all of them."""
        return self if size is None else self.take(train_subset(len(self), size))

    def segments(self, blocks: NDArray[np.int32]) -> Segments:
        """Returns what the device needs to gather blocks [..., R, Q] of example indices."""
        used = blocks >= 0
        at = np.where(used, blocks, 0)
        return Segments(
            offsets_RxQ=self.offsets[at],
            lengths_RxQ=np.where(used, self.lengths[at], 0).astype(np.int32),
            boundaries_RxQ=self.boundaries[at],
            examples_RxQ=at.astype(np.int32),
            labels_RxQ=self.labels[at],
        )


@dataclass(frozen=True)
class Chunk:
    """The blocks of one dispatch that computes without training.

    Attributes:
        shape: of its blocks.
        segments: references with leaves [T, R, Q].
        examples: [T, R, Q] indices into the split, EMPTY where unused.
        count: blocks in use.
    """

    shape: BlockShape
    segments: Segments
    examples: NDArray[np.int32]
    count: int

    @classmethod
    def blank(cls, shape: BlockShape) -> Chunk:
        """Returns a dispatch without blocks."""
        examples = _no_examples(shape)
        return cls(shape, blank_segments(examples.shape), examples, 0)


def _no_examples(shape: BlockShape) -> NDArray[np.int32]:
    """Returns the slots of a dispatch, all unused."""
    return np.full((CHUNK_BLOCKS, shape.rows, shape.segments), EMPTY, np.int32)


def chunked(view: SplitView, shapes: Sequence[BlockShape]) -> list[Chunk]:
    """Packs a split into dispatches of `CHUNK_BLOCKS` blocks; every example is in one of them.

    Args:
        view: of the split.
        shapes: block shapes of increasing row length.
    """
    blocks = pack(view.lengths.tolist(), shapes)
    chunks = []
    for shape in shapes:
        of_shape = [block.examples for block in blocks if block.shape == shape]
        for first in range(0, len(of_shape), CHUNK_BLOCKS):
            part = of_shape[first : first + CHUNK_BLOCKS]
            examples = _no_examples(shape)
            examples[: len(part)] = part
            chunks.append(Chunk(shape, view.segments(examples), examples, len(part)))
    return chunks


@dataclass(frozen=True)
class Arena:
    """All tokens on the device, and a view of every split of every task.

    Attributes:
        tokens: flat device array, uint16 or int32, the same on every device.
        views: (key of the task, split) → `SplitView`.
    """

    tokens: Any
    views: Mapping[tuple[TaskKey, str], SplitView]


def build_arena(tasks: Mapping[TaskKey, EncodedTask], sharding: Any) -> Arena:
    """Uploads every split of every task once, laid out by `sharding` (whole on every device).

    The array's length is rounded up to a power of two, so that grids of similar size share the
    compiled programs of the persistent cache.
    """
    parts: list[NDArray[Any]] = []
    views: dict[tuple[TaskKey, str], SplitView] = {}
    total = 0
    for key in sorted(tasks):
        for split in SPLITS:
            data: EncodedSplit = getattr(tasks[key], split)
            offsets = np.asarray(data.offsets)
            views[key, split] = SplitView(
                offsets=(offsets[:-1] + total).astype(np.int32),
                lengths=np.diff(offsets).astype(np.int32),
                boundaries=np.asarray(data.boundaries, np.int32),
                labels=np.asarray(data.labels, np.float32),
            )
            parts.append(np.asarray(data.tokens))
            total += len(data.tokens)
    wide = any(part.dtype.itemsize > 2 for part in parts)
    flat = np.zeros(1 << max(total - 1, 1).bit_length(), np.int32 if wide else np.uint16)
    flat[:total] = np.concatenate(parts)
    return Arena(jax.device_put(flat, sharding), views)


def backend_of(mesh: Mesh) -> str:
    """Returns what a mesh's devices are, by which block shapes are chosen: cpu, gpu or tpu."""
    platform = str(mesh.devices.flat[0].platform)
    return "gpu" if platform in ("cuda", "rocm") else platform


def forward_shapes(lengths: NDArray[np.int32], mesh: Mesh) -> tuple[BlockShape, ...]:
    """Returns block shapes for forward passes, of increasing row length.

    Args:
        lengths: tokens of the examples.
        mesh: devices, among which the rows of a block are divided: rows are a multiple of them.
    """
    tokens = EVALUATION_TOKENS[backend_of(mesh)] * mesh.size
    shapes = []
    for length in row_lengths_of(lengths, int(lengths.max())):
        rows = max(mesh.size, tokens // length // mesh.size * mesh.size)
        shapes.append(BlockShape(rows, length, segments_per_row(length, int(lengths.min()))))
    return tuple(shapes)


# Whether programs on GPUs add up in an order of their own; see `deterministic_programs`.
_deterministic = False


@contextmanager
def deterministic_programs(wanted: bool) -> Iterator[None]:
    """Makes the programs that are compiled meanwhile give the same bits whenever they are run.

    Only a GPU's would not by themselves: it adds gradients of embeddings in whatever order they come.
    It is the process's, as programs may be compiled by any thread.
    """
    global _deterministic
    before, _deterministic = _deterministic, wanted
    try:
        yield
    finally:
        _deterministic = before


def deterministic() -> bool:
    """Whether programs are asked to give the same bits each time."""
    return _deterministic


def compiler_options(mesh: Mesh) -> dict[str, Any] | None:
    """Returns XLA's options for programs on a mesh.

    On a GPU products of one input, as queries, keys and values are, stay apart: merged they would have
    their gradients copied side by side first, and their biases added in a pass of its own. Of XLA's two
    options for deterministic programs this is the one that leaves it its choice among kernels.
    """
    if backend_of(mesh) != "gpu":
        return None
    options: dict[str, Any] = {"xla_gpu_dot_merger_threshold_mb": 0}
    return options | ({"xla_gpu_exclude_nondeterministic_ops": True} if _deterministic else {})
