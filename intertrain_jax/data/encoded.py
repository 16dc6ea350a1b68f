"""Tokenised splits as flat arrays: what the engine trains on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")

# (id of the tokens, name of the task): a task is tokenised once for all tokenizers that agree.
TaskKey = tuple[str, str]


@dataclass(frozen=True)
class EncodedSplit:
    """The examples of one split, tokens one after another.

    Attributes:
        tokens: [total] uint16 or int32, flat; often memory-mapped.
        offsets: [N+1] int64; example i is `tokens[offsets[i]:offsets[i + 1]]`.
        boundaries: [N] int32, leading tokens of token type 0 (the example's length where there is
            one sentence, or where the tokenizer has no types).
        labels: [N] int32 class ids, or float32 regression targets.
    """

    tokens: NDArray[Any]
    offsets: NDArray[np.int64]
    boundaries: NDArray[np.int32]
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[N] tokens of every example."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class EncodedTask:
    """A task, tokenised.

    Attributes:
        name: of the task.
        num_classes: C; 1 for a regression.
        regression: whether labels are numbers.
        metric: "accuracy" or "spearman".
        label_names: by class id.
        train: examples to train on.
        validation: examples to stop and select by.
        test: examples to score.
        fingerprint: hash of texts, labels and split assignment; independent of the tokenizer.
        origin: where the data came from.
        answers: label texts as token ids by class, end token included; empty for classifiers.
    """

    name: str
    num_classes: int
    regression: bool
    metric: Literal["accuracy", "spearman"]
    label_names: tuple[str, ...]
    train: EncodedSplit
    validation: EncodedSplit
    test: EncodedSplit
    fingerprint: str
    origin: dict[str, Any] = field(default_factory=dict)
    answers: tuple[tuple[int, ...], ...] = ()
