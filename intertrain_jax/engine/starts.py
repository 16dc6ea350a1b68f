"""Where a run starts: the weights of its base model with a head of its own, shaped for the lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.grid.plan import Plan, Run
from intertrain_jax.models.bert import EncoderConfig, parameter_shapes
from intertrain_jax.models.heads import inherit_head, init_head
from intertrain_jax.models.hf_weights import Checkpoint

Tree = Any

# What may differ between base models that share a program: rates are scalars of a lane.
_PER_RUN: dict[str, Any] = {
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "classifier_dropout": 0.0,
    "initializer_range": 0.0,
    "pad_token_id": 0,
}


def shared_config(models: Mapping[str, Checkpoint]) -> EncoderConfig:
    """Returns the configuration that all base models of a grid share.

    Raises:
        IntertrainError: if a base model has another shape than the first.
    """
    first, *others = models
    config = models[first].config
    for other in others:
        if replace(models[other].config, **_PER_RUN) != replace(config, **_PER_RUN):
            raise IntertrainError(
                f"Base model {other!r} has another shape than {first!r}, and a grid has one "
                "architecture: give it an experiment of its own."
            )
    return config


def pad_head(head: Tree, num_outputs: int) -> Tree:
    """Widens a head's output to the shared number of outputs, with zeros."""
    extra = num_outputs - head["out"]["bias"].shape[0]
    out = {
        "kernel": np.pad(head["out"]["kernel"], ((0, 0), (0, extra))),
        "bias": np.pad(head["out"]["bias"], (0, extra)),
    }
    return {**head, "out": out}


def cut_head(params: Tree, num_classes: int) -> Tree:
    """Narrows the head of a full parameter tree to the outputs that its task has."""
    out = params["head"]["out"]
    cut = {
        "kernel": out["kernel"][:, :num_classes].copy(),
        "bias": out["bias"][:num_classes].copy(),
    }
    return {**params, "head": {**params["head"], "out": cut}}


class Starts:
    """Gives the initial parameters of runs.

    Args:
        models: base models by reference.
        tasks: all tasks of the grid.
        checkpoints: where source models are.
    """

    def __init__(
        self,
        models: Mapping[str, Checkpoint],
        tasks: Mapping[str, EncodedTask],
        checkpoints: Checkpoints,
    ) -> None:
        self.config = shared_config(models)
        self.num_outputs = max(task.num_classes for task in tasks.values())
        self._models = models
        self._tasks = tasks
        self._checkpoints = checkpoints

    def params_of(self, run: Run) -> Tree:
        """Returns the initial parameters of a run as numpy arrays, its head widened for the lanes.

        Raises:
            FileNotFoundError: if the source model is not there.
        """
        if run.base.source_run is None:
            model = self._models[run.base.reference]
            body, old_head = model.params, model.head
        else:
            assert run.base.source_task is not None
            like = parameter_shapes(self.config, self._tasks[run.base.source_task].num_classes)
            saved = self._checkpoints.load_source(run.base.source_run, like)
            body, old_head = {k: v for k, v in saved.items() if k != "head"}, saved["head"]
        classes = self._tasks[run.target].num_classes
        if run.protocol.head == "inherit":
            head: Tree = inherit_head(self.config, classes, run.seed, old_head)
        else:
            head = init_head(self.config, classes, run.seed)
        return {**body, "head": pad_head(head, self.num_outputs)}

    def config_of(self, run: Run) -> EncoderConfig:
        """Returns the configuration, with its dropout rates, of the base model behind a run."""
        return self._models[run.base.reference].config

    def source_params(self, run: Run, lane_params: Tree) -> Tree:
        """Returns what to keep of a finished source run: host arrays, the head of its own width."""
        host = jax.tree.map(np.asarray, lane_params)
        return cut_head(host, self._tasks[run.target].num_classes)

    def pretrained_body(self, plan: Plan) -> Tree:
        """Returns θ_PT without a head, for the `l2_to_base` penalty."""
        pretrained = next(run for run in plan.runs if run.kind == "pretrained")
        return self._models[pretrained.base.reference].params
