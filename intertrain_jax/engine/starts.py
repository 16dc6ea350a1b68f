"""Where a run starts: the weights of its base model with a head of its own, shaped for the lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import jax
import numpy as np

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.engine.bases import BaseModels
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.models.families.bert import EncoderConfig
from intertrain_jax.models.hf.weights import Checkpoint
from intertrain_jax.models.zoo import AnyConfig
from intertrain_jax.planning.plan import Plan, Run
from intertrain_jax.train.objectives import Classification, Objective, TextToText

Tree = Any


def check_shape(name: str, model: Checkpoint, pretrained: Checkpoint) -> None:
    """Checks that a base model can share the programs of the pretrained one.

    Raises:
        IntertrainError: it has another shape; says in what.
    """
    ours, theirs = asdict(model.config.shape), asdict(pretrained.config.shape)
    if ours != theirs:
        key = next((key for key in theirs if ours.get(key) != theirs[key]), "family")
        raise IntertrainError(
            f"base model {name!r} must have the shape of the pretrained model, but its {key} is"
            f" {ours.get(key)!r}, and there {theirs.get(key)!r}. Give it an experiment of its own."
        )


def objective_of(
    config: AnyConfig, tasks: Mapping[str, EncodedTask], protocol: Protocol
) -> Objective:
    """Returns what the runs of a grid optimise: the architecture decides, and for T5 the protocol.

    Args:
        config: the model's shape.
        tasks: all tasks of the grid.
        protocol: that all runs share.
    """
    outputs = max(task.num_classes for task in tasks.values())
    if isinstance(config, EncoderConfig):
        return Classification(config, outputs)
    assert protocol.text is not None
    if protocol.text.decision == "classify":
        return Classification(config, outputs)
    length = max(len(answer) for task in tasks.values() for answer in task.answers)
    # A tied model whose output is trained alone gets an output of its own.
    own_head = not config.tied or protocol.method != "finetune"
    return TextToText(config, outputs, length, protocol.text.decision, own_head)


class Starts:
    """Gives the initial parameters of runs.

    Args:
        models: base models by reference.
        tasks: all tasks of the grid, by key.
        protocol: that all runs share.
        checkpoints: where source models are.
    """

    def __init__(
        self,
        models: BaseModels,
        tasks: Mapping[str, EncodedTask],
        protocol: Protocol,
        checkpoints: Checkpoints,
    ) -> None:
        self.objective = objective_of(models.pretrained.config, tasks, protocol)
        self._models = models
        self._tasks = tasks
        self._checkpoints = checkpoints

    def params_of(self, run: Run) -> Tree:
        """Returns the initial parameters of a run as numpy arrays, its head widened for the lanes.

        Raises:
            FileNotFoundError: if the source model is not there.
        """
        if run.base.source_run is None:
            model = self._models[run.base.model]
            body, old_head = self._body(model.params), model.head
        else:
            assert run.base.source_task is not None
            like = self.objective.saved_shapes(self._tasks[run.base.source_task].num_classes)
            saved = self._checkpoints.load_source(run.base.source_run, like)
            body, old_head = self._body(saved), saved.get("head")
        inherit = run.protocol.head == "inherit"
        classes = self._tasks[run.target].num_classes
        return {**body, **self.objective.start_head(classes, run.seed, inherit, body, old_head)}

    def config_of(self, run: Run) -> AnyConfig:
        """Returns the configuration, with its dropout rates, of the base model behind a run."""
        return self._models[run.base.model].config

    def source_params(self, run: Run, lane_params: Tree) -> Tree:
        """Returns what to keep of a finished source run: host arrays, the head of its own width."""
        host = jax.tree.map(np.asarray, lane_params)
        return self.objective.saved_params(host, self._tasks[run.target].num_classes)

    def pretrained_body(self, plan: Plan) -> Tree:
        """Returns θ_PT without a head, for the `l2_to_base` penalty."""
        pretrained = next(run for run in plan.runs if run.kind == "pretrained")
        return self._body(self._models[pretrained.base.model].params)

    def prefetch(self, run: Run) -> None:
        """Begins to load the base model of a run that is likely to start next."""
        if run.base.source_run is None:
            self._models.prefetch(run.base.model)

    def _body(self, params: Tree) -> Tree:
        """Returns what a lane trains beside its head: a T5 that classifies has no decoder."""
        names = self.objective.parameter_shapes().keys() - {"head"}
        return {name: params[name] for name in params if name in names}
