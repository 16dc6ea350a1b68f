"""What an estimator is: a value with its name, definition, source and needs, and what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sample:
    """What an estimator may look at: one model's features of a task and the labels.

    Attributes:
        train_NxD, train_labels: features and labels [N] of the train split; labels are integers in
            [0, num_classes), or numbers where `num_classes` is 1.
        test_MxD, test_labels: of the test split.
        num_classes: classes of the task; 1 is regression.
        source_logits: returns [N, Z] what the checkpoint's own head says of the train split; None where
            it has no head that tells classes apart.
    """

    train_NxD: np.ndarray
    train_labels: np.ndarray
    test_MxD: np.ndarray
    test_labels: np.ndarray
    num_classes: int
    source_logits: Callable[[], np.ndarray] | None = None

    def source_logits_NxZ(self) -> np.ndarray:
        """Returns the logits of the checkpoint's own head.

        Raises:
            ValueError: it has none that tells classes apart.
        """
        if self.source_logits is None:
            raise ValueError("the checkpoint has no head of its own that tells classes apart")
        return self.source_logits()


@dataclass(frozen=True)
class Estimator:
    """A column of estimates.

    Attributes:
        name: in configurations, on the command line, of the column.
        title: for people.
        definition: one sentence.
        source: authors, year and where the definition is.
        units: of the value.
        compute: returns its value, NaN where it is not defined; raises ValueError, with the reason,
            where the sample does not allow it. None for the linear probe, whose heads are trained.
        higher_is_better: whether a larger value promises a better base model.
        regression: whether it knows what to do with targets that are numbers.
        needs_source_head: whether it needs the classification head that the checkpoint came with.
    """

    name: str
    title: str
    definition: str
    source: str
    units: str
    compute: Callable[[Sample], float] | None
    higher_is_better: bool = True
    regression: bool = True
    needs_source_head: bool = False
