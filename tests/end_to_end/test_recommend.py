"""From a spreadsheet to a trained model by one command, killed on the way, loaded by transformers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from intertrain_jax.data.quickstart.tasks import generate
from intertrain_jax.engine.loop import GridLoop
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.workflows.recommend import recommend
from intertrain_jax.workflows.runner import Devices
from tests.searches import decision

BUDGET = 4
SETTINGS = [
    "protocol.epochs=1",
    "protocol.learning_rate=0.002",
    "engine.devices=1",
    "engine.row_length=36",
    "engine.block_rows=1",
]


def write_csv(file: Path, split: str, rows: int) -> None:
    """Writes rows as a spreadsheet does: semicolons, a mark, labels that are words."""
    made = generate("reviews")[split]
    lines = [
        f'"{text}";{("disliked", "liked")[int(label)]}'
        for text, label in zip(made["text"][:rows], made["label"][:rows], strict=True)
    ]
    file.write_text("\ufefftext;opinion\r\n" + "\r\n".join(lines) + "\r\n", "utf-8")


def write_models(folder: Path) -> list[str]:
    """Writes the small encoder with more and more of its weights drowned in noise."""
    original, made = resolve_reference("quickstart"), []
    for k, noise in enumerate((0.02, 0.3)):
        place = folder / f"noise-{k}"
        shutil.copytree(original, place)
        rng = np.random.default_rng(k)
        weights = {
            name: (x + noise * rng.standard_normal(x.shape)).astype(x.dtype)
            for name, x in load_file(original / "model.safetensors").items()
        }
        save_file(weights, place / "model.safetensors", {"format": "pt"})
        made.append(str(place))
    return made


def search(folder: Path, out: Path, models: list[str], runner: Devices) -> Any:
    return recommend(
        folder / "train.csv",
        test=folder / "test.csv",
        models=models,
        pretrained="quickstart",
        budget=BUDGET,
        price=0.0,
        out=out,
        overrides=SETTINGS,
        runner=runner,
    )


def records(out: Path) -> list[Path]:
    return list((out / "records").rglob("*.json"))


@pytest.mark.timeout(600)
def test_a_killed_search_gives_what_one_that_was_not_gives(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(tmp_path / "train.csv", "train", 160)
    write_csv(tmp_path / "test.csv", "test", 100)
    models = write_models(tmp_path)
    compiled: list[int] = []
    run = GridLoop.run

    def counted(self: GridLoop) -> Any:
        progress = run(self)
        compiled.append(progress.compilations)
        return progress

    monkeypatch.setattr(GridLoop, "run", counted)
    devices = Devices()
    whole = search(tmp_path, tmp_path / "whole", models, devices)
    assert len(compiled) > 1 and sum(compiled) == 1, "one program for all runs of a search"

    # The same in a process of its own, which is killed when the first of its records is there.
    words = ["--budget", str(BUDGET), "--price", "0", "--pretrained", "quickstart"]
    words += [word for model in models for word in ("--model", model)]
    words += [word for setting in SETTINGS for word in ("--set", setting)]
    killed = tmp_path / "killed"
    files = ["--target", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    program = "from intertrain_jax.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "recommend", *files, "--out", str(killed), *words],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    while not records(killed) and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    _, errors = process.communicate()
    assert records(killed), errors.decode()[-2000:]
    assert len(records(killed)) < BUDGET and not (killed / "decision.json").exists()
    again = search(tmp_path, killed, models, devices)
    assert sum(compiled) == 1
    assert decision(killed) == decision(tmp_path / "whole")
    assert again.model == whole.model

    # What it gives is what transformers loads, and scores on test what its record says.
    pytest.importorskip("torch")
    from transformers import pipeline

    stored = ResultsDir(killed).runs.read_all().by_key.values()
    card = (killed / "model" / "README.md").read_text("utf-8")
    (record,) = (one for one in stored if f"Run {one.id}" in card)
    assert record.result is not None
    made = generate("reviews")["test"]
    classify = pipeline("text-classification", model=str(again.directory), device="cpu")
    said = [answer["label"] for answer in classify([str(text) for text in made["text"][:100]])]
    right = [("disliked", "liked")[int(label)] for label in made["label"][:100]]
    assert 100.0 * np.mean([a == b for a, b in zip(said, right, strict=True)]) == pytest.approx(
        record.result.test, abs=1.01
    )
    assert not (killed / "checkpoints").exists(), "weights that are not given are not kept"
