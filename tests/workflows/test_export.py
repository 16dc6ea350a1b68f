"""Models written out from Python: labels, tokenizers, revisions, and the source models of a grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import load_config
from intertrain_jax.config.origins import origin_of, other_names
from intertrain_jax.models.hf import check as check_module  # before what it imports is replaced
from intertrain_jax.models.hf import weights
from intertrain_jax.models.hf.weights import load_checkpoint
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.workflows.export import check, export, export_sources
from tests.experiments import raw_config, write_tokenizer
from tests.kept_grids import kept_grid
from tests.models.tiny_models import CONFIGS, ModelFactory

LABELS = [f"class {k}" for k in range(12)]


@pytest.fixture
def factory(tmp_path: Path) -> ModelFactory:
    """Writes tiny models."""
    return ModelFactory(tmp_path)


def equal(left: Path, right: Path) -> bool:
    """Whether two directories hold the same weights and head, bit by bit."""
    one, other = load_checkpoint(str(left)), load_checkpoint(str(right))
    same = jax.tree.map(np.array_equal, (one.params, one.head), (other.params, other.head))
    return all(jax.tree.leaves(same))


def test_labels_keep_the_order_of_their_ids(factory: ModelFactory, tmp_path: Path) -> None:
    # A file lists them in any order, and as text "10" comes before "2".
    names = {str(k): LABELS[k] for k in sorted(range(12), key=str)}
    model = factory("bert", 12, id2label=names)
    out = export(str(model), tmp_path / "out")
    written = json.loads((out / "config.json").read_text("utf-8"))
    assert [written["id2label"][str(k)] for k in range(12)] == LABELS
    assert written["architectures"] == ["BertForSequenceClassification"]
    assert equal(model, out)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_model_without_labels_is_written_as_its_body(
    factory: ModelFactory, tmp_path: Path, kind: str
) -> None:
    model = write_tokenizer(factory(kind))
    out = export(str(model), tmp_path / "deep" / "out")
    assert out == tmp_path / "deep" / "out" and equal(model, out)
    written = json.loads((out / "config.json").read_text("utf-8"))
    assert "id2label" not in written
    assert (out / "tokenizer.json").read_bytes() == (model / "tokenizer.json").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_a_folder_with_files_stays_as_it_is(factory: ModelFactory, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("precious")
    with pytest.raises(IntertrainError, match="new or empty directory"):
        export(str(factory("bert")), tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]


def test_a_revision_is_part_of_the_name_or_given_beside_it(
    factory: ModelFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []
    model = str(factory("bert"))

    def load(reference: str, revision: str | None, texts: bool = True) -> Any:
        asked.append((reference, revision))
        return load_checkpoint(model)

    monkeypatch.setattr(weights, "load_checkpoint", load)
    monkeypatch.setattr(check_module, "check_model", lambda *given: asked.append(given))
    for k, (name, beside) in enumerate([("org/x@v1", None), ("org/x", "v1"), ("org/x@v1", "v1")]):
        export(name, tmp_path / f"{k}", beside)
        check(name, beside)
    assert asked == [("org/x", "v1")] * 6
    for call in (check, lambda name, revision: export(name, tmp_path / "no", revision)):
        with pytest.raises(IntertrainError, match=r"v1.*v2"):
            call("org/x@v1", "v2")
    assert len(asked) == 6 and not (tmp_path / "no").exists()


def test_check_says_what_became_of_every_tensor(
    factory: ModelFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # as without torch
    model = factory("bert", 3)
    report = check(str(model))
    tensors = factory.tensors(CONFIGS["bert"], 3)
    assert sorted(used.name for used in report.load.used) == sorted(tensors)
    assert report.num_parameters == sum(tensor.size for tensor in tensors.values())
    assert report.parity == {} and report.ok


def test_the_source_models_of_a_grid_are_written_one_by_one(tmp_path: Path) -> None:
    out, kept = kept_grid(tmp_path)
    writing = export_sources(out, tmp_path / "models", seed=1)
    assert not (tmp_path / "models").exists()
    first = next(writing)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [first.name]
    assert {first.name, *(path.name for path in writing)} == {"alpha", "beta"}
    for task in ("alpha", "beta"):
        found = load_checkpoint(str(tmp_path / "models" / task))
        origin = origin_of(str(tmp_path / "models" / task))
        assert origin is not None and (origin.source, origin.seed) == (task, 1)
        assert other_names([task], [str(tmp_path / "models" / task)])
        assert found.hf_config["id2label"] == {"0": "bad", "1": "good"}
        whole = {**found.params, "head": found.head}
        jax.tree.map(np.testing.assert_array_equal, whole, kept[task, 1])
    with pytest.raises(IntertrainError, match="have source models of seed 2"):
        list(export_sources(out, tmp_path / "more", seed=2))


def test_source_models_are_of_the_commit_that_the_grid_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A branch that has moved since may have another configuration and another tokenizer."""
    config = load_config(raw_config(tmp_path, model={"pretrained": "org/pt@main"}))
    directory = ResultsDir(config.out_dir)
    with directory.exclusive():
        directory.write(config, Resolution(revisions={"org/pt@main": "c0ffee"}))

    def load(reference: str, revision: str | None) -> None:
        raise LookupError(reference, revision)

    monkeypatch.setattr(weights, "load_checkpoint", load)
    with pytest.raises(LookupError) as found:
        next(export_sources(config.out_dir, tmp_path / "models"))
    assert found.value.args == ("org/pt", "c0ffee")


def test_a_directory_without_a_grid_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match="is neither a file nor a results directory"):
        next(export_sources(tmp_path / "nothing", tmp_path / "models"))
    assert not (tmp_path / "models").exists()
