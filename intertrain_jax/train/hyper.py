"""The hyperparameters of a run as scalars in its state, from its protocol, task and seed."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.batches import Schedule
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.train.objectives import Objective
from intertrain_jax.train.optim import Hyper


def hyper_of(
    protocol: Protocol,
    schedule: Schedule,
    config: AnyConfig,
    seed: int,
    task: EncodedTask,
    objective: Objective,
) -> Hyper:
    """Returns what is a run's own in the state of its lane.

    Args:
        protocol: the run's.
        schedule: its step counts.
        config: of its base model, for dropout rates.
        seed: its seed.
        task: its target.
        objective: the shape of label texts, where there are any.
    """

    def rate(own: float) -> np.float32:
        return np.float32(own if protocol.dropout is None else protocol.dropout)

    digest = hashlib.sha256(f"dropout:{seed}".encode()).digest()
    return Hyper(
        learning_rate=np.float32(protocol.learning_rate),
        warmup_steps=np.int32(schedule.warmup_steps),
        total_steps=np.int32(schedule.total_steps),
        constant=np.bool_(protocol.schedule == "constant"),
        head_only_steps=np.int32(schedule.head_only_steps),
        weight_decay=np.float32(protocol.weight_decay),
        l2_to_base=np.float32(protocol.l2_to_base),
        clip_norm=np.float32(np.inf if protocol.clip_norm is None else protocol.clip_norm),
        beta1=np.float32(protocol.adam_beta1),
        beta2=np.float32(protocol.adam_beta2),
        epsilon=np.float32(protocol.adam_epsilon),
        hidden_dropout=rate(config.hidden_dropout),
        attention_dropout=rate(config.attention_dropout),
        classifier_dropout=rate(config.classifier_dropout),
        dropout_seed=np.uint32(int.from_bytes(digest[:4], "little")),
        num_classes=np.int32(task.num_classes),
        regression=np.bool_(task.regression),
        answers_CxT=answer_table(task.answers, objective.answers_shape),
    )


def answer_table(
    answers: tuple[tuple[int, ...], ...], shape: tuple[int, int] | None
) -> NDArray[np.int32] | None:
    """Returns a task's label texts [C, T], -1 where there is no token, or None for classifiers."""
    if shape is None:
        return None
    table = np.full(shape, -1, np.int32)
    for row, answer in zip(table, answers, strict=False):
        row[: len(answer)] = answer
    return table


def blank_hyper(answers_shape: tuple[int, int] | None = None) -> Hyper:
    """Returns hyperparameters of the right shapes and dtypes for an empty lane.

    Args:
        answers_shape: [C, T] of the label texts, None for classifiers.
    """
    integers = {"warmup_steps", "total_steps", "head_only_steps", "num_classes"}
    kinds = {"constant": np.bool_, "regression": np.bool_, "dropout_seed": np.uint32}
    return Hyper(
        **{
            name: np.int32(0) if name in integers else kinds.get(name, np.float32)(0)
            for name in Hyper.__dataclass_fields__
            if name != "answers_CxT"
        },
        answers_CxT=None if answers_shape is None else np.full(answers_shape, -1, np.int32),
    )
