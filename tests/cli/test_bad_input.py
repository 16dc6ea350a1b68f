"""Bad input: one line naming thing, rule, value and next step, exit code 2, nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from intertrain_jax.cli import main
from tests.experiments import TASKS, raw_config, write_task, write_tokenizer
from tests.models.tiny_models import ModelFactory

Mutate = Callable[[Path, dict[str, Any]], Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a whole tiny experiment: data, a real model, a tokenizer."""
    for task in TASKS:
        write_task(tmp_path / "data" / task)
    ModelFactory(tmp_path)("bert").rename(tmp_path / "model")
    write_tokenizer(tmp_path / "model")
    (tmp_path / "work").mkdir()
    return tmp_path


def listing(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if "cache" not in path.parts
    }


def invoke(folder: Path, monkeypatch: pytest.MonkeyPatch, mutate: Mutate) -> str:
    """Runs a grid on an experiment that was changed; returns the error."""
    monkeypatch.chdir(folder / "work")
    raw = raw_config(folder, protocol={"max_length": 12})
    arguments = mutate(folder, raw) or []
    assert isinstance(arguments, list)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(raw), "utf-8")
    before = listing(folder)
    result = CliRunner().invoke(
        main, ["grid", "--config", str(folder / "tiny.yaml"), "--quiet", *arguments]
    )
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert listing(folder) == before
    return line


def change_line(file: Path, number: int, **changes: Any) -> None:
    """Changes keys of one line of a JSON-lines file; None removes a key."""
    lines = file.read_text("utf-8").splitlines()
    row = {**json.loads(lines[number]), **changes}
    lines[number] = json.dumps({key: value for key, value in row.items() if value is not None})
    file.write_text("\n".join(lines) + "\n", "utf-8")


def without_column(folder: Path, raw: dict[str, Any]) -> None:
    file = folder / "data" / "beta" / "train.jsonl"
    for number in range(len(file.read_text("utf-8").splitlines())):
        change_line(file, number, text=None, txet="x")


def with_tensors(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Rewrites the model's tensors."""
    models = ModelFactory(folder / "work")
    tensors = models.tensors(models.config("bert"))
    change(tensors)
    made = models.write(models.config("bert"), tensors)
    (made / "model.safetensors").replace(folder / "model" / "model.safetensors")
    (made / "config.json").unlink()
    made.rmdir()


def without_tensor(folder: Path, raw: dict[str, Any]) -> None:
    with_tensors(folder, lambda tensors: tensors.pop(sorted(tensors)[5]))


def with_misshaped_tensor(folder: Path, raw: dict[str, Any]) -> None:
    def change(tensors: dict[str, Any]) -> None:
        tensors[sorted(tensors)[5]] = np.zeros((3, 7), np.float32)

    with_tensors(folder, change)


def other_experiment(folder: Path, raw: dict[str, Any]) -> None:
    out = folder / "out"
    out.mkdir()
    (out / "experiment.yaml").write_text(yaml.safe_dump({**raw, "name": "other"}), "utf-8")


def model_config(**changes: Any) -> Mutate:
    def mutate(folder: Path, raw: dict[str, Any]) -> None:
        file = folder / "model" / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **changes}), "utf-8")

    return mutate


def write(*parts: str, text: str) -> Mutate:
    return lambda folder, raw: Path(folder, *parts).write_text(text, "utf-8") and None


def arguments(*given: str) -> Mutate:
    return lambda folder, raw: list(given)


CASES: dict[str, tuple[Mutate, tuple[str, ...]]] = {
    "unknown task": (
        arguments("--set", "targets=[alpha, twet_irony]"),
        ("'twet_irony'", "Did you mean 'tweet_irony'"),
    ),
    "missing column": (without_column, ("'beta'", "train.jsonl", "column 'text'", "'txet'")),
    "label outside": (
        lambda folder, raw: change_line(folder / "data" / "beta" / "train.jsonl", 6, label=2),
        ("'beta'", "train.jsonl", "row 7", "label 2", "0 bad, 1 good"),
    ),
    "empty split": (
        write("data", "alpha", "validation.jsonl", text=""),
        ("'alpha'", "validation.jsonl", "at least one"),
    ),
    "not JSON": (
        write("data", "alpha", "train.jsonl", text='{"text": "a", "label": 0}\n{"text": \n'),
        ("train.jsonl", "line 2", "not valid JSON"),
    ),
    "no such split": (
        lambda folder, raw: (folder / "data" / "alpha" / "train.jsonl").unlink(),
        ("'alpha'", "'train'", "validation"),
    ),
    "data directory missing": (arguments("--data-dir", "nowhere"), ("'nowhere'", "--data-dir")),
    "model without config": (
        lambda folder, raw: (folder / "model" / "config.json").unlink(),
        ("model", "config.json"),
    ),
    "architecture": (model_config(model_type="gpt2"), ("gpt2", "bert", "roberta")),
    "missing tensor": (without_tensor, ("model", "encoder.layer.0")),
    "misshaped tensor": (with_misshaped_tensor, ("encoder.layer.0", "3", "7")),
    "model too short": (
        arguments("--set", "protocol.max_length=13"),
        ("'protocol.max_length'", "at most 12", "is 13"),
    ),
    "no seeds": (arguments("--seeds", "0"), ("'seeds'", ">= 1", "got 0")),
    "unknown key": (
        arguments("--set", "protocol.epoch=3"),
        ("'protocol.epoch'", "Did you mean 'epochs'"),
    ),
    "too many devices": (arguments("--set", "engine.devices=99"), ("engine.devices", "99")),
    "another experiment": (
        other_experiment,
        ("belongs to another experiment", "'name'", "'other'", "'tiny'", "--out"),
    ),
    "directory of other things": (
        arguments("--out", "../data"),
        ("must be empty or hold an experiment", "--out"),
    ),
    "below a file": (arguments("--out", "../tiny.yaml/results"), ("tiny.yaml", "--out")),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate, parts = CASES[case]
    line = invoke(folder, monkeypatch, mutate)
    for part in parts:
        assert part in line


def test_unwritable_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests may run as root, whom no mode bits stop: the system's answer is what is replaced.
    place = folder / "work"
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).resolve() != place)
    line = invoke(folder, monkeypatch, arguments("--out", str(place / "results")))
    assert "must be writable" in line
    assert str(place) in line


def test_the_unchanged_experiment_passes_every_check(folder: Path) -> None:
    from intertrain_jax.config.experiment import load_config
    from intertrain_jax.workflows.grid import prepare
    from intertrain_jax.workflows.runner import Devices
    from intertrain_jax.workflows.watch import Silent

    config = load_config(raw_config(folder, protocol={"max_length": 12}))
    prepared = prepare(config, Devices(), Silent())
    assert len(prepared.plan.runs) == 12
    assert not config.out_dir.exists()
