"""From a spreadsheet to a trained model, which transformers loads."""

from __future__ import annotations

import shutil
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
from intertrain_jax.workflows.report import report

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


@pytest.mark.timeout(600)
def test_what_a_search_gives_is_what_transformers_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(tmp_path / "train.csv", "train", 160)
    write_csv(tmp_path / "test.csv", "test", 100)
    compiled: list[int] = []
    run = GridLoop.run

    def counted(self: GridLoop) -> Any:
        progress = run(self)
        compiled.append(progress.compilations)
        return progress

    monkeypatch.setattr(GridLoop, "run", counted)
    found = recommend(
        tmp_path / "train.csv",
        test=tmp_path / "test.csv",
        models=write_models(tmp_path),
        pretrained="quickstart",
        budget=BUDGET,
        price=0.0,
        out=tmp_path / "out",
        overrides=SETTINGS,
    )
    assert len(compiled) > 1 and sum(compiled) == 1, "one program for all runs of a search"
    assert found.verdict.runs == BUDGET
    assert not (found.out / "checkpoints").exists(), "weights that are not given are not kept"

    # A report says which runs no decision asked for, beside those that were done.
    (board,) = report(found.out, out=tmp_path / "site", figures=False).boards
    assert board.progress is not None and board.progress.done == BUDGET
    assert {model.status for model in board.models} <= {"complete", "partial", "not tested"}

    # It scores on test what its record says.
    pytest.importorskip("torch", reason="loads the model with transformers and torch")
    from transformers import pipeline

    stored = ResultsDir(found.out).runs.read_all().by_key.values()
    card = (found.directory / "README.md").read_text("utf-8")
    (record,) = (one for one in stored if f"Run {one.id}" in card)
    assert record.result is not None
    made = generate("reviews")["test"]
    classify = pipeline("text-classification", model=str(found.directory), device="cpu")
    said = [answer["label"] for answer in classify([str(text) for text in made["text"][:100]])]
    right = [("disliked", "liked")[int(label)] for label in made["label"][:100]]
    assert 100.0 * np.mean([a == b for a, b in zip(said, right, strict=True)]) == pytest.approx(
        record.result.test, abs=1.01
    )
