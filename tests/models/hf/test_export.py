"""An exported model loads back bit-equal, here and in transformers, and is written whole or not."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import ENCODERS, ModelFactory

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.hf import export
from intertrain_jax.models.hf.export import export_checkpoint
from intertrain_jax.models.hf.tensors import tensors_from_params
from intertrain_jax.models.hf.weights import Checkpoint, load_checkpoint

MODEL_TYPES = [*ENCODERS, "xlm-roberta", "camembert"]


def _export(checkpoint: Checkpoint, directory: Path, **options: Any) -> None:
    export_checkpoint(
        directory,
        checkpoint.config,
        checkpoint.params,
        checkpoint.head,
        checkpoint.hf_config,
        **options,
    )


@pytest.mark.parametrize("classes", [None, 1, 3])
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_loading_what_was_exported_is_bit_equal(
    models: ModelFactory, tmp_path: Path, model_type: str, classes: int | None
) -> None:
    first = load_checkpoint(str(models(model_type, classes)))
    _export(first, tmp_path / "out")
    second = load_checkpoint(str(tmp_path / "out"))
    ours = tensors_from_params(first.config, first.params, first.head)
    theirs = tensors_from_params(second.config, second.params, second.head)
    assert ours.keys() == theirs.keys()
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    assert second.config == first.config
    assert second.fingerprint == first.fingerprint
    assert (second.report.ignored, second.report.initialised) == ((), ())
    _export(second, tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_transformers_loads_all_of_it_and_nothing_else(
    models: ModelFactory, tmp_path: Path, model_type: str
) -> None:
    pytest.importorskip("torch", reason="loads the export with transformers and torch")
    from transformers import AutoModelForSequenceClassification

    checkpoint = load_checkpoint(str(models(model_type, 3)))
    _export(checkpoint, tmp_path / "out", label_names=["no", "yes", "both"])
    model, info = AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "out", output_loading_info=True
    )
    assert not any(info.values()), info
    assert model.config.id2label == {0: "no", 1: "yes", 2: "both"}
    ours = tensors_from_params(checkpoint.config, checkpoint.params, checkpoint.head)
    theirs = model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name].numpy()) for name in ours)


def test_labels_architecture_and_problem_are_the_exports_own(
    models: ModelFactory, tmp_path: Path
) -> None:
    options = {"id2label": {"0": "old"}, "num_labels": 7, "torch_dtype": "float16", "extra": 1}
    checkpoint = load_checkpoint(str(models("xlm-roberta", 2, **options)))
    _export(checkpoint, tmp_path / "out", label_names=["a", "b"])
    content = json.loads((tmp_path / "out" / "config.json").read_text())
    assert content["architectures"] == ["XLMRobertaForSequenceClassification"]
    assert content["id2label"] == {"0": "a", "1": "b"}
    assert content["label2id"] == {"a": 0, "b": 1}
    assert content["problem_type"] == "single_label_classification"
    assert (content["dtype"], content["extra"]) == ("float32", 1)
    assert not content.keys() & {"torch_dtype", "num_labels"}


def test_one_output_is_regression(models: ModelFactory, tmp_path: Path) -> None:
    _export(load_checkpoint(str(models("bert", 1))), tmp_path / "out")
    content = json.loads((tmp_path / "out" / "config.json").read_text())
    assert content["problem_type"] == "regression"


def test_the_tokenizer_comes_along(models: ModelFactory, tmp_path: Path) -> None:
    base = models("bert")
    (base / "tokenizer.json").write_text("{}")
    (base / "README.md").write_text("not copied")
    _export(load_checkpoint(str(base)), tmp_path / "out", tokenizer_from=base)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json"}


def test_a_directory_with_files_is_left_alone(models: ModelFactory, tmp_path: Path) -> None:
    directory = models("bert")
    before = (directory / "config.json").read_bytes()
    with pytest.raises(IntertrainError, match="new or empty directory"):
        _export(load_checkpoint(str(directory)), directory)
    assert (directory / "config.json").read_bytes() == before


@pytest.mark.parametrize("labels", [["a"], ["a", "a"]])
def test_labels_that_do_not_fit_are_an_error(
    models: ModelFactory, tmp_path: Path, labels: list[str]
) -> None:
    with pytest.raises(IntertrainError, match="one distinct label name for each of its 2"):
        _export(load_checkpoint(str(models("bert", 2))), tmp_path / "out", label_names=labels)
    assert not (tmp_path / "out").exists()


def test_an_interrupted_export_leaves_nothing(
    models: ModelFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = load_checkpoint(str(models("bert", 2)))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export.shutil, "copyfile", fail)
    (checkpoint.directory / "tokenizer.json").write_text("{}")
    parent = tmp_path / "exports"
    with pytest.raises(IntertrainError, match="No space left on device"):
        _export(checkpoint, parent / "out", tokenizer_from=checkpoint.directory)
    assert list(parent.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX")
@pytest.mark.parametrize(("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750)])
def test_others_may_read_what_new_files_let_them(
    models: ModelFactory, tmp_path: Path, mask: int, file: int, folder: int
) -> None:
    checkpoint = load_checkpoint(str(models("bert", 3)))
    before = os.umask(mask)
    try:
        _export(checkpoint, tmp_path / "out", beside={"README.md": "# A model"})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == folder
    rights = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "out").iterdir()}
    assert rights == dict.fromkeys(("config.json", "model.safetensors", "README.md"), file)
