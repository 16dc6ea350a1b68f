"""A grid of made-up scores that kept random source models of a real shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np

from intertrain_jax.config.experiment import load_config
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.models.hf.weights import load_checkpoint
from intertrain_jax.train.objectives import Classification
from intertrain_jax.workflows.grid import grid
from tests.experiments import FakeEngine, raw_config, write_experiment, write_tokenizer
from tests.models.tiny_models import ModelFactory


def kept_grid(tmp_path: Path) -> tuple[Path, dict[tuple[str, int], Any]]:
    """Does a grid of made-up scores on a real model; returns its directory and random sources."""
    write_experiment(tmp_path)
    model = write_tokenizer(ModelFactory(tmp_path)("bert"))
    out = tmp_path / "out"
    raw = raw_config(tmp_path, model={"pretrained": str(model)}, out=str(out))
    plan = grid(load_config(raw), runner=FakeEngine()).plan
    checkpoints, kept = Checkpoints(out / "checkpoints"), {}
    checkpoints.take_over()
    shapes = Classification(load_checkpoint(str(model)).config, 2).saved_shapes(2)
    for run in plan.runs:
        if plan.dependants(run.id):
            rng = np.random.default_rng(len(kept))
            kept[run.target, run.seed] = jax.tree.map(
                lambda s, rng=rng: rng.standard_normal(s.shape).astype(np.float32), shapes
            )
            checkpoints.save_source(run.id, kept[run.target, run.seed])
    checkpoints.close()
    return out, kept
