"""Probes on cached features equal the engine's frozen-body runs, whatever else is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.base import StopReason
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.engine.loop import run_grid
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf.weights import Checkpoint
from intertrain_jax.planning.work import GridWork
from intertrain_jax.probe import features as features_module
from intertrain_jax.probe import table as table_module
from intertrain_jax.probe.features import FeatureProgram, pack_task
from intertrain_jax.probe.heads import HeadRun, HeadTrainer
from intertrain_jax.probe.table import Probed, fits
from intertrain_jax.train.objectives import Classification
from tests.compiled import compilations
from tests.engine.tiny_grid import (
    CLASSIFIERS,
    Outcomes,
    TinyBases,
    tiny_checkpoint,
    tiny_plan,
    tiny_protocol,
    tiny_task,
)

RATES = (1e-3, 5e-2)
TASK = tiny_task("task", 3)


def protocol_of(family: str, **changes: Any) -> Protocol:
    """Returns a probe without dropout."""
    values = {"method": "probe", "dropout": 0.0, "epochs": 6, "learning_rate": 5e-2, **changes}
    return tiny_protocol(family, **values)


def checkpoint_of(family: str, seed: int = 0) -> Checkpoint:
    """Returns random weights."""
    return tiny_checkpoint("t5" if family == "t5-classifier" else family, seed)


def probe(
    models: Sequence[Checkpoint],
    protocol: Protocol,
    task: EncodedTask = TASK,
    rates: Sequence[float] = RATES,
    seeds: int = 2,
    group: int = 3,
    devices: int = 1,
) -> list[list[list[HeadRun]]]:
    """Computes features and trains heads, as a ranking does."""
    mesh = lane_mesh(devices)
    objective = Classification(models[0].config.shape, task.num_classes)
    packed = pack_task(task, protocol.train_size, mesh)
    program = FeatureProgram(objective, jnp.float32, mesh)
    trainer = HeadTrainer(objective, protocol, rates, seeds, group, task, mesh)
    with compilations() as found:
        program.expect(program.place(models[0].params), packed)
        trainer.expect(models[0].config, packed.sizes, program.dtype)
        probed = [
            Probed(m.config, m.head, program(program.place(m.params), packed)) for m in models
        ]
        runs = trainer(probed, packed.labels)
    late = {name for name, early in found if not early}
    resident = fits(sum(packed.sizes.values()) * program.row_bytes, group)
    assert not resident or not late & {"jit(_blocks)", "jit(_outputs)", "jit(_train_steps)"}
    assert program.compilations == len({chunk.shape for chunk in packed.chunks})
    assert trainer.compilations == 1
    return runs


def check_equal(found: HeadRun, expected: Any, tolerance: float = 2e-5) -> None:
    """Compares two curves point by point."""
    ours, theirs = found.history, list(expected.history)
    assert [(h["step"], h["examples"]) for h in ours] == [
        (h["step"], h["examples"]) for h in theirs
    ]
    for name in ("train_loss", "validation"):
        np.testing.assert_allclose(
            [h[name] for h in ours], [h[name] for h in theirs], rtol=tolerance, atol=tolerance
        )


def without_body_dropout(model: Checkpoint, rate: float) -> Checkpoint:
    """Returns a model that drops units in its head only."""
    rates = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "classifier_dropout": rate}
    return replace(model, config=replace(model.config, **rates))


@pytest.mark.parametrize(
    ("family", "head", "rate"),
    [
        *((family, "fresh", 0.0) for family in CLASSIFIERS if family != "roberta"),
        ("roberta", "inherit", 0.3),
    ],
)
def test_a_probe_on_features_is_the_engines_frozen_body_run(
    tmp_path: Path, family: str, head: str, rate: float
) -> None:
    """Curve by curve; with dropout in the head, hashed keys make both drop the same units."""
    protocol = replace(protocol_of(family, head=head), dropout=None)
    model = without_body_dropout(checkpoint_of(family), rate)
    plan, outcomes = tiny_plan(["task"], seeds=2, protocol=protocol), Outcomes()
    engine = EngineConfig(lanes=2, devices=1, fuse=2)
    bases: Any = TinyBases(model)
    run_grid(GridWork(plan, set(), bases, {("", "task"): TASK}, engine, tmp_path), outcomes)
    runs = probe([model], protocol)[0]
    for seed in range(2):
        expected = outcomes.results[f"PT:task:{seed}"]
        found = runs[seed][RATES.index(protocol.learning_rate)]
        check_equal(found, expected)
        assert 100 * found.test == pytest.approx(expected.test)
        assert found.progress.reason is expected.stop_reason
        assert 100 * (found.progress.best or 0) == pytest.approx(expected.validation)
    losses = [h["train_loss"] for h in runs[1][1].history]
    assert abs(losses[-1] - losses[0]) > 0.01, "nothing is learnt, so equality says little"


def test_a_model_is_probed_as_if_alone_and_on_any_device() -> None:
    models = [checkpoint_of("bert", seed) for seed in range(3)]
    together = probe(models, protocol_of("bert"), group=4)
    for turned in (probe(models[::-1], protocol_of("bert"), group=4, devices=4),):
        for runs, others in zip(together, turned[::-1], strict=True):
            for row, other_row in zip(runs, others, strict=True):
                for run, other in zip(row, other_row, strict=True):
                    check_equal(run, other)
                    np.testing.assert_allclose(run.outputs_NxC, other.outputs_NxC, atol=2e-5)
    alone = probe(models[1:2], protocol_of("bert"), group=4)[0]
    for row, other_row in zip(together[1], alone, strict=True):
        for run, other in zip(row, other_row, strict=True):
            assert run.history == other.history, "heads of other models change one bit by bit"


def test_a_regression_and_a_subset_of_the_training_examples() -> None:
    task = tiny_task("numbers", 5, regression=True)
    runs = probe([checkpoint_of("bert")], protocol_of("bert", train_size=20), task)[0]
    assert runs[0][1].examples == 6 * 20
    assert np.isfinite(runs[0][1].test)
    assert runs[0][1].outputs_NxC is not None
    assert runs[0][1].outputs_NxC.shape == (20, 1)


def test_features_too_large_for_memory_and_device_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = [checkpoint_of("roberta", seed) for seed in range(2)]
    expected = probe(models, protocol_of("roberta"))
    monkeypatch.setattr(features_module, "MAPPED_BYTES", 0)
    monkeypatch.setattr(table_module, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(table_module, "ROWS", 7)
    found = probe(models, protocol_of("roberta"))
    for m in range(2):
        check_equal(found[m][1][1], expected[m][1][1], 1e-6)
        np.testing.assert_allclose(
            found[m][0][0].outputs_NxC, expected[m][0][0].outputs_NxC, atol=1e-6
        )


def test_heads_stop_by_patience_one_by_one_and_diverge_alone() -> None:
    protocol = protocol_of("bert", epochs=40, patience=200, early_stop_epsilon=0.5)
    rates = (1e-9, 1e38)
    still, wild = probe([checkpoint_of("bert")], protocol, rates=rates, seeds=1)[0][0]
    assert still.progress.reason is StopReason.PATIENCE
    assert still.examples == 240
    assert wild.progress.reason is StopReason.DIVERGED
    assert wild.outputs_NxC is None


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_packed_features_are_those_of_single_examples(family: str) -> None:
    mesh = lane_mesh(1)
    model = checkpoint_of(family)
    objective = Classification(model.config.shape, 3)
    program = FeatureProgram(objective, jnp.float32, mesh)
    packed = program(program.place(model.params), pack_task(TASK, None, mesh)).by_split["test"]
    offsets = TASK.test.offsets
    for i in (0, 7, 19):
        cut = slice(offsets[i], offsets[i + 1])
        split = replace(
            TASK.test,
            tokens=TASK.test.tokens[cut],
            offsets=np.array([0, offsets[i + 1] - offsets[i]]),
            boundaries=TASK.test.boundaries[i : i + 1],
            labels=TASK.test.labels[i : i + 1],
        )
        one = replace(TASK, train=split, validation=split, test=split)
        alone = program(program.place(model.params), pack_task(one, None, mesh)).by_split["test"]
        np.testing.assert_allclose(packed[i], alone[0], atol=1e-5)
    assert packed.shape == (
        20,
        FAMILIES[model.config.family].shapes(model.config, None)["embeddings"]["word"].shape[1],
    )
