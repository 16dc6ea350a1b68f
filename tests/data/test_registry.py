"""The registry against real data: labels, columns and sizes of the official splits."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.data.load import load_task
from intertrain_jax.data.registry import TASKS
from intertrain_jax.data.tasks import get_task

# Official validation sets that the paper's Table 3 was scored on.
TEST_SIZES = {"wnli": 71, "wsc": 104, "cb": 56, "copa": 100, "mnli": 1000, "rte": 277}


@pytest.mark.parametrize("task", [t.name for t in TASKS if t.name != "anli"])
def test_real_data_fit_the_registry(shared_data: Path, task: str) -> None:
    if not (shared_data / task).is_dir():
        pytest.skip(f"no real data of {task}")
    data = load_task(get_task(task), DataConfig(data_dir=str(shared_data)))
    rows = data.origin["rows"]
    assert min(rows.values()) > 0
    assert rows["test"] == TEST_SIZES.get(task, rows["test"])
    if not get_task(task).regression:
        # Every class occurs: a registry with too many labels, or in other order, would show.
        assert len(set(data.splits["train"].labels)) == len(get_task(task).labels)


def test_real_anli_lacks_a_train_split(shared_data: Path) -> None:
    with pytest.raises(IntertrainError, match="has no split 'train', it has test, validation"):
        load_task(get_task("anli"), DataConfig(data_dir=str(shared_data)))
