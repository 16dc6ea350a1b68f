"""The protocol: everything that decides a run besides its base model, its data and its seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.strict import build, check_most, check_ranges, check_types

Auto = Literal["auto"]
Method = Literal["finetune", "probe", "lp_then_ft"]
Head = Literal["fresh", "inherit"]
Schedule = Literal["linear", "constant"]
Precision = Literal["auto", "float32", "bfloat16"]


Decision = Literal["generate", "score", "classify"]
LabelText = Literal["id", "name"]


@dataclass(frozen=True)
class TextProtocol:
    """How a text-to-text model (T5) reads examples and gives answers.

    Attributes:
        decision: generate a text and compare it with the labels' texts, or score these and take the
            best; or "classify" by a linear head on the mean of the encoder's output, without texts.
        labels: the text of a label is its id (the paper's choice) or its name.
        separator: joins the texts of an example (the paper's choice).
        templates: task name → what is read instead, such as "premise: {0} hypothesis: {1}", with the
            task's first text for {0} and its second for {1}.
    """

    decision: Decision = "generate"
    labels: LabelText = "id"
    separator: str = " <SEP> "
    templates: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_types(self, "protocol.text")

    def of(self, task: str) -> TextProtocol:
        """Returns it without the templates of other tasks."""
        own = {name: text for name, text in self.templates.items() if name == task}
        return replace(self, templates=own)


@dataclass(frozen=True)
class Protocol:
    """Everything that decides a run besides its base model, its data and its seed.

    The defaults are the paper's for RoBERTa. Whatever is counted is counted in examples.

    Attributes:
        method: train everything, the classification head only, or first the head, then everything.
        head: start from a fresh head, or from the checkpoint's where shapes match.
        learning_rate: peak of the schedule.
        schedule: linear decay to zero after the warm-up, or constant.
        warmup_fraction: share of the optimiser steps over which the rate rises from zero.
        epochs: length of the schedule; None where `max_examples` alone bounds the run.
        max_examples: bound on the examples seen, over all epochs.
        batch_size: examples per optimiser step.
        weight_decay: AdamW's decay, on neither biases nor layer norms.
        l2_to_base: penalty on the squared distance of the parameters from the base model's.
        probe_epochs: length of the head-only phase of `lp_then_ft`, inside the schedule.
        clip_norm: largest global gradient norm; None for no clipping.
        adam_beta1, adam_beta2, adam_epsilon: Adam's constants.
        dropout: overrides every dropout rate of the model's configuration; None keeps them.
        validate_every: examples between validations.
        patience: examples without improvement after which the run stops.
        early_stop_epsilon: smallest rise of the validation score, as a fraction, that counts.
        max_length: tokens of an input, special tokens included; longer ones are cut.
        train_size: use the first n of one seeded shuffle of the train split; None uses all.
        precision: of the computation; "auto" is bfloat16 on GPU and TPU, float32 on CPU.
        text: for text-to-text models, how they read and answer; None for models with a
            classification head.
    """

    method: Method = "finetune"
    head: Head = "fresh"
    learning_rate: float = 5e-5
    schedule: Schedule = "linear"
    warmup_fraction: float = 0.006
    epochs: float | None = 10.0
    max_examples: int | None = None
    batch_size: int = 256
    weight_decay: float = 0.01
    l2_to_base: float = 0.0
    probe_epochs: float = 2.0
    clip_norm: float | None = 1.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    dropout: float | None = None
    validate_every: int = 12_800
    patience: int = 256_000
    early_stop_epsilon: float = 0.001
    max_length: int = 250
    train_size: int | None = None
    precision: Precision = "auto"
    text: TextProtocol | None = None

    @property
    def in_words(self) -> bool:
        """Whether a text-to-text model answers in words, so that all of it is used."""
        return self.text is not None and self.text.decision != "classify"

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What of it decides a run's id.

        Parts that came later than the first records are left out where they are not used, so that
        ids stay what they were.
        """
        identity = asdict(self)
        if self.text is None:
            del identity["text"]
        return identity

    def __post_init__(self) -> None:
        check_types(self, "protocol")
        above_zero, at_least_one = (lambda x: x > 0, "> 0"), (lambda x: x >= 1, ">= 1")
        not_negative, below_one = (lambda x: x >= 0, ">= 0"), (lambda x: 0 <= x < 1, "in [0, 1)")
        check_ranges(
            self,
            "protocol",
            {
                "learning_rate": above_zero,
                "warmup_fraction": (lambda x: 0 <= x <= 1, "in [0, 1]"),
                "epochs": above_zero,
                "max_examples": at_least_one,
                "batch_size": at_least_one,
                "weight_decay": not_negative,
                "l2_to_base": not_negative,
                "probe_epochs": above_zero,
                "clip_norm": above_zero,
                "adam_beta1": below_one,
                "adam_beta2": below_one,
                "adam_epsilon": above_zero,
                "dropout": below_one,
                "validate_every": at_least_one,
                "patience": at_least_one,
                "early_stop_epsilon": not_negative,
                "max_length": (lambda x: x >= 8, ">= 8"),
                "train_size": at_least_one,
            },
        )
        check_most(self, "protocol", {"batch_size": 65_536, "max_length": 1_000_000})
        if self.epochs is None and self.max_examples is None:
            raise IntertrainError(
                "config key 'protocol.epochs' may be null only where 'protocol.max_examples' bounds"
                " the run, got null for both. Set one of them."
            )
        answers = self.in_words
        if answers and self.head == "fresh":
            raise IntertrainError(
                "config key 'protocol.head' must be 'inherit' with protocol.text, as the output of a"
                " text-to-text model is part of its pretraining, got 'fresh'. Set it."
            )
        if self.method == "lp_then_ft" and self.epochs and self.probe_epochs >= self.epochs:
            raise IntertrainError(
                "config key 'protocol.probe_epochs' must be less than protocol.epochs"
                f" ({self.epochs:g}) with method lp_then_ft, got {self.probe_epochs:g}. Lower it."
            )

    def rows_of(self, count: int) -> int:
        """Counts the training examples that a run uses, of so many."""
        return count if self.train_size is None else min(count, self.train_size)


# What all runs of one grid have in common: its tasks are read once, in one precision.
_SHARED = ("text", "max_length", "precision")


def changed(protocol: Protocol, keys: Mapping[str, Any], path: str) -> Protocol:
    """Returns a protocol with some of its keys set to other values.

    Args:
        protocol: the others are its own.
        keys: key → value.
        path: what the configuration calls them.

    Raises:
        IntertrainError: there is no such key, all runs of a grid share it, or its value is wrong.
    """
    if not keys:
        return protocol
    for key in _SHARED:
        if key in keys:
            raise IntertrainError(
                f"config key '{path}.{key}' cannot be set, as all runs of a grid share"
                f" protocol.{key}. Set that."
            )
    try:
        found: Protocol = build(Protocol, {**asdict(protocol), **keys}, "protocol")
    except IntertrainError as error:
        raise IntertrainError(str(error).replace("'protocol", f"'{path}")) from error
    return found
