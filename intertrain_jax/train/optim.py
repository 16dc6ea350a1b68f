"""AdamW of one run: every hyperparameter is a scalar in the run's state, never a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

Array = Any  # a JAX array, or a NumPy array that JAX takes for one
Tree = Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Hyper:
    """What is the run's own, mostly scalars: its hyperparameters and its label texts.

    Attributes:
        learning_rate: peak learning rate.
        warmup_steps: int32, steps of linear warm-up.
        total_steps: int32, steps until linear decay reaches zero.
        constant: bool, keep the peak rate after warm-up instead of decaying.
        head_only_steps: int32, first steps in which the body stays as it is.
        weight_decay: decoupled decay of matrices (none on biases and norms).
        l2_to_base: factor λ of the penalty λ‖θ − θ_PT‖² on the body (paper, App. I.1).
        clip_norm: largest global gradient norm; infinity where the protocol does not clip.
        beta1: Adam's first decay.
        beta2: Adam's second decay.
        epsilon: Adam's epsilon, outside the square root.
        hidden_dropout: rate on embeddings and on the outputs of sub-layers.
        attention_dropout: rate on attention probabilities.
        classifier_dropout: rate in the classification head.
        dropout_seed: uint32, from the run's seed.
        num_classes: int32, classes of the task; logits beyond are masked.
        regression: bool, squared error on the first output instead of cross entropy.
        answers_CxT: int32 label texts by class, -1 where there is no token; None for classifiers.
    """

    learning_rate: Array
    warmup_steps: Array
    total_steps: Array
    constant: Array
    head_only_steps: Array
    weight_decay: Array
    l2_to_base: Array
    clip_norm: Array
    beta1: Array
    beta2: Array
    epsilon: Array
    hidden_dropout: Array
    attention_dropout: Array
    classifier_dropout: Array
    dropout_seed: Array
    num_classes: Array
    regression: Array
    answers_CxT: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RunState:
    """All that a run changes while it trains.

    Attributes:
        params: parameters, float32.
        mean: Adam's first moments.
        square: Adam's second moments.
        gradient: sum of the gradients of the current batch's micro-steps so far.
        step: int32, optimiser steps taken.
    """

    params: Tree
    mean: Tree
    square: Tree
    gradient: Tree
    step: Array


def fresh_state(params: Tree) -> RunState:
    """Returns the state of a run that starts from `params`."""
    zeros = jax.tree.map(jnp.zeros_like, params)
    return RunState(params, zeros, zeros, zeros, jnp.zeros((), jnp.int32))


def learning_rate_at(step: Array, hyper: Hyper) -> Array:
    """Linear warm-up, then linear decay to zero (or constant), at a step counted from 0."""
    warm = step / jnp.maximum(hyper.warmup_steps, 1)
    left = hyper.total_steps - step
    decay = left / jnp.maximum(hyper.total_steps - hyper.warmup_steps, 1)
    after = jnp.where(hyper.constant, 1.0, jnp.clip(decay, 0.0, 1.0))
    return hyper.learning_rate * jnp.where(step < hyper.warmup_steps, warm, after)


def is_decayed(path: tuple[Any, ...]) -> bool:
    """Whether weight decay applies to the parameter at `path`: not to biases and norms."""
    names = [str(getattr(key, "key", key)) for key in path]
    return not names[-1].endswith("bias") and not any(name.endswith("norm") for name in names)


def is_head(path: tuple[Any, ...]) -> bool:
    """Whether the parameter at `path` belongs to the classification head."""
    return str(getattr(path[0], "key", path[0])) == "head"


def penalised_gradient(state: RunState, hyper: Hyper, pretrained: Tree) -> Tree:
    """Returns the complete batch's gradient plus that of the penalty λ‖θ − θ_PT‖² on the body.

    Args:
        state: the run, its `gradient` complete for one batch.
        hyper: the run's hyperparameters.
        pretrained: θ_PT of the body.
    """

    def penalised(gradient: Array, now: Array, start: Array) -> Array:
        return gradient + 2.0 * hyper.l2_to_base * (now - start)

    body = {
        name: jax.tree.map(penalised, state.gradient[name], state.params[name], start)
        for name, start in pretrained.items()
    }
    return {**state.gradient, **body}


def clip_scale(state: RunState, hyper: Hyper) -> Array:
    """Returns the factor that brings the gradient of what is being trained below `clip_norm`."""
    body = _body_trains(state, hyper)
    squares = [
        jnp.sum(jnp.square(g)) * (1.0 if is_head(path) else body)
        for path, g in jax.tree_util.tree_leaves_with_path(state.gradient)
    ]
    norm = jnp.sqrt(jnp.sum(jnp.stack(squares)))
    return jnp.minimum(1.0, hyper.clip_norm / (norm + 1e-6))


def update(state: RunState, hyper: Hyper, scale: Array) -> RunState:
    """Takes one AdamW step with the accumulated gradient, and clears it.

    Decoupled weight decay as in PyTorch's AdamW.

    Args:
        state: the run, its `gradient` complete for one batch.
        hyper: the run's hyperparameters.
        scale: from `clip_scale`.
    """
    body = _body_trains(state, hyper)
    gradient = jax.tree_util.tree_map_with_path(
        lambda path, g: g * (scale if is_head(path) else scale * body),
        state.gradient,
    )
    adam = optax.scale_by_adam(b1=hyper.beta1, b2=hyper.beta2, eps=hyper.epsilon)
    moments = optax.ScaleByAdamState(count=state.step, mu=state.mean, nu=state.square)
    direction, moments = adam.update(gradient, moments)
    rate = learning_rate_at(state.step, hyper)

    def move(path: tuple[Any, ...], p: Array, d: Array) -> Array:
        decay = hyper.weight_decay * p if is_decayed(path) else 0.0
        return p - rate * (1.0 if is_head(path) else body) * (d + decay)

    return RunState(
        params=jax.tree_util.tree_map_with_path(move, state.params, direction),
        mean=moments.mu,
        square=moments.nu,
        gradient=jax.tree.map(jnp.zeros_like, state.gradient),
        step=state.step + 1,
    )


def _body_trains(state: RunState, hyper: Hyper) -> Array:
    return (state.step >= hyper.head_only_steps).astype(jnp.float32)
