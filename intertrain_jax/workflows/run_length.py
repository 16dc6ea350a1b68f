"""Shortens the runs of a search so that enough of them end within its hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from intertrain_jax.config.experiment import EXPERIMENT_FILE, ExperimentConfig, load_config
from intertrain_jax.config.formats import is_file
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.load import TaskData
from intertrain_jax.planning.estimates import encoder_parameters, run_tokens
from intertrain_jax.planning.rates import achieved_rate, expected_rate
from intertrain_jax.recommendation.decide import FIRST
from intertrain_jax.workflows.inputs import measure
from intertrain_jax.workflows.watch import duration

# The pretrained model, the first models of the ranking, and a second run of the better half.
RUNS = 1 + FIRST + FIRST // 2
# Of the hours; the rest is for compiling and for what the estimate does not know.
_SHARE = 0.85
# In fewer optimiser steps a model learns nothing.
_FEWEST_STEPS = 30
# What says how long a run is, if the user does.
_LENGTHS = ("epochs", "max_examples", "train_size", "validate_every", "patience")


def fitted(
    config: ExperimentConfig,
    data: TaskData,
    overrides: Mapping[str, Any] | Sequence[str],
    max_hours: float | None,
    device: str,
) -> tuple[ExperimentConfig, str | None]:
    """Returns an experiment whose runs are short enough, and what is said of it.

    A search of which nothing but the pretrained model's run ends says nothing. Runs stay as long as they
    are where they are on an accelerator, where the user says how long they are, and where the results
    directory has runs: these stay comparable, however many hours are given later.

    Args:
        config: the experiment, with a protocol for the number of examples.
        data: of its target.
        overrides: of the configuration, which the user gave.
        max_hours: of computing; None is any number.
        device: that computes.
    """
    if _says_how_long(overrides):
        return config, None
    protocol = config.protocol
    file = config.out_dir / EXPERIMENT_FILE
    if is_file(file):
        had = load_config(file).protocol
        same = replace(
            protocol, epochs=had.epochs, validate_every=had.validate_every, patience=had.patience
        )
        return replace(config, protocol=same), None
    parameters = encoder_parameters(config.model.ref.reference)
    if max_hours is None or parameters is None or protocol.epochs is None or "cpu" not in device:
        return config, None
    size = measure(data)
    trained, evaluated = run_tokens(protocol, size)
    rate = achieved_rate(parameters, config.data.cache_dir) or expected_rate(parameters)
    training, evaluation = (parameters * cost / rate for cost in (6.0 * trained, 2.0 * evaluated))
    share = (_SHARE * 3600.0 * max_hours / RUNS - evaluation) / training
    if share >= 1.0:
        return config, None
    shorter = _shortened(protocol, size.train, share)
    said = (
        f"{RUNS} runs of {protocol.epochs:g} epochs, each about {duration(training + evaluation)} here,"
        f" take longer than {max_hours:g} hours: runs have {shorter.epochs:g} epochs instead"
        f" (--set protocol.epochs={protocol.epochs:g} leaves them as they were)"
    )
    return replace(config, protocol=shorter), said


def _shortened(protocol: Protocol, rows: int, share: float) -> Protocol:
    """Returns a protocol of a share of the epochs, with as many validations."""
    assert protocol.epochs is not None
    batch = protocol.batch_size
    fewest = min(protocol.epochs, _FEWEST_STEPS * batch / rows)
    epochs = float(f"{max(share * protocol.epochs, fewest):.3g}")
    every = batch * max(1, ceil(protocol.validate_every * epochs / protocol.epochs / batch))
    waits = protocol.patience // protocol.validate_every
    return replace(protocol, epochs=epochs, validate_every=every, patience=waits * every)


def _says_how_long(overrides: Mapping[str, Any] | Sequence[str]) -> bool:
    keys = [text.partition("=")[0].strip() for text in overrides]
    return any(key == "protocol" or key.removeprefix("protocol.") in _LENGTHS for key in keys)
