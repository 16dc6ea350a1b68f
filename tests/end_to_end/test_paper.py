"""The paper's experiments from their configurations to their figures, with small models and data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file, save_file

import intertrain_jax as ij
from intertrain_jax.claims.probe import FEWEST_MODELS
from intertrain_jax.config.files import bundled_configs
from intertrain_jax.config.study import is_study
from intertrain_jax.data.task import Task, slots
from intertrain_jax.data.tasks import expand, list_tasks
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.workflows.runner import Devices

PAPER = sorted(name for name in bundled_configs() if name.startswith("paper/"))
ROWS = 12
_WORDS = ("great", "awful", "fine", "cold", "old")
# Claims that records of an experiment decide, whichever way: those with a figure of it.
FIGURES = {
    "paper/source-size": {"source-size-good", "source-size-bad"},
    "paper/target-size": {"target-size"},
    "paper/good-bad-basins": {"good-basins"},
    "paper/estimators": {"probe-ranks-models"},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with `data/`, rows of every known task, and `models/`, encoders that differ."""
    folder = tmp_path_factory.mktemp("world")
    for task in list_tasks():
        write_rows(task, folder / "data" / task.name)
    for original, norm in (
        ("quickstart", "LayerNorm.weight"),
        ("quickstart-t5", "layer_norm.weight"),
    ):
        weights = load_file(resolve_reference(original) / "model.safetensors")
        key = next(key for key in weights if key.endswith(norm))
        for name in "abcd":
            place = folder / "models" / original / name
            shutil.copytree(resolve_reference(original), place)
            changed = {**weights, key: weights[key] + np.float32(0.01 * ord(name))}
            save_file(changed, place / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def devices() -> Devices:
    """Returns what computes, with its compiled programs, for all experiments."""
    return Devices()


def write_rows(task: Task, folder: Path) -> None:
    """Writes the official splits that a task reads, its labels in turn."""
    folder.mkdir(parents=True)
    columns = [slot for text in task.texts for slot in slots(text)]
    splits = task.splits
    names = ("train", "test") if splits is None else (splits.train, splits.validation, splits.test)
    for split in filter(None, names):
        lines = []
        for k in range(2 * ROWS):
            label = k / ROWS if task.regression else k % max(len(task.labels), 2)
            said = " ".join([_WORDS[int(label) % len(_WORDS)]] * 8)
            row = dict.fromkeys(columns, f"dish {k} was {said}")
            lines.append(json.dumps({**row, task.label: label}))
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


def small(value: Any, models: Path, sources: int, key: str = "") -> Any:
    """Returns a configuration with its parts and methods as they are, and less of everything."""
    if key == "model":
        pretrained = "quickstart-t5" if "t5" in value["pretrained"] else "quickstart"
        # The first model of the smaller basin.
        names = "cd" if "connectivity/feather_berts_15" in value.get("bases", ()) else "ab"
        bases = [str(models / pretrained / name) for name in names if "bases" in value]
        return {"pretrained": pretrained, "bases": bases}
    if key in ("sources", "targets") and isinstance(value, list):
        if not any(name in {task.name for task in list_tasks()} for name in value):
            value = [task.name for task in expand(value) if len(task.labels) in (2, 3)]
        return value[: sources if key == "sources" else 2]
    if key == "rank":
        probe = {"epochs": 30, "batch_size": 8, "max_length": 32}
        return {**value, "seeds": 2, "learning_rates": [5e-2], "protocol": probe}
    if isinstance(value, Mapping):
        return {name: small(part, models, sources, name) for name, part in value.items()}
    fewer: dict[str, Any] = {
        "seeds": 2 if value == 20 else 1,
        "epochs": 1 if value is not None else None,
        "max_examples": 2 * ROWS,
        "batch_size": 8,
    }
    if key.endswith("train_size") and isinstance(value, list):
        return [4, 8]
    return fewer.get(key, value)


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.timeout(600)
def test_an_experiment_of_the_paper_runs_to_its_figures(
    name: str, world: Path, devices: Devices, tmp_path: Path
) -> None:
    raw = yaml.safe_load(bundled_configs()[name].read_text("utf-8"))
    protocol = {"epochs": 1, "probe_epochs": 0.5, "batch_size": 8, "max_length": 32}
    # That many are ranked and correlated at least.
    made = small(raw, world / "models", FEWEST_MODELS if name == "paper/estimators" else 3)
    config = {
        **made,
        "protocol": {**made.get("protocol", {}), **protocol},
        "data": {"data_dir": str(world / "data"), "limit": ROWS},
        "engine": {**raw.get("engine", {}), "lanes": 2, "row_length": 64, "block_rows": 2},
    }
    file, out = tmp_path / "small.yaml", tmp_path / "out"
    (tmp_path / "moved").mkdir()
    file.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    if is_study(file):
        study = ij.study(file, out=out, runner=devices)
        runs, done, failed = study.counts
        page = (out / "README.md").read_text("utf-8")
        assert all(verdict.title in page for verdict in study.verdicts)
        drawn = {path.stem for path in (out / "analysis" / "figures").glob("*.svg")}
        assert FIGURES.get(name, set()) <= {stem.partition(".")[0] for stem in drawn}
        # Rankings too are found where the study lies now, though they name models by where it was.
        moved = out.rename(tmp_path / "moved" / "elsewhere")
        ij.results(moved)
        assert (moved / "README.md").read_text("utf-8") == page
    else:
        grid = ij.grid(file, out=out, runner=devices)
        done, failed, runs = *grid.counts, len(grid.plan.runs)
        assert grid.gains.notna().all(axis=None)
        assert (out / "analysis" / "figures" / "gain_matrix.svg").is_file()
    assert (done, failed) == (runs, 0) and runs > 4
