"""The features of a group of models: on the device, or shipped rows at a time, the same either way."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.data.batches import Batch
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.probe import table as module
from intertrain_jax.probe.features import Features
from intertrain_jax.probe.table import STEPS, FeatureTable, Probed

SIZES = {"train": 11, "validation": 3, "test": 7}
WIDTH, GROUP = 4, 3
LABELS = np.arange(11, dtype=np.float32) * 10


def probed(seed: int) -> Probed:
    draw = np.random.default_rng(seed)
    by_split = {s: draw.normal(size=(n, WIDTH)).astype(np.float32) for s, n in SIZES.items()}
    config: Any = None
    return Probed(config, None, Features(by_split))


MODELS = [probed(0), probed(1)]


@pytest.fixture(params=[True, False], ids=["resident", "shipped"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FeatureTable:
    """Two models in a group of three, that fit on the device to the byte or lack one."""
    monkeypatch.setattr(module, "ROWS", 4)
    needed = sum(SIZES.values()) * WIDTH * 4 * GROUP
    monkeypatch.setattr(module, "RESIDENT_BYTES", needed if request.param else needed - 1)
    mesh = lane_mesh(1)
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(mesh.axis_names[0]))
    made = FeatureTable(MODELS, GROUP, sharding)
    assert len(made.parts("train")) == (1 if request.param else 3)
    return made


def test_parts_of_a_split_have_every_row_of_every_model(table: FeatureTable) -> None:
    assert table.sizes == SIZES
    for split, size in SIZES.items():
        parts = [np.asarray(part) for part in table.parts(split)]
        assert len({part.shape for part in parts}) == 1, "there is one program"
        rows = np.concatenate(parts, axis=1)
        for place, model in enumerate(MODELS):
            np.testing.assert_array_equal(rows[place, :size], model.features.by_split[split])
            # The last part is filled up with its own last row.
            last = model.features.by_split[split][-1]
            assert (rows[place, size:] == last).all()
        assert (rows[len(MODELS) :] == 0).all(), "idle places are zero"


def test_batches_are_rows_of_the_table_that_comes_with_them(table: FeatureTable) -> None:
    batches = [
        [Batch(0, np.array([3, 0]), 2, False), Batch(0, np.array([10, 4]), 2, False)],
        [Batch(1, np.array([7]), 3, True), Batch(1, np.array([1, 2]), 4, True)],
        [Batch(2, np.array([5, 6]), 5, False), Batch(2, np.array([9]), 5, False)],
    ]
    steps, features = table.steps(batches, LABELS, batch_size=2)
    assert steps.count == 3
    assert steps.used_TxSxB.shape == (STEPS, 2, 2)
    assert steps.used_TxSxB[:3].tolist() == [
        [[True, True], [True, True]],
        [[True, False], [True, True]],
        [[True, True], [True, False]],
    ]
    assert not steps.used_TxSxB[3:].any()
    held = np.asarray(features)
    for t, of_seeds in enumerate(batches):
        for s, batch in enumerate(of_seeds):
            used = steps.used_TxSxB[t, s]
            examples = steps.examples_TxSxB[t, s][used]
            np.testing.assert_array_equal(examples, batch.examples)
            np.testing.assert_array_equal(steps.labels_TxSxB[t, s][used], 10.0 * examples)
            rows = steps.rows_TxSxB[t, s][used]
            for place, model in enumerate(MODELS):
                expected = model.features.by_split["train"][batch.examples]
                np.testing.assert_array_equal(held[place, rows], expected)
